import type { Revision } from "../base/index.ts";
import type { RangeAnswer, RangeOp, Txn } from "../kv/index.ts";
import { LogCursor } from "./change-cursor.ts";
import { checkTxn, txnOpsMaxDefault } from "./check-txn.ts";
import { hashOf, hashOfCompaction } from "./hash.ts";
import { historyOf } from "./history.ts";
import { ImageReader, imageOf, visitLeases } from "./image.ts";
import type { HashSeed } from "./key-hash.ts";
import { Keyspace, newest } from "./keyspace.ts";
import { checkRevision, compacted, futureRevision, rangeOf } from "./range.ts";
import { Replay } from "./replay.ts";
import { countOps, type Plan, planTxn, TxnRun, verifyPlan } from "./txn.ts";
import type {
  Applied,
  ChangeCursor,
  KeyLeases,
  Mvcc,
  MvccCounts,
  MvccHash,
  MvccHistory,
  MvccImage,
  MvccOptions,
  MvccReplay,
  MvccRestore,
  MvccSizes,
} from "./types.ts";
import { noVersion } from "./version-table.ts";

/**
 * The multi-version key-value store, with etcd's data model: a write transaction makes one new revision, old revisions stay
 * readable until they are compacted.
 *
 * Keys and values live outside the JavaScript heap, so that a million of them cost the garbage collector nothing:
 *
 *     key bytes ─ hash tables ─┐                       ┌─ slabs: key bytes
 *                              ├─► key id ─ KeyTable ──┤
 *     sorted leaves of ids ────┘                       └─ newest version ─► VersionTable: revisions, lease, value ─► slabs
 *                                                              │ previous, jump ▲
 *     ChangeLog: versions in the order they were made ─────────┴────────────────┘
 *
 * A transaction is checked whole before its first write, so a refused one leaves no trace. Compaction only moves a number;
 * the change log then names exactly the versions that became unreachable, and `reclaim` frees them little by little. While an
 * image or a hash is being made nothing is reclaimed, which is all it takes for it to be of one revision.
 */
export function createMvcc(options: MvccOptions): Mvcc {
  return new Store(options);
}

/** Versions reclaimed with each transaction, for each key that it changes and at least. */
const reclaimedPerChange = 2;
const reclaimedMin = 8;
const hashSeedDefault: HashSeed = [0x243f6a88, 0x85a308d3];

class Store implements Mvcc {
  readonly #leases: KeyLeases;
  readonly #txnOpsMax: number;
  readonly #hashSeed: HashSeed;
  #space: Keyspace;
  readonly counts: MvccCounts = { puts: 0, putBytes: 0, deletes: 0, ranges: 0, txns: 0, reclaimed: 0 };
  #reclaiming = false;

  constructor({ leases, txnOpsMax = txnOpsMaxDefault, hashSeed = hashSeedDefault }: MvccOptions) {
    this.#leases = leases;
    this.#txnOpsMax = txnOpsMax;
    this.#hashSeed = hashSeed;
    this.#space = new Keyspace(hashSeed);
  }

  get revision(): Revision {
    return this.#space.revision;
  }

  get compactRevision(): Revision {
    return Math.max(0, this.#space.compactRevision) as Revision;
  }

  get sizes(): MvccSizes {
    const { keys, order, versions, log } = this.#space;
    const tableBytes = keys.tableBytes + order.tableBytes + log.usedBytes;
    return {
      usedBytes: this.usedBytes + tableBytes,
      totalBytes: keys.takenBytes + versions.takenBytes + tableBytes,
      keys: keys.count,
      versions: versions.count,
    };
  }

  get liveKeys(): number {
    const everything = { key: new Uint8Array(0), rangeEnd: Uint8Array.of(0) };
    return this.#space.scan(everything, newest, () => "count");
  }

  get usedBytes(): number {
    return this.#space.keys.usedBytes + this.#space.versions.usedBytes;
  }

  range(query: RangeOp): RangeAnswer {
    checkRevision(this.#space, query.revision);
    this.counts.ranges++;
    return rangeOf(this.#space, query, newest);
  }

  apply(txn: Txn): Applied {
    const plan = this.#plan(txn);
    verifyPlan(this.#space, this.#leases, plan);
    const run = new TxnRun(this.#space, this.#leases);
    countOps(plan, this.counts);
    const results = run.run(plan);
    return { succeeded: plan.succeeded, results, revision: this.#finish(run), changes: run.changes };
  }

  deleteKeys(keys: readonly Uint8Array[]): Applied {
    const run = new TxnRun(this.#space, this.#leases);
    this.counts.deletes += keys.length;
    for (const key of keys) {
      const version = this.#space.find(key, newest);
      if (version !== noVersion) run.delete(version);
    }
    return { succeeded: true, results: [], revision: this.#finish(run), changes: run.changes };
  }

  compact(revision: Revision): void {
    if (revision <= this.#space.compactRevision) throw compacted(this.#space);
    if (revision > this.#space.revision) throw futureRevision();
    this.#space.compactRevision = revision;
    this.#reclaiming = true;
  }

  reclaim(versions: number): boolean {
    if (this.#reclaiming) {
      const { count } = this.#space.versions;
      this.#reclaiming = this.#space.reclaim(versions);
      this.counts.reclaimed += count - this.#space.versions.count;
    }
    return this.#reclaiming && !this.#space.pinned;
  }

  condense(): void {
    this.#space.keys.condense();
    this.#space.versions.condense();
    this.#reclaiming = true;
  }

  changesSince(revision: Revision): ChangeCursor {
    return new LogCursor(this.#space, revision);
  }

  hash(revision: Revision): MvccHash {
    checkRevision(this.#space, revision);
    return hashOf(this.#space, revision === 0 ? this.#space.revision : revision);
  }

  hashOfCompaction(previous: Revision): MvccHash {
    return hashOfCompaction(this.#space, previous);
  }

  history(): MvccHistory {
    return historyOf(this.#space);
  }

  image(): MvccImage {
    return imageOf(this.#space);
  }

  restore(): MvccRestore {
    const reader = new ImageReader(this.#hashSeed);
    return {
      write: (chunk) => reader.write(chunk),
      finish: () => {
        this.#replace(reader.finish());
        this.#reclaiming = false;
      },
    };
  }

  replay(): MvccReplay {
    const replay = new Replay(this.#hashSeed);
    return {
      add: (version) => replay.add(version),
      finish: ({ compactRevision, skipRevisions }) => {
        this.#replace(replay.finish(compactRevision, skipRevisions));
        this.#reclaiming = this.compactRevision > 0;
      },
    };
  }

  #replace(space: Keyspace): void {
    this.#space = space;
    visitLeases(space, (lease, key) => this.#leases.attach(lease, key));
  }

  #plan(txn: Txn): Plan {
    checkTxn(txn, this.#txnOpsMax);
    return planTxn(this.#space, txn);
  }

  #finish(run: TxnRun): Revision {
    const space = this.#space;
    if (run.changes > 0) space.revision = (space.revision + 1) as Revision;
    if (this.#reclaiming) this.reclaim(Math.max(reclaimedMin, run.changes * reclaimedPerChange));
    return space.revision;
  }
}
