import type { KeyRange } from "../kv/index.ts";
import { RangeIndex } from "./range-index.ts";

/** Something that wants to hear of a range of keys. */
export interface Ranged {
  readonly range: StringRange;
}

/** Keys as strings, one character a byte: they compare and hash at the speed of strings. */
export interface StringRange {
  readonly start: string;
  /** Exclusive; undefined: to the last key; "one": only the key itself. */
  readonly end: string | undefined | { readonly only: true };
}

const only = { only: true } as const;

export function stringRange({ key, rangeEnd }: KeyRange): StringRange {
  const start = latin1(key);
  if (rangeEnd === undefined || rangeEnd.length === 0) return { start, end: only };
  return { start, end: rangeEnd.length === 1 && rangeEnd[0] === 0 ? undefined : latin1(rangeEnd) };
}

export function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

/** Who wants to hear of a key. The number of those who do not is no matter. */
export class Matcher<T extends Ranged> {
  readonly #keys = new Map<string, Set<T>>();
  readonly #ranges = new RangeIndex<T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(item: T): void {
    const { start, end } = item.range;
    this.#size++;
    if (typeof end !== "object") {
      this.#ranges.add(start, end, item);
      return;
    }
    const items = this.#keys.get(start);
    if (items === undefined) this.#keys.set(start, new Set([item]));
    else items.add(item);
  }

  /** Removes one that is there. */
  remove(item: T): void {
    const { start, end } = item.range;
    this.#size--;
    if (typeof end !== "object") {
      this.#ranges.remove(start, end, item);
      return;
    }
    const items = this.#keys.get(start);
    items?.delete(item);
    if (items?.size === 0) this.#keys.delete(start);
  }

  visit(key: string, visit: (item: T) => void): void {
    const items = this.#keys.get(key);
    if (items !== undefined) for (const item of items) visit(item);
    this.#ranges.visit(key, visit);
  }
}
