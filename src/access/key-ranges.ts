import { compareBytes } from "../base/index.ts";
import type { KeyRange } from "../kv/index.ts";

interface Interval {
  readonly start: Uint8Array;
  /** Excluded. Undefined: there is no end. */
  readonly end: Uint8Array | undefined;
}

/** Keys and ranges of keys as one set. */
export class KeyRanges {
  /** Disjoint and not adjacent, in order. */
  readonly #intervals: readonly Interval[];

  constructor(ranges: readonly KeyRange[]) {
    const sorted = ranges.map(intervalOf).sort((a, b) => compareBytes(a.start, b.start));
    const merged: Interval[] = [];
    for (const next of sorted) {
      const last = merged.at(-1);
      if (last === undefined || (last.end !== undefined && compareBytes(last.end, next.start) < 0))
        merged.push(next);
      else if (last.end !== undefined && (next.end === undefined || compareBytes(next.end, last.end) > 0))
        merged[merged.length - 1] = { start: last.start, end: next.end };
    }
    this.#intervals = merged;
  }

  /** Whether all of the range is in the set. */
  covers(range: KeyRange): boolean {
    const { start, end } = intervalOf(range);
    let low = 0;
    let high = this.#intervals.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareBytes((this.#intervals[middle] as Interval).start, start) <= 0) low = middle + 1;
      else high = middle;
    }
    const candidate = this.#intervals[low - 1];
    if (candidate === undefined) return false;
    if (candidate.end === undefined) return true;
    return end !== undefined && compareBytes(end, candidate.end) <= 0;
  }
}

/** A range that ends before it begins counts as its first key, as in etcd. */
function intervalOf({ key, rangeEnd }: KeyRange): Interval {
  const isOne = rangeEnd === undefined || rangeEnd.length === 0;
  if (isOne || (!isOpenEnded(rangeEnd) && compareBytes(rangeEnd, key) <= 0)) {
    const end = new Uint8Array(key.length + 1);
    end.set(key);
    return { start: key, end };
  }
  return { start: key, end: isOpenEnded(rangeEnd) ? undefined : rangeEnd };
}

export function isOpenEnded(rangeEnd: Uint8Array): boolean {
  return rangeEnd.length === 1 && rangeEnd[0] === 0;
}
