import type { KeyTable } from "./key-table.ts";

const leafKeysMax = 512;

interface Leaf {
  readonly number: number;
  readonly ids: Uint32Array;
  count: number;
  /** How many of its keys exist now. */
  live: number;
  /** No key of it has changed after this revision. */
  modMax: number;
}

interface Place {
  readonly position: number;
  readonly index: number;
}

/** Is shown a range. It must not add or remove keys meanwhile. */
export interface OrderVisitor {
  /** Every id in order, until it answers false. */
  key(id: number): boolean;
  /**
   * Before a leaf that lies in the range whole: how many of its keys exist now, and a revision after which none of them has
   * changed. True passes over its ids.
   */
  leaf?(live: number, modMax: number): boolean;
}

/**
 * Key ids in the byte order of their keys: the leaves of a B+ tree, 512 ids each, under one array that takes the place of the
 * inner nodes (ten million keys are some thirty thousand leaves). Every leaf knows how many of its keys exist, so that counting a
 * range takes no look at the keys themselves.
 */
export class KeyOrder {
  readonly #keys: KeyTable;
  readonly #isLive: (id: number) => boolean;
  readonly #leaves: Leaf[] = [];
  readonly #byNumber: (Leaf | undefined)[] = [];
  readonly #vacant: number[] = [];

  constructor(keys: KeyTable, isLive: (id: number) => boolean) {
    this.#keys = keys;
    this.#isLive = isLive;
  }

  get tableBytes(): number {
    return this.#leaves.length * 4 * leafKeysMax;
  }

  /** Shows the ids from `key` up to and excluding `end` (undefined: to the last key). */
  scan(key: Uint8Array, end: Uint8Array | undefined, visitor: OrderVisitor): void {
    let { position, index } = this.#seek(key);
    const stop = end === undefined ? { position: this.#leaves.length, index: 0 } : this.#seek(end);
    for (; position <= stop.position; position++, index = 0) {
      const leaf = this.#leaves[position];
      if (leaf === undefined) return;
      const count = position === stop.position ? stop.index : leaf.count;
      if (index === 0 && count === leaf.count && visitor.leaf?.(leaf.live, leaf.modMax)) continue;
      for (; index < count; index++) if (!visitor.key(leaf.ids[index] as number)) return;
    }
  }

  /** Adds the id of a key that is not there, and does not exist yet. */
  add(id: number, key: Uint8Array): void {
    const isLast = this.#isLast(key);
    let position = isLast ? this.#leaves.length - 1 : this.#positionOf(key);
    let leaf = this.#leaves[position] ?? this.#insertLeaf(0);
    let index = isLast ? leaf.count : this.#lowerBound(leaf, key);
    if (leaf.count === leafKeysMax) {
      // Keys that arrive in order fill their leaves; others leave them half full for what comes between.
      const kept = index === leafKeysMax ? leafKeysMax : leafKeysMax / 2;
      const right = this.#insertLeaf(position + 1);
      this.#move(leaf, kept, right);
      if (index > kept || kept === leafKeysMax) {
        position++;
        leaf = right;
        index -= kept;
      }
    }
    leaf.ids.copyWithin(index + 1, index, leaf.count);
    leaf.ids[index] = id;
    leaf.count++;
    this.#keys.setLeaf(id, leaf.number);
  }

  /** To be told of every change of a key: whether it began to exist (1), ceased to (-1) or neither (0). */
  changed(id: number, mod: number, existence: number): void {
    const leaf = this.#byNumber[this.#keys.leaf(id)] as Leaf;
    leaf.live += existence;
    leaf.modMax = Math.max(leaf.modMax, mod);
  }

  /** Removes the id of a key that is there and does not exist any more. */
  remove(key: Uint8Array): void {
    const position = this.#positionOf(key);
    const leaf = this.#leaves[position] as Leaf;
    const index = this.#lowerBound(leaf, key);
    leaf.ids.copyWithin(index, index + 1, leaf.count);
    leaf.count--;
    const right = this.#leaves[position + 1];
    if (leaf.count === 0) {
      this.#removeLeaf(position);
    } else if (right !== undefined && leaf.count + right.count <= leafKeysMax / 2) {
      this.#move(right, 0, leaf);
      this.#removeLeaf(position + 1);
    }
  }

  /** Appends the ids of `from` after the first `kept` to `to`. */
  #move(from: Leaf, kept: number, to: Leaf): void {
    for (let i = kept; i < from.count; i++) {
      const id = from.ids[i] as number;
      to.ids[to.count++] = id;
      this.#keys.setLeaf(id, to.number);
      if (!this.#isLive(id)) continue;
      to.live++;
      from.live--;
    }
    from.count = kept;
    to.modMax = Math.max(to.modMax, from.modMax);
  }

  #insertLeaf(position: number): Leaf {
    const number = this.#vacant.pop() ?? this.#byNumber.length;
    const leaf: Leaf = { number, ids: new Uint32Array(leafKeysMax), count: 0, live: 0, modMax: 0 };
    this.#byNumber[number] = leaf;
    this.#leaves.splice(position, 0, leaf);
    return leaf;
  }

  #removeLeaf(position: number): void {
    const { number } = this.#leaves[position] as Leaf;
    this.#leaves.splice(position, 1);
    this.#byNumber[number] = undefined;
    this.#vacant.push(number);
  }

  /** The place before the first key that is not below `key`. */
  #seek(key: Uint8Array): Place {
    const position = this.#positionOf(key);
    const leaf = this.#leaves[position];
    return { position, index: leaf === undefined ? 0 : this.#lowerBound(leaf, key) };
  }

  /** Whether it comes after all others, as the next key of a list that arrives in order often does: then there is nothing to search. */
  #isLast(key: Uint8Array): boolean {
    const leaf = this.#leaves.at(-1);
    if (leaf === undefined) return false;
    const address = this.#keys.address(leaf.ids[leaf.count - 1] as number);
    const common = this.#keys.bytes.commonLength(key, address, 0);
    return this.#keys.bytes.byteAt(address, common) < (key[common] ?? -1);
  }

  /** Of the last leaf whose first key is not above `key`, or of the first leaf. */
  #positionOf(key: Uint8Array): number {
    let low = 0;
    let high = this.#leaves.length;
    let lowCommon = 0;
    let highCommon = 0;
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      const address = this.#keys.address((this.#leaves[middle] as Leaf).ids[0] as number);
      const common = this.#keys.bytes.commonLength(key, address, Math.min(lowCommon, highCommon));
      if ((key[common] ?? -1) < this.#keys.bytes.byteAt(address, common)) {
        high = middle;
        highCommon = common;
      } else {
        low = middle;
        lowCommon = common;
      }
    }
    return low;
  }

  /** Index of the first key in the leaf that is not below `key`. */
  #lowerBound(leaf: Leaf, key: Uint8Array): number {
    let low = 0;
    let high = leaf.count;
    // What both bounds have in common with the key, all between them have: it is not compared again.
    let lowCommon = 0;
    let highCommon = 0;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const address = this.#keys.address(leaf.ids[middle] as number);
      const common = this.#keys.bytes.commonLength(key, address, Math.min(lowCommon, highCommon));
      if (this.#keys.bytes.byteAt(address, common) < (key[common] ?? -1)) {
        low = middle + 1;
        lowCommon = common;
      } else {
        high = middle;
        highCommon = common;
      }
    }
    return low;
  }
}
