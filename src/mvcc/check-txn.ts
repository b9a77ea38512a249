import { compareBytes } from "../base/index.ts";
import { type KeyRange, KvError, type Op, type Txn } from "../kv/index.ts";

/** etcd's --max-txn-ops. */
export const txnOpsMaxDefault = 128;

/** Operations over all levels together, for each one that a level may have: 64 transactions of 64 still pass the default. */
const totalPerLevel = 32;

/** By far the most frequent ones, at most one compare and one operation either way: nothing can be said against them. */
function isSmall({ compare, success, failure }: Txn): boolean {
  return compare.length <= 1 && isSmallBranch(success) && isSmallBranch(failure);
}

function isSmallBranch(branch: readonly Op[]): boolean {
  return branch.length === 0 || (branch.length === 1 && branch[0]?.type !== "txn");
}

/**
 * What can be said against a transaction without looking at the store. Each level may have `opsMax` operations or compares,
 * less what the levels above have (so nesting ends, too); no branch may write a key twice.
 * @throws KvError TOO_MANY_OPS, DUPLICATE_KEY
 */
export function checkTxn(txn: Txn, opsMax: number = txnOpsMaxDefault): void {
  if (isSmall(txn)) return;
  countOps(txn, opsMax, { left: opsMax * totalPerLevel });
  writesOf(txn.success);
  writesOf(txn.failure);
}

function countOps(txn: Txn, opsMax: number, total: { left: number }): void {
  const ops = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  total.left -= txn.success.length + txn.failure.length;
  if (ops > opsMax || total.left < 0) {
    throw new KvError("TOO_MANY_OPS", "etcdserver: too many operations in txn request");
  }
  for (const branch of [txn.success, txn.failure]) {
    for (const op of branch) if (op.type === "txn") countOps(op, opsMax - ops, total);
  }
}

interface Writes {
  readonly puts: Set<string>;
  readonly deletes: Spans;
}

/**
 * Keys written and ranges deleted by a branch, those of nested transactions included. As in etcd, two branches of one nested
 * transaction may write the same key, for only one of them happens; a nested transaction may delete what one before it
 * wrote, but not write what one before it, or this level, deletes; and a deletion "to the last key" is not looked at (etcd
 * takes its end literally, so it covers nothing). What passes changes a key twice at one revision, in order.
 */
function writesOf(branch: readonly Op[]): Writes {
  const puts = new Set<string>();
  const deletes = new Spans();
  for (const op of branch) if (op.type === "delete") deletes.add(op);
  for (const op of branch) {
    if (op.type !== "txn") continue;
    const success = writesOf(op.success);
    const failure = writesOf(op.failure);
    for (const key of success.puts) claim(key, puts, deletes);
    for (const key of failure.puts) if (!success.puts.has(key)) claim(key, puts, deletes);
    deletes.addAll(success.deletes);
    deletes.addAll(failure.deletes);
  }
  for (const op of branch) if (op.type === "put") claim(latin1(op.key), puts, deletes);
  return { puts, deletes };
}

function claim(key: string, puts: Set<string>, deletes: Spans): void {
  if (puts.has(key) || deletes.covers(key)) {
    throw new KvError("DUPLICATE_KEY", "etcdserver: duplicate key given in txn request");
  }
  puts.add(key);
}

/** A set of keys made of ranges: disjoint, sorted. */
class Spans {
  readonly #starts: string[] = [];
  /** Exclusive. */
  readonly #ends: string[] = [];

  add({ key, rangeEnd }: KeyRange): void {
    const start = latin1(key);
    if (rangeEnd === undefined || rangeEnd.length === 0) this.#insert(start, `${start}\0`);
    else if (compareBytes(key, rangeEnd) < 0) this.#insert(start, latin1(rangeEnd));
  }

  addAll(other: Spans): void {
    for (const [i, start] of other.#starts.entries()) this.#insert(start, other.#ends[i] as string);
  }

  covers(key: string): boolean {
    const before = this.#countUpTo(key) - 1;
    return before >= 0 && key < (this.#ends[before] as string);
  }

  #insert(start: string, end: string): void {
    let from = this.#countUpTo(start);
    let to = from;
    let mergedStart = start;
    let mergedEnd = end;
    if (from > 0 && (this.#ends[from - 1] as string) >= start) {
      from--;
      mergedStart = this.#starts[from] as string;
      mergedEnd = later(mergedEnd, this.#ends[from] as string);
    }
    while (to < this.#starts.length && (this.#starts[to] as string) <= mergedEnd) {
      mergedEnd = later(mergedEnd, this.#ends[to] as string);
      to++;
    }
    this.#starts.splice(from, to - from, mergedStart);
    this.#ends.splice(from, to - from, mergedEnd);
  }

  /** How many begin at the key or before. */
  #countUpTo(key: string): number {
    let low = 0;
    let high = this.#starts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#starts[middle] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function later(a: string, b: string): string {
  return a > b ? a : b;
}

/** One character a byte: sorts as the bytes do. */
function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}
