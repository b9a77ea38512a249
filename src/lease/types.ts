import type { LeaseId } from "../base/index.ts";
import type { LeaseRecord } from "./image.ts";

export interface LessorOptions {
  /** A shorter time-to-live becomes this. etcd's: ceil(1.5 × election timeout), whole seconds. */
  readonly ttlSecondsMin: number;
  /** How often a primary wants the time left of long leases replicated (etcd: 300,000). */
  readonly checkpointIntervalMs?: number;
}

export interface GrantedLease {
  readonly id: LeaseId;
  /** Seconds, after the minimum. */
  readonly ttlSeconds: number;
}

export interface LeaseState {
  readonly id: LeaseId;
  readonly grantedTtlSeconds: number;
  /** Left, whole seconds, rounded down; the granted time where this member does not count it. */
  readonly ttlSeconds: number;
}

/** The time left of a lease, to be proposed by the primary and applied with `checkpoint` by everyone. */
export interface LeaseCheckpoint {
  readonly id: LeaseId;
  readonly remainingTtlSeconds: number;
}

/**
 * Times-to-live that own keys. Which leases exist and which keys they own is replicated state, equal on every member; the
 * time is counted by one of them, the primary (the leader). `now` is monotonic milliseconds.
 */
export interface Lessor {
  readonly primary: boolean;
  readonly count: number;
  has(id: LeaseId): boolean;
  /** @throws KvError LEASE_EXISTS, LEASE_TTL_TOO_LARGE, LEASE_NOT_FOUND (id noLease) */
  grant(lease: { id: LeaseId; ttlSeconds: number }, now: number): GrantedLease;
  /** Ends a lease and names its keys, in byte order, for the store to remove. @throws KvError LEASE_NOT_FOUND */
  revoke(id: LeaseId): readonly Uint8Array[];
  /**
   * Starts the time again; the new time left in seconds. On the primary only. A lease that has run out and is only waiting
   * for its revocation is not found. `checkpointCleared`: a checkpoint of 0 must be applied before anybody is told, for this lease
   * has one, or may soon: who leads next would count from there.
   * @throws KvError LEASE_NOT_FOUND, NOT_LEADER
   */
  renew(id: LeaseId, now: number): { ttlSeconds: number; checkpointCleared: boolean };
  attach(id: LeaseId, key: Uint8Array): void;
  detach(id: LeaseId, key: Uint8Array): void;
  /** In byte order. Empty when there is no such lease. */
  keys(id: LeaseId): readonly Uint8Array[];
  /** Undefined when there is no such lease, or it has run out. */
  timeToLive(id: LeaseId, now: number): LeaseState | undefined;
  /** Soonest to end first on the primary, by id elsewhere. */
  list(): readonly LeaseId[];
  /** Begins to count: every lease gets the time that was left by the last checkpoint, and `extendMs` on top (an election timeout). */
  promote(now: number, extendMs: number): void;
  /** Stops counting. */
  demote(): void;
  /**
   * Leases that have run out, at most `limit`, the oldest first. They stay until revoked, and are named again when that does
   * not happen within a few seconds.
   */
  expired(now: number, limit: number): readonly LeaseId[];
  /** When `expired` or `checkpoints` may next have something to say; undefined: not before another call. */
  nextDeadline(): number | undefined;
  /** Leases whose time left should be replicated now, at most `limit`. */
  checkpoints(now: number, limit: number): readonly LeaseCheckpoint[];
  /** Applies a replicated checkpoint; a lease that is gone is ignored. */
  checkpoint(checkpoint: LeaseCheckpoint, now: number): void;
  /** What of each lease is replicated, by id. */
  records(): readonly LeaseRecord[];
  /** The replicated state but for the keys, which the store's image has. Equal states give equal bytes. */
  image(): Uint8Array;
  /** Replaces everything, without keys; a primary becomes none. @throws KvError CORRUPT */
  restore(image: Uint8Array): void;
}
