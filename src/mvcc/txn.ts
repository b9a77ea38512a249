import { compareBytes, emptyBytes, noLease, type Revision, unreachable } from "../base/index.ts";
import { type Compare, KvError, type Op, type OpResult, type PutOp, type Txn } from "../kv/index.ts";
import { type Keyspace, newest } from "./keyspace.ts";
import { checkRevision, rangeOf } from "./range.ts";
import type { KeyLeases, MvccCounts } from "./types.ts";
import { noVersion } from "./version-table.ts";

/** A transaction with its branches chosen. */
export interface Plan {
  readonly succeeded: boolean;
  readonly ops: readonly Op[];
  /** Of the nested transactions among `ops`, in order. */
  readonly nested: readonly Plan[];
}

const noPlans: readonly Plan[] = [];
const putDone: OpResult = Object.freeze({ type: "put" });

/** Chooses the branches. All compares, nested ones too, look at the store as it is before the transaction, as etcd's do. */
export function planTxn(space: Keyspace, txn: Txn): Plan {
  const succeeded = txn.compare.every((compare) => holds(space, compare));
  const ops = succeeded ? txn.success : txn.failure;
  let nested: Plan[] | undefined;
  for (const op of ops) {
    if (op.type !== "txn") continue;
    nested ??= [];
    nested.push(planTxn(space, op));
  }
  return { succeeded, ops, nested: nested ?? noPlans };
}

/**
 * Refuses what cannot be done, before anything is. It looks at the store as it is before the transaction, as etcd does.
 * @throws KvError COMPACTED, FUTURE_REVISION, KEY_NOT_FOUND, LEASE_NOT_FOUND
 */
export function verifyPlan(space: Keyspace, leases: KeyLeases, plan: Plan): void {
  let nested = 0;
  for (const op of plan.ops) {
    if (op.type === "range") checkRevision(space, op.revision);
    else if (op.type === "put") verifyPut(space, leases, op);
    else if (op.type === "txn") verifyPlan(space, leases, plan.nested[nested++] as Plan);
  }
}

function verifyPut(space: Keyspace, leases: KeyLeases, op: PutOp): void {
  if (op.lease !== noLease && !leases.has(op.lease)) {
    throw new KvError("LEASE_NOT_FOUND", "etcdserver: requested lease not found");
  }
  if ((op.ignoreValue || op.ignoreLease) && space.find(op.key, newest) === noVersion) {
    throw new KvError("KEY_NOT_FOUND", "etcdserver: key not found");
  }
}

/** Counts the operations of a transaction that will be carried out. */
export function countOps(plan: Plan, counts: MvccCounts): void {
  if (addOps(plan, counts) > 1) counts.txns++;
}

function addOps(plan: Plan, counts: MvccCounts): number {
  let ops = 0;
  let nested = 0;
  for (const op of plan.ops) {
    if (op.type === "txn") {
      ops += addOps(plan.nested[nested++] as Plan, counts);
      continue;
    }
    ops++;
    if (op.type === "put") {
      counts.puts++;
      counts.putBytes += op.key.length + op.value.length;
    } else if (op.type === "delete") counts.deletes++;
    else counts.ranges++;
  }
  return ops;
}

/** Carries out one verified transaction at one new revision. */
export class TxnRun {
  readonly #space: Keyspace;
  readonly #leases: KeyLeases;
  readonly #mod: Revision;
  changes = 0;

  constructor(space: Keyspace, leases: KeyLeases) {
    this.#space = space;
    this.#leases = leases;
    this.#mod = (space.revision + 1) as Revision;
  }

  run(plan: Plan): readonly OpResult[] {
    let nested = 0;
    return plan.ops.map((op) => {
      switch (op.type) {
        case "put":
          return this.#put(op);
        case "delete":
          return this.#deleteRange(op);
        case "range":
          return { type: "range", ...rangeOf(this.#space, op, newest) };
        case "txn": {
          const inner = plan.nested[nested++] as Plan;
          return { type: "txn", succeeded: inner.succeeded, results: this.run(inner) };
        }
        default:
          return unreachable(op);
      }
    });
  }

  delete(version: number): void {
    const space = this.#space;
    const lease = space.versions.lease(version);
    space.delete(space.versions.key(version), this.#mod);
    this.changes++;
    if (lease !== noLease) this.#leases.detach(lease, space.keyOf(version));
  }

  #put(op: PutOp): OpResult {
    const space = this.#space;
    const { versions } = space;
    const id = space.idOf(op.key);
    const before = space.visible(id, newest);
    const existed = before !== noVersion;
    const leaseBefore = existed ? versions.lease(before) : noLease;
    // What was there when this was verified may have been deleted by the transaction itself: then there is nothing to keep.
    const lease = op.ignoreLease && existed ? leaseBefore : op.lease;
    space.put(id, op.ignoreValue && existed ? versions.value(before) : op.value, lease, this.#mod);
    this.changes++;
    if (lease !== leaseBefore) {
      if (leaseBefore !== noLease) this.#leases.detach(leaseBefore, op.key);
      if (lease !== noLease) this.#leases.attach(lease, op.key);
    }
    return op.prevKv && existed ? { type: "put", prevKv: space.keyValue(before) } : putDone;
  }

  #deleteRange(op: Op & { type: "delete" }): OpResult {
    const found: number[] = [];
    this.#space.scan(op, newest, (version) => {
      found.push(version);
      return true;
    });
    const prevKvs = op.prevKv ? found.map((version) => this.#space.keyValue(version)) : [];
    for (const version of found) this.delete(version);
    return { type: "delete", deleted: found.length, prevKvs };
  }
}

/** An empty range compares as one key of version 0, except that no value is like a missing one. */
function holds(space: Keyspace, compare: Compare): boolean {
  let empty = true;
  let every = true;
  space.scan(compare, newest, (version) => {
    empty = false;
    every = satisfies(compare, differenceOf(space, compare, version));
    return every;
  });
  if (!empty) return every;
  return compare.target !== "value" && satisfies(compare, differenceOf(space, compare, noVersion));
}

/** Sign of (what the version has - what the compare says). */
function differenceOf({ versions }: Keyspace, compare: Compare, version: number): number {
  const exists = version !== noVersion;
  switch (compare.target) {
    case "version":
      return (exists ? versions.writes(version) : 0) - compare.version;
    case "create":
      return (exists ? versions.create(version) : 0) - compare.revision;
    case "mod":
      return (exists ? versions.mod(version) : 0) - compare.revision;
    case "lease": {
      const lease = exists ? versions.lease(version) : noLease;
      return lease === compare.lease ? 0 : lease < compare.lease ? -1 : 1;
    }
    case "value":
      return compareBytes(exists ? versions.value(version) : emptyBytes, compare.value);
    default:
      return unreachable(compare);
  }
}

function satisfies({ result }: Compare, difference: number): boolean {
  switch (result) {
    case "equal":
      return difference === 0;
    case "notEqual":
      return difference !== 0;
    case "greater":
      return difference > 0;
    case "less":
      return difference < 0;
  }
}
