import type { KeyTable } from "./key-table.ts";

const pageKeysMax = 512;

interface Page {
  readonly ids: Uint32Array;
  count: number;
}

/** A place between keys. Good until a key is added or removed. */
export interface Place {
  page: number;
  index: number;
}

/**
 * Key ids in the byte order of their keys: the leaves of a B+ tree, 512 ids each, under one array that takes the place of the
 * inner nodes (ten million keys are some thirty thousand leaves).
 */
export class KeyOrder {
  readonly #keys: KeyTable;
  readonly #pages: Page[] = [];

  constructor(keys: KeyTable) {
    this.#keys = keys;
  }

  get tableBytes(): number {
    return this.#pages.length * 4 * pageKeysMax;
  }

  /** The place before the first key that is not below `key`. */
  seek(key: Uint8Array): Place {
    const page = this.#pageOf(key);
    const leaf = this.#pages[page];
    return leaf === undefined ? { page: 0, index: 0 } : { page, index: this.#lowerBound(leaf, key) };
  }

  /**
   * Visits the ids from `key` up to and excluding `end` (undefined: to the last key), in order, until `visit` answers false.
   * `visit` must not add or remove keys.
   */
  scan(key: Uint8Array, end: Uint8Array | undefined, visit: (id: number) => boolean): void {
    let { page, index } = this.seek(key);
    const stop = end === undefined ? { page: this.#pages.length, index: 0 } : this.seek(end);
    for (; page <= stop.page; page++, index = 0) {
      const leaf = this.#pages[page];
      if (leaf === undefined) return;
      const count = page === stop.page ? stop.index : leaf.count;
      for (; index < count; index++) if (!visit(leaf.ids[index] as number)) return;
    }
  }

  /** Adds the id of a key that is not there. */
  add(id: number, key: Uint8Array): void {
    let page = this.#pageOf(key);
    let leaf = this.#pages[page];
    if (leaf === undefined) {
      leaf = newPage();
      this.#pages.push(leaf);
    }
    let index = this.#lowerBound(leaf, key);
    if (leaf.count === pageKeysMax) {
      // Keys that arrive in order fill their pages; others leave them half full for what comes between.
      const kept = index === pageKeysMax ? pageKeysMax : pageKeysMax / 2;
      const right = newPage();
      right.ids.set(leaf.ids.subarray(kept));
      right.count = pageKeysMax - kept;
      leaf.count = kept;
      this.#pages.splice(page + 1, 0, right);
      if (index > kept || kept === pageKeysMax) {
        page++;
        leaf = right;
        index -= kept;
      }
    }
    leaf.ids.copyWithin(index + 1, index, leaf.count);
    leaf.ids[index] = id;
    leaf.count++;
  }

  /** Removes the id of a key that is there. */
  remove(key: Uint8Array): void {
    const page = this.#pageOf(key);
    const leaf = this.#pages[page] as Page;
    const index = this.#lowerBound(leaf, key);
    leaf.ids.copyWithin(index, index + 1, leaf.count);
    leaf.count--;
    if (leaf.count === 0) {
      this.#pages.splice(page, 1);
      return;
    }
    const right = this.#pages[page + 1];
    if (right === undefined || leaf.count + right.count > pageKeysMax / 2) return;
    leaf.ids.set(right.ids.subarray(0, right.count), leaf.count);
    leaf.count += right.count;
    this.#pages.splice(page + 1, 1);
  }

  /** The last page whose first key is not above `key`, or the first page. */
  #pageOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#pages.length;
    let lowCommon = 0;
    let highCommon = 0;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const address = this.#keys.address((this.#pages[middle] as Page).ids[0] as number);
      const common = this.#keys.bytes.commonLength(key, address, Math.min(lowCommon, highCommon));
      if (this.#isBelow(key, address, common)) {
        high = middle;
        highCommon = common;
      } else {
        low = middle;
        lowCommon = common;
      }
    }
    return low;
  }

  /** Index of the first key in the page that is not below `key`. */
  #lowerBound(page: Page, key: Uint8Array): number {
    let low = 0;
    let high = page.count;
    // What all keys between two bounds begin with is compared once.
    let lowCommon = 0;
    let highCommon = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const address = this.#keys.address(page.ids[middle] as number);
      const common = this.#keys.bytes.commonLength(key, address, Math.min(lowCommon, highCommon));
      const above = this.#keys.bytes.byteAt(address, common) < (key[common] ?? -1);
      if (above) {
        low = middle + 1;
        lowCommon = common;
      } else {
        high = middle;
        highCommon = common;
      }
    }
    return low;
  }

  /** Whether the key is below the bytes at the address, their common beginning being known. */
  #isBelow(key: Uint8Array, address: number, common: number): boolean {
    return (key[common] ?? -1) < this.#keys.bytes.byteAt(address, common);
  }
}

function newPage(): Page {
  return { ids: new Uint32Array(pageKeysMax), count: 0 };
}
