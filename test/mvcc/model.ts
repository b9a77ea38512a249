import { emptyBytes, type LeaseId, type Revision, unreachable } from "../../src/base/index.ts";
import {
  type Compare,
  type KeyRange,
  type KeyValue,
  KvError,
  type KvEvent,
  type Op,
  type OpResult,
  type RangeAnswer,
  type RangeOp,
  type Txn,
} from "../../src/kv/index.ts";

interface Change {
  readonly revision: number;
  readonly key: string;
  /** Undefined: deleted. */
  readonly value: string | undefined;
  readonly lease: bigint;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
const bytes = (characters: string) => new Uint8Array(Buffer.from(characters, "latin1"));

/** Deliberately dumb: an array of everything that ever happened, replayed for every question. */
export class ModelStore {
  readonly changes: Change[] = [];
  readonly leases: Set<bigint>;
  revision = 1;
  compactRevision = -1;

  constructor(leases: Set<bigint>) {
    this.leases = leases;
  }

  /** The keys that exist after the first `count` changes, sorted. */
  #replay(count: number): Map<string, KeyValue> {
    const state = new Map<string, KeyValue>();
    for (const { key, value, revision, lease } of this.changes.slice(0, count)) {
      const before = state.get(key);
      if (value === undefined) state.delete(key);
      else {
        state.set(key, {
          key: bytes(key),
          value: bytes(value),
          createRevision: before?.createRevision ?? (revision as Revision),
          modRevision: revision as Revision,
          version: (before?.version ?? 0) + 1,
          lease: lease as LeaseId,
        });
      }
    }
    return new Map([...state].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  at(revision: number): Map<string, KeyValue> {
    const count = this.changes.findIndex((change) => change.revision > revision);
    return this.#replay(count < 0 ? this.changes.length : count);
  }

  select(range: KeyRange, revision = Number.POSITIVE_INFINITY): KeyValue[] {
    return [...this.at(revision)].filter(([key]) => inRange(key, range)).map(([, kv]) => kv);
  }

  checkRevision(revision: number | undefined): void {
    if (revision === undefined || revision <= 0) return;
    if (revision > this.revision) throw new KvError("FUTURE_REVISION", "");
    if (revision < this.compactRevision) throw new KvError("COMPACTED", "");
  }

  checkedRange(op: RangeOp): RangeAnswer {
    this.checkRevision(op.revision);
    return this.range(op);
  }

  range(op: RangeOp): RangeAnswer {
    const all = this.select(op, op.revision || undefined);
    if (op.countOnly) return { kvs: [], count: all.length, more: false };
    let kvs = all.filter(
      (kv) =>
        (!op.minModRevision || kv.modRevision >= op.minModRevision) &&
        (!op.maxModRevision || kv.modRevision <= op.maxModRevision) &&
        (!op.minCreateRevision || kv.createRevision >= op.minCreateRevision) &&
        (!op.maxCreateRevision || kv.createRevision <= op.maxCreateRevision),
    );
    if (op.sort !== undefined) {
      const { target, order } = op.sort;
      const field = (kv: KeyValue): string | number =>
        ({
          key: text(kv.key),
          value: text(kv.value),
          version: kv.version,
          create: kv.createRevision,
          mod: kv.modRevision,
        })[target];
      const sign = order === "ascend" ? 1 : -1;
      kvs.sort((a, b) => sign * (field(a) < field(b) ? -1 : field(a) > field(b) ? 1 : 0));
    }
    const more = !!op.limit && kvs.length > op.limit;
    if (more) kvs = kvs.slice(0, op.limit);
    if (op.keysOnly) kvs = kvs.map((kv) => ({ ...kv, value: new Uint8Array(0) }));
    return { kvs, count: all.length, more };
  }

  apply(txn: Txn): { succeeded: boolean; results: OpResult[] } {
    checkDuplicates(txn.success);
    checkDuplicates(txn.failure);
    const path = this.#path(txn);
    this.#verify(txn, [...path]);
    const before = this.changes.length;
    const succeeded = path[0] as boolean;
    const results = this.#run(txn, path);
    if (this.changes.length > before) this.revision++;
    return { succeeded, results };
  }

  compact(revision: number): void {
    if (revision <= this.compactRevision) throw new KvError("COMPACTED", "");
    if (revision > this.revision) throw new KvError("FUTURE_REVISION", "");
    this.compactRevision = revision;
  }

  /** Events of a range from a revision on. */
  events(range: KeyRange, from: number, prevKv: boolean): KvEvent[] {
    const events: KvEvent[] = [];
    for (const [i, { revision, key, value }] of this.changes.entries()) {
      if (revision < from || !inRange(key, range)) continue;
      const after = this.#replay(i + 1).get(key);
      const before = revision - 1 >= this.compactRevision ? this.at(revision - 1).get(key) : undefined;
      const tombstone: KeyValue = {
        key: bytes(key),
        value: new Uint8Array(0),
        createRevision: 0 as Revision,
        modRevision: revision as Revision,
        version: 0,
        lease: 0n as LeaseId,
      };
      events.push({
        type: value === undefined ? "delete" : "put",
        kv: after ?? tombstone,
        ...(prevKv && before !== undefined ? { prevKv: before } : {}),
      });
    }
    return events;
  }

  #path(txn: Txn): boolean[] {
    const succeeded = txn.compare.every((compare) => this.#holds(compare));
    const path = [succeeded];
    for (const op of succeeded ? txn.success : txn.failure)
      if (op.type === "txn") path.push(...this.#path(op));
    return path;
  }

  #holds(compare: Compare): boolean {
    const kvs: (KeyValue | undefined)[] = this.select(compare);
    if (kvs.length === 0) {
      if (compare.target === "value") return false;
      kvs.push(undefined);
    }
    return kvs.every((kv) => {
      const [mine, theirs] = {
        version: () => [kv?.version ?? 0, (compare as { version: number }).version],
        create: () => [kv?.createRevision ?? 0, (compare as { revision: number }).revision],
        mod: () => [kv?.modRevision ?? 0, (compare as { revision: number }).revision],
        lease: () => [kv?.lease ?? 0n, (compare as { lease: bigint }).lease],
        value: () => [text(kv?.value ?? new Uint8Array(0)), text((compare as { value: Uint8Array }).value)],
      }[compare.target]() as [number, number];
      return {
        equal: mine === theirs,
        notEqual: mine !== theirs,
        greater: mine > theirs,
        less: mine < theirs,
      }[compare.result];
    });
  }

  #verify(txn: Txn, path: boolean[]): void {
    for (const op of path.shift() ? txn.success : txn.failure) {
      if (op.type === "range") this.checkRevision(op.revision);
      if (op.type === "txn") this.#verify(op, path);
      if (op.type !== "put") continue;
      if (op.lease !== 0n && !this.leases.has(op.lease)) throw new KvError("LEASE_NOT_FOUND", "");
      if ((op.ignoreLease || op.ignoreValue) && this.select({ key: op.key }).length === 0) {
        throw new KvError("KEY_NOT_FOUND", "");
      }
    }
  }

