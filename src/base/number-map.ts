const slotsMin = 16;
/** 2^32 over the golden ratio: multiplied by it, numbers that follow each other spread evenly (Knuth, volume 3, 6.4). */
const spread = 0x9e3779b1;

/**
 * A map from whole numbers to what comes and goes with every request. Not a Map, for what the engine makes of one that changes all the
 * time: a table that it has filled points to the table that came after, and keeps what it held. Once one such table has become old, every
 * later one outlives it, with all that was under way when they changed, until the next collection of the whole heap. Every request
 * is then copied twice by the collector.
 *
 * Open addressing with linear probing; what is deleted leaves no mark, for what follows it moves up (Knuth, volume 3, 6.4, algorithm R).
 */
export class NumberMap<T extends object> {
  #keys = new Float64Array(slotsMin);
  #values: (T | undefined)[] = new Array<T | undefined>(slotsMin).fill(undefined);
  #size = 0;
  /** Of the hash, so that it is below the number of slots. */
  #shift = 32 - Math.log2(slotsMin);

  get size(): number {
    return this.#size;
  }

  get(key: number): T | undefined {
    return this.#values[this.#slotOf(key)];
  }

  set(key: number, value: T): void {
    let slot = this.#slotOf(key);
    if (this.#values[slot] === undefined) {
      // Half of the slots stay empty, so that few have to be looked at.
      if (++this.#size * 2 > this.#keys.length) {
        this.#grow();
        slot = this.#slotOf(key);
      }
      this.#keys[slot] = key;
    }
    this.#values[slot] = value;
  }

  /** False: it was not there. */
  delete(key: number): boolean {
    const values = this.#values;
    const keys = this.#keys;
    let hole = this.#slotOf(key);
    if (values[hole] === undefined) return false;
    const mask = keys.length - 1;
    for (let slot = (hole + 1) & mask; values[slot] !== undefined; slot = (slot + 1) & mask) {
      const moved = keys[slot] as number;
      // From its home on it would be looked for: it may not move before that.
      if (((slot - this.#home(moved)) & mask) < ((slot - hole) & mask)) continue;
      keys[hole] = moved;
      values[hole] = values[slot];
      hole = slot;
    }
    values[hole] = undefined;
    this.#size--;
    return true;
  }

  /** All of them as they are now, in no order. */
  values(): T[] {
    const found: T[] = [];
    if (this.#size > 0) for (const value of this.#values) if (value !== undefined) found.push(value);
    return found;
  }

  #home(key: number): number {
    return Math.imul(key, spread) >>> this.#shift;
  }

  /** Where the key is, or would go. */
  #slotOf(key: number): number {
    const mask = this.#keys.length - 1;
    let slot = this.#home(key);
    while (this.#values[slot] !== undefined && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const [keys, values] = [this.#keys, this.#values];
    this.#shift--;
    this.#keys = new Float64Array(keys.length * 2);
    this.#values = new Array<T | undefined>(keys.length * 2).fill(undefined);
    for (const [slot, value] of values.entries()) {
      if (value === undefined) continue;
      const key = keys[slot] as number;
      const moved = this.#slotOf(key);
      this.#keys[moved] = key;
      this.#values[moved] = value;
    }
  }
}
