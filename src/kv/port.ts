import type { LeaseId, MemberId, Revision, Term } from "../base/index.ts";

/**
 * The port between the store and everything above it: etcd's data model (https://etcd.io/docs/v3.6/learning/data_model/).
 * A flat binary key space; every write transaction raises the store's revision by one and all its changes carry
 * that revision; old revisions stay readable until compaction. Values handed out are views that never change:
 * keep them, share them, never write to them.
 */
export interface Kv {
  /** @throws KvError COMPACTED, FUTURE_REVISION, NO_LEADER, TIMEOUT */
  range(query: RangeQuery): Promise<RangeResult>;
  /**
   * Atomic: the branch chosen by the compares happens at one revision or not at all. Resolves once the outcome is
   * durable on a quorum and applied here; until then nothing that `txn` refers to may change.
   * @throws KvError, and nothing has happened; except TIMEOUT and LEADER_CHANGED, where the outcome is unknown
   */
  txn(txn: Txn): Promise<TxnResult>;
  /** Forgets what only revisions below `revision` need. @throws KvError COMPACTED, FUTURE_REVISION */
  compact(revision: Revision, options?: { physical?: boolean }): Promise<Header>;
  /** Observes keys from a kept revision, then live; in order, each change once, none left out. */
  watch(query: WatchQuery, observer: WatchObserver): KvWatch;
  readonly leases: Leases;
  /**
   * False: `requestProgress` is not heard, for the store would answer it too early (etcd before 3.4.31 and 3.5.13). Whoever must know
   * whether a watch is current reads the store instead.
   */
  readonly answersProgress?: boolean;
  /** Of what was read just now: it is not how it would be written (encrypted with a key of old): the same content is worth writing again. */
  isStale?(kv: KeyValue): boolean;
}

/** Whose rights count. */
export interface Caller {
  /** Empty: somebody who has not said who they are. */
  readonly user: string;
  /** Of users and roles when the caller was recognised: of an earlier time, nothing is granted. */
  readonly revision: number;
}

/** Recognised just now. */
export const revisionOfNow: number = Number.MAX_SAFE_INTEGER;

export const anonymous: Caller = { user: "", revision: revisionOfNow };

/** Where and when an answer was made. */
export interface Header {
  readonly clusterId: bigint;
  readonly memberId: MemberId;
  readonly revision: Revision;
  readonly term: Term;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  /** Writes since creation, from 1. */
  readonly version: number;
  readonly lease: LeaseId;
}

/**
 * Which keys: `key` alone; or from `key` up to and excluding `rangeEnd`, where a `rangeEnd` of one zero byte means
 * "to the last key".
 */
export interface KeyRange {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
}

export type SortOrder = "none" | "ascend" | "descend";
export type SortTarget = "key" | "version" | "create" | "mod" | "value";

export interface RangeOp extends KeyRange {
  /** 0 or absent: now. */
  readonly revision?: Revision;
  /** 0 or absent: all. */
  readonly limit?: number;
  /** "none": what the limit leaves of all in the order of keys, and the one behind it, is sorted upwards, and then cut to the limit. */
  readonly sort?: { readonly target: SortTarget; readonly order: SortOrder };
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
  readonly minModRevision?: Revision;
  readonly maxModRevision?: Revision;
  readonly minCreateRevision?: Revision;
  readonly maxCreateRevision?: Revision;
}

export interface RangeQuery extends RangeOp {
  /** Answer from this member's state, perhaps stale, without asking a quorum. */
  readonly serializable?: boolean;
}

export interface RangeAnswer {
  readonly kvs: readonly KeyValue[];
  /** Keys in the range, whatever the limit. */
  readonly count: number;
  /** True when the limit cut the list. */
  readonly more: boolean;
}

export interface RangeResult extends RangeAnswer {
  readonly header: Header;
}

export interface PutOp {
  readonly type: "put";
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** noLease takes a lease away. @throws LEASE_NOT_FOUND */
  readonly lease: LeaseId;
  readonly prevKv?: boolean;
  /** Keep the value (the key must exist: KEY_NOT_FOUND). */
  readonly ignoreValue?: boolean;
  /** Keep the lease (the key must exist: KEY_NOT_FOUND). */
  readonly ignoreLease?: boolean;
}

export interface DeleteOp extends KeyRange {
  readonly type: "delete";
  readonly prevKv?: boolean;
}

export type Op = PutOp | DeleteOp | ({ readonly type: "range" } & RangeOp) | ({ readonly type: "txn" } & Txn);

/** Compares with every key of the range; an empty range compares as one key of version 0. */
export type Compare = KeyRange & { readonly result: "equal" | "notEqual" | "greater" | "less" } & (
    | { readonly target: "version"; readonly version: number }
    | { readonly target: "create"; readonly revision: Revision }
    | { readonly target: "mod"; readonly revision: Revision }
    | { readonly target: "value"; readonly value: Uint8Array }
    | { readonly target: "lease"; readonly lease: LeaseId }
  );

export interface Txn {
  /** All must hold for `success`; otherwise `failure`. */
  readonly compare: readonly Compare[];
  readonly success: readonly Op[];
  readonly failure: readonly Op[];
}

export type OpResult =
  | { readonly type: "put"; readonly prevKv?: KeyValue }
  | { readonly type: "delete"; readonly deleted: number; readonly prevKvs: readonly KeyValue[] }
  | ({ readonly type: "range" } & RangeAnswer)
  | { readonly type: "txn"; readonly succeeded: boolean; readonly results: readonly OpResult[] };

