/** Entries of one page before it is cut in two: an insertion moves at most so many pointers. */
const pageEntriesMax = 256;

interface Page<V> {
  readonly keys: string[];
  readonly values: V[];
}

/**
 * A map in the order of its keys' code units, for reading from any key on. Pages of sorted entries: finding is two binary
 * searches, inserting moves within a page.
 */
export class SortedMap<V> {
  #pages: Page<V>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const page = this.#pages[this.#pageOf(key)];
    if (page === undefined) return undefined;
    const at = lowerBound(page.keys, key);
    return page.keys[at] === key ? page.values[at] : undefined;
  }

  /** The value that was there. */
  set(key: string, value: V): V | undefined {
    let index = this.#pageOf(key);
    if (index < 0) {
      if (this.#pages.length === 0) this.#pages.push({ keys: [], values: [] });
      index = 0;
    }
    const page = this.#pages[index] as Page<V>;
    const at = lowerBound(page.keys, key);
    if (page.keys[at] === key) {
      const before = page.values[at];
      page.values[at] = value;
      return before;
    }
    page.keys.splice(at, 0, key);
    page.values.splice(at, 0, value);
    this.#size++;
    if (page.keys.length > pageEntriesMax) {
      const half = page.keys.length >> 1;
      this.#pages.splice(index + 1, 0, { keys: page.keys.splice(half), values: page.values.splice(half) });
    }
    return undefined;
  }

  /** The value that was there. */
  delete(key: string): V | undefined {
    const index = this.#pageOf(key);
    const page = this.#pages[index];
    if (page === undefined) return undefined;
    const at = lowerBound(page.keys, key);
    if (page.keys[at] !== key) return undefined;
    const before = page.values[at];
    page.keys.splice(at, 1);
    page.values.splice(at, 1);
    if (page.keys.length === 0) this.#pages.splice(index, 1);
    this.#size--;
    return before;
  }

  clear(): void {
    this.#pages = [];
    this.#size = 0;
  }

  /** Visits entries from `start` up to and excluding `end`, in order, until `visit` answers false. */
  scan(start: string, end: string, visit: (key: string, value: V) => boolean): void {
    let index = Math.max(0, this.#pageOf(start));
    let at = index < this.#pages.length ? lowerBound((this.#pages[index] as Page<V>).keys, start) : 0;
    for (; index < this.#pages.length; index++, at = 0) {
      const { keys, values } = this.#pages[index] as Page<V>;
      for (; at < keys.length; at++) {
        const key = keys[at] as string;
        if (key >= end || !visit(key, values[at] as V)) return;
      }
    }
  }

  /** Entries from `start` up to and excluding `end`. */
  count(start: string, end: string): number {
    return Math.max(0, this.#rank(end) - this.#rank(start));
  }

  /** Entries before `key`. */
  #rank(key: string): number {
    const index = this.#pageOf(key);
    if (index < 0) return 0;
    let before = 0;
    for (let i = 0; i < index; i++) before += (this.#pages[i] as Page<V>).keys.length;
    return before + lowerBound((this.#pages[index] as Page<V>).keys, key);
  }

  /** The last page that begins at or before `key`; -1 where all begin after it. */
  #pageOf(key: string): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (((this.#pages[middle] as Page<V>).keys[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

/** Index of the first key that is not before `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
