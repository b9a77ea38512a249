const chunkBits = 13;
const chunkMask = 2 ** chunkBits - 1;

/**
 * The versions made, in the order they were made: a queue of version ids, addressed by positions that stay the same when the
 * oldest are dropped.
 */
export class ChangeLog {
  #chunks: Uint32Array[] = [];
  /** Position of the first place of the first chunk. */
  #base = 0;
  #first = 0;
  #end = 0;

  /** Position of the oldest change. */
  get first(): number {
    return this.#first;
  }

  /** Position of the next change to come. */
  get end(): number {
    return this.#end;
  }

  get usedBytes(): number {
    return (this.#end - this.#first) * 4;
  }

  push(version: number): void {
    const place = this.#end - this.#base;
    if (place >= this.#chunks.length * 2 ** chunkBits) this.#chunks.push(new Uint32Array(2 ** chunkBits));
    (this.#chunks[Math.floor(place / 2 ** chunkBits)] as Uint32Array)[place & chunkMask] = version;
    this.#end++;
  }

  /** The version id at a position between `first` and `end`. */
  at(position: number): number {
    const place = position - this.#base;
    return (this.#chunks[Math.floor(place / 2 ** chunkBits)] as Uint32Array)[place & chunkMask] as number;
  }

  /** Drops the oldest change. */
  shift(): void {
    this.#first++;
    if (this.#first - this.#base < 2 ** chunkBits) return;
    this.#chunks.shift();
    this.#base += 2 ** chunkBits;
  }

  /** The first position whose version's revision, as `revisionOf` says, is at least `revision`. */
  seek(revision: number, revisionOf: (version: number) => number): number {
    let low = this.#first;
    let high = this.#end;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if (revisionOf(this.at(middle)) < revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
