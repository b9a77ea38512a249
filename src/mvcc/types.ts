import type { LeaseId, Revision } from "../base/index.ts";
import type { KeyValue, KvEvent, OpResult, RangeAnswer, RangeOp, Txn } from "../kv/index.ts";

/** What the store needs to know of leases, and tells about them. The lessor fits. */
export interface KeyLeases {
  has(lease: LeaseId): boolean;
  /** The key belongs to this lease from now on. A lease that is not known is ignored. */
  attach(lease: LeaseId, key: Uint8Array): void;
  /** The key does not belong to this lease any more. A lease that is not known is ignored. */
  detach(lease: LeaseId, key: Uint8Array): void;
}

export interface MvccOptions {
  readonly leases: KeyLeases;
  /** Operations in one level of a transaction, what is above it counted in (etcd's --max-txn-ops, 128). */
  readonly txnOpsMax?: number;
  /** 64 secret random bits, so that clients cannot choose keys that slow the hash tables down. Members may differ in them. */
  readonly hashSeed?: readonly [number, number];
}

/** What became of a transaction. */
export interface Applied {
  readonly succeeded: boolean;
  /** One for each operation of the branch taken. */
  readonly results: readonly OpResult[];
  /** Of the store afterwards. */
  readonly revision: Revision;
  /** Keys changed; 0 left the revision where it was. */
  readonly changes: number;
}

/** Walks changes in the order they happened. It stands before the first change until `next` is called. */
export interface ChangeCursor {
  /** Steps to the next change; false at the end, and later calls find what came since. */
  next(): boolean;
  /** Of the change it stands on. */
  readonly revision: Revision;
  readonly type: KvEvent["type"];
  readonly key: Uint8Array;
  /** `prevKv`: with the key as it was before `revision`, unless that is compacted or there was none. */
  event(prevKv: boolean): KvEvent;
}

/**
 * The whole store at one revision, history since the last compaction included, as chunks of bytes. Equal stores give equal
 * bytes. A chunk is good until the next one is asked for. Writes and compactions may go on meanwhile; memory they would free is kept until
 * the image ends: iterate to the end or call `return`.
 */
export interface MvccImage extends IterableIterator<Uint8Array> {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  return(): IteratorResult<Uint8Array>;
}

/** Takes an image in; the store stays as it was until `finish`. */
export interface MvccRestore {
  /** The next bytes of the image, cut anywhere. @throws KvError CORRUPT */
  write(chunk: Uint8Array): void;
  /** The store is now what the image says, and the leases (to be restored before) know their keys. @throws KvError CORRUPT */
  finish(): void;
}

/** Takes in what another store's `history` has. */
export interface MvccReplay {
  /** In order. A version without a key only raises the revision. @throws KvError CORRUPT */
  add(version: StoredVersion): void;
  /** Replaces the store. `skipRevisions`: so many pass, and all before the last of them is compacted. */
  finish(options: { compactRevision: Revision; skipRevisions: number }): void;
}

/** Computes a hash in steps, so that nobody waits for it. */
export interface MvccHash {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  /** Does about `records` worth of work; the hash (32 bits) once it is known. */
  step(records: number): number | undefined;
  /** Gives it up. Not needed once `step` has answered a hash. */
  close(): void;
}

/** One version of one key, as it is kept. */
export interface StoredVersion {
  /** Of a deletion: the key and its revision. */
  readonly kv: KeyValue;
  /** Position among the changes of its revision. */
  readonly sub: number;
  readonly deleted: boolean;
}

/** Everything a store keeps at one revision. Writes go on; memory they would free is kept until `close`. */
export interface MvccHistory {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  /** Looks at about so many more versions; false once all are found. */
  collect(count: number): boolean;
  /** In the order they were written. Only once `collect` has answered false; any number of times. */
  versions(): Iterable<StoredVersion>;
  close(): void;
}

export interface MvccSizes {
  /** Bytes of kept keys and versions, and of the tables that find them. */
  readonly usedBytes: number;
  /** Bytes of these and of what was freed and is not used again; memory that is only set aside does not count. */
  readonly totalBytes: number;
  /** Keys known, deleted ones not yet forgotten included. */
  readonly keys: number;
  /** Versions known. */
  readonly versions: number;
}

/** Operations carried out since the store was made, for those who watch over it. */
export interface MvccCounts {
  puts: number;
  /** Bytes of their keys and values. */
  putBytes: number;
  /** Delete operations, however many keys each has found. */
  deletes: number;
  ranges: number;
  /** Transactions of more than one operation. */
  txns: number;
  /** Versions freed behind compactions. */
  reclaimed: number;
}

/** The multi-version store: synchronous, in memory, deterministic. */
export interface Mvcc {
  /** 1 in an empty store. */
  readonly revision: Revision;
  /** The first revision that can be read; 0 before any compaction. */
  readonly compactRevision: Revision;
  readonly sizes: MvccSizes;
  readonly counts: Readonly<MvccCounts>;
  /** Keys that exist now. Counted when asked for, a leaf of the order at a time. */
  readonly liveKeys: number;
  /** `sizes.usedBytes` without the tables, which costs nothing: every write asks. */
  readonly usedBytes: number;
  /** @throws KvError COMPACTED, FUTURE_REVISION */
  range(query: RangeOp): RangeAnswer;
  /**
   * Carries a transaction out at one revision, or refuses it and changes nothing.
   * @throws KvError COMPACTED, FUTURE_REVISION, KEY_NOT_FOUND, DUPLICATE_KEY, TOO_MANY_OPS, LEASE_NOT_FOUND
   */
  apply(txn: Txn): Applied;
  /** Removes keys (missing ones are fine) in one revision: a lease's end. */
  deleteKeys(keys: readonly Uint8Array[]): Applied;
  /**
   * Forgets what only revisions below `revision` need. Takes no time: the memory comes back with `reclaim`, a little of it
   * with every `apply`.
   * @throws KvError COMPACTED (not above the last one), FUTURE_REVISION
   */
  compact(revision: Revision): void;
  /** Frees memory of compacted versions, at most about `versions` of them; true while there is more to do and no image holds it. */
  reclaim(versions: number): boolean;
  /** Has `reclaim` move together what is left, too, until nothing that was freed is in the way. */
  condense(): void;
  /** Changes from `revision` (compactRevision at least) on, in order. @throws KvError COMPACTED */
  changesSince(revision: Revision): ChangeCursor;
  /** Hash of everything kept up to a revision (0: now): equal stores, equal hashes. @throws KvError COMPACTED, FUTURE_REVISION */
  hash(revision: Revision): MvccHash;
  /**
   * Of a compaction just made: hash of everything kept up to its revision since `previous`, where the store was compacted before. To be begun
   * before anything else is asked of the store.
   */
  hashOfCompaction(previous: Revision): MvccHash;
  image(): MvccImage;
  history(): MvccHistory;
  restore(): MvccRestore;
  replay(): MvccReplay;
}