export interface TxnResult {
  readonly header: Header;
  readonly succeeded: boolean;
  readonly results: readonly OpResult[];
}

/** One change of one key. A delete's `kv` has the key and, as modRevision, the revision of the delete; the rest is empty. */
export interface KvEvent {
  readonly type: "put" | "delete";
  readonly kv: KeyValue;
  /** The key before the change, when asked for and not compacted. */
  readonly prevKv?: KeyValue;
}

export interface WatchQuery extends KeyRange {
  /** First revision to see. 0 or absent: only what happens from now on. */
  readonly startRevision?: Revision;
  readonly prevKv?: boolean;
  readonly noPut?: boolean;
  readonly noDelete?: boolean;
  /** Tell the revision now and then when nothing happens. */
  readonly progressNotify?: boolean;
}

/**
 * Receives a watch, synchronously and in order. A revision's events come whole, in one batch.
 * `onEvents` answers false when the observer has no room: it took nothing, the batch is kept in the store, and comes again
 * after `KvWatch.resume`. The store never queues for an observer.
 */
export interface WatchObserver {
  /** `revision`: everything up to it has been seen once this batch is. */
  onEvents(events: readonly KvEvent[], revision: Revision): boolean;
  /** Nothing up to `revision` is missing. */
  onProgress?(revision: Revision): void;
  /** The last call: by the store, never by `close`. COMPACTED carries `compactRevision`. */
  onClosed(reason: KvError): void;
}

export interface KvWatch {
  /** Revision of the store when the watch was registered. */
  readonly createdRevision: Revision;
  /** Takes delivery up again after `onEvents` answered false. */
  resume(): void;
  /** Asks for `onProgress` as soon as everything up to now is delivered. */
  requestProgress(): void;
  close(): void;
}

export interface LeaseInfo {
  readonly id: LeaseId;
  /** As granted, seconds. */
  readonly grantedTtlSeconds: number;
  /** Left, whole seconds. */
  readonly ttlSeconds: number;
  readonly keys: readonly Uint8Array[];
}

/** Times-to-live that own keys. Whoever leads counts the time. */
export interface Leases {
  /** `id` noLease: one is chosen. @throws LEASE_EXISTS, LEASE_TTL_TOO_LARGE */
  grant(lease: {
    id: LeaseId;
    ttlSeconds: number;
  }): Promise<{ header: Header; id: LeaseId; ttlSeconds: number }>;
  /** Removes the lease and all its keys in one revision. @throws LEASE_NOT_FOUND */
  revoke(id: LeaseId): Promise<Header>;
  /** The new time left; 0 when there is no such lease. */
  keepAlive(id: LeaseId): Promise<{ header: Header; ttlSeconds: number }>;
  /** Undefined when there is no such lease. */
  timeToLive(
    id: LeaseId,
    options?: { keys?: boolean },
  ): Promise<{ header: Header; lease: LeaseInfo | undefined }>;
  list(): Promise<{ header: Header; ids: readonly LeaseId[] }>;
}

/** Expected failures; each API maps them once, totally. */
export type KvErrorCode =
  | "COMPACTED"
  | "FUTURE_REVISION"
  | "KEY_NOT_FOUND"
  | "DUPLICATE_KEY"
  | "TOO_MANY_OPS"
  | "REQUEST_TOO_LARGE"
  | "NO_SPACE"
  | "LEASE_NOT_FOUND"
  | "LEASE_EXISTS"
  | "LEASE_TTL_TOO_LARGE"
  | "NO_LEADER"
  | "NOT_LEADER"
  | "LEADER_CHANGED"
  | "TOO_MANY_REQUESTS"
  | "TIMEOUT"
  | "CORRUPT"
  | "STOPPED"
  | MembershipErrorCode
  | AccessErrorCode;

/** Why a change of the members, or of who leads, is refused. */
type MembershipErrorCode =
  | "MEMBER_EXISTS"
  | "PEER_URLS_EXIST"
  | "MEMBER_NOT_FOUND"
  | "MEMBER_NOT_LEARNER"
  | "LEARNER_NOT_READY"
  | "TOO_MANY_LEARNERS"
  | "NOT_ENOUGH_STARTED"
  | "UNHEALTHY"
  | "BAD_TRANSFEREE";

/** Who asks may not, or what is asked about users and roles makes no sense. */
type AccessErrorCode =
  | "USER_EMPTY"
  | "USER_EXISTS"
  | "USER_NOT_FOUND"
  | "ROLE_EMPTY"
  | "ROLE_EXISTS"
  | "ROLE_NOT_FOUND"
  | "ROLE_NOT_GRANTED"
  | "PERMISSION_NOT_GRANTED"
  | "PERMISSION_DENIED"
  | "ROOT_USER_NOT_FOUND"
  | "ROOT_ROLE_NOT_GRANTED"
  | "INVALID_AUTH_MGMT"
  | "AUTH_NOT_ENABLED"
  | "AUTH_FAILED"
  | "AUTH_OLD_REVISION"
  | "INVALID_AUTH_TOKEN"
  | "NO_PASSWORD_USER"
  | "PASSWORD_TOO_LONG"
  | "VERIFY_ONLY";

export class KvError extends Error {
  override readonly name = "KvError";
  readonly code: KvErrorCode;
  /** With COMPACTED: the first revision that can still be read from. */
  readonly compactRevision: Revision | undefined;

  constructor(code: KvErrorCode, message: string, details?: { compactRevision?: Revision }) {
    super(message);
    this.code = code;
    this.compactRevision = details?.compactRevision;
  }
}