  #run(txn: Txn, path: boolean[]): OpResult[] {
    return (path.shift() ? txn.success : txn.failure).map((op): OpResult => {
      switch (op.type) {
        case "range":
          return { type: "range", ...this.range(op) };
        case "put": {
          const [before] = this.select({ key: op.key });
          this.#push(
            op.key,
            text(op.ignoreValue && before !== undefined ? before.value : op.value),
            op.ignoreLease && before !== undefined ? before.lease : op.lease,
          );
          return op.prevKv && before !== undefined ? { type: "put", prevKv: before } : { type: "put" };
        }
        case "delete": {
          const found = this.select(op);
          for (const { key } of found) this.#push(key, undefined, 0n);
          return { type: "delete", deleted: found.length, prevKvs: op.prevKv ? found : [] };
        }
        case "txn": {
          const succeeded = path[0] as boolean;
          return { type: "txn", succeeded, results: this.#run(op, path) };
        }
        default:
          return unreachable(op);
      }
    });
  }

  #push(key: Uint8Array, value: string | undefined, lease: bigint): void {
    this.changes.push({ revision: this.revision + 1, key: text(key), value, lease });
  }
}

export function inRange(key: string, { key: from, rangeEnd }: KeyRange): boolean {
  const start = text(from);
  if (rangeEnd === undefined || rangeEnd.length === 0) return key === start;
  const end = text(rangeEnd);
  return key >= start && (end === "\0" || key < end);
}

/** As etcd has it: nested writes against this level's deletions and those of the nested transactions before; then this level's. */
function checkDuplicates(branch: readonly Op[]): { puts: string[]; deletes: KeyRange[] } {
  const puts: string[] = [];
  const deletes: KeyRange[] = branch.filter(
    (op) => op.type === "delete" && text(op.rangeEnd ?? emptyBytes) !== "\0",
  ) as KeyRange[];
  const claim = (key: string) => {
    if (puts.includes(key) || deletes.some((range) => inRange(key, range)))
      throw new KvError("DUPLICATE_KEY", "");
    puts.push(key);
  };
  for (const op of branch) {
    if (op.type !== "txn") continue;
    const success = checkDuplicates(op.success);
    const failure = checkDuplicates(op.failure);
    for (const key of new Set([...success.puts, ...failure.puts])) claim(key);
    deletes.push(...success.deletes, ...failure.deletes);
  }
  for (const op of branch) if (op.type === "put") claim(text(op.key));
  return { puts, deletes };
}
