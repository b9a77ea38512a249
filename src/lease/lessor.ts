import { type LeaseId, noLease } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import { type Deadline, Deadlines, deadlineOf } from "./deadlines.ts";
import { decodeLeases, encodeLeases, type LeaseRecord } from "./image.ts";
import type { GrantedLease, LeaseCheckpoint, LeaseState, Lessor, LessorOptions } from "./types.ts";

/** etcd's MaxLeaseTTL. */
export const leaseTtlSecondsMax = 9_000_000_000;

const checkpointIntervalMsDefault = 300_000;
/** A lease that was named as run out and is still there is named again after so long: the proposal to revoke it may be lost. */
const expiredRetryMs = 3_000;
/** After a change of primary no more leases than this run out in one second, so that their revocations do not pile up. */
const expirationsPerSecondMax = 750;

/**
 * Leases. Their existence, granted times, checkpoints and keys change only by what is replicated, in the same way on every
 * member. Time is something only the primary has: it gives every lease a moment to end when it begins to count, and what has
 * ended stays, with its keys, until a revocation comes back through the log.
 *
 *     granted ──► counted by the primary ──► run out: named by `expired` ──► revoked: its keys go, in one revision
 *                  ▲           │
 *                  └─ renew ◄──┘
 */
export function createLessor(options: LessorOptions): Lessor {
  return new LeaseTable(options);
}

class Lease implements LeaseRecord {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  remainingTtlSeconds: number;
  /** Monotonic milliseconds; known to the primary only. */
  expiresAt = Number.POSITIVE_INFINITY;
  /** The primary has named a checkpoint of it, which has not been applied. */
  checkpointNamed = false;
  /** One character a byte. Made with the first key. */
  keys: Set<string> | undefined;
  /** Next moment to say that it has run out. */
  readonly expiry: Deadline<Lease> = deadlineOf(this);
  /** Next moment to say that its time left should be replicated. */
  readonly checkpoint: Deadline<Lease> = deadlineOf(this);

  constructor({ id, ttlSeconds, remainingTtlSeconds }: LeaseRecord) {
    this.id = id;
    this.ttlSeconds = ttlSeconds;
    this.remainingTtlSeconds = remainingTtlSeconds;
  }
}

class LeaseTable implements Lessor {
  readonly #ttlSecondsMin: number;
  readonly #checkpointIntervalMs: number;
  #leases = new Map<LeaseId, Lease>();
  #expiries = new Deadlines<Lease>();
  #checkpoints = new Deadlines<Lease>();
  #primary = false;

  constructor({ ttlSecondsMin, checkpointIntervalMs = checkpointIntervalMsDefault }: LessorOptions) {
    this.#ttlSecondsMin = ttlSecondsMin;
    this.#checkpointIntervalMs = checkpointIntervalMs;
  }

  get primary(): boolean {
    return this.#primary;
  }

  get count(): number {
    return this.#leases.size;
  }

  has(id: LeaseId): boolean {
    return this.#leases.has(id);
  }

  grant({ id, ttlSeconds }: { id: LeaseId; ttlSeconds: number }, now: number): GrantedLease {
    if (id === noLease) throw notFound();
    if (ttlSeconds > leaseTtlSecondsMax)
      throw new KvError("LEASE_TTL_TOO_LARGE", "etcdserver: too large lease TTL");
    if (this.#leases.has(id)) throw new KvError("LEASE_EXISTS", "etcdserver: lease already exists");
    const granted = { id, ttlSeconds: Math.max(this.#ttlSecondsMin, ttlSeconds) };
    const lease = this.#add({ ...granted, remainingTtlSeconds: 0 });
    if (this.#primary) this.#count(lease, now, now + lease.ttlSeconds * 1000);
    return granted;
  }

  revoke(id: LeaseId): readonly Uint8Array[] {
    const lease = this.#leases.get(id);
    if (lease === undefined) throw notFound();
    this.#leases.delete(id);
    this.#expiries.remove(lease.expiry);
    this.#checkpoints.remove(lease.checkpoint);
    return keysOf(lease);
  }

  renew(id: LeaseId, now: number): { ttlSeconds: number; checkpointCleared: boolean } {
    if (!this.#primary) throw new KvError("NOT_LEADER", "etcdserver: not leader");
    const lease = this.#leases.get(id);
    if (lease === undefined || lease.expiresAt <= now) throw notFound();
    this.#count(lease, now, now + lease.ttlSeconds * 1000);
    return {
      ttlSeconds: lease.ttlSeconds,
      checkpointCleared: lease.checkpointNamed || lease.remainingTtlSeconds > 0,
    };
  }

  attach(id: LeaseId, key: Uint8Array): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.keys ??= new Set();
    lease.keys.add(latin1(key));
  }

  detach(id: LeaseId, key: Uint8Array): void {
    this.#leases.get(id)?.keys?.delete(latin1(key));
  }

  keys(id: LeaseId): readonly Uint8Array[] {
    const lease = this.#leases.get(id);
    return lease === undefined ? [] : keysOf(lease);
  }

  timeToLive(id: LeaseId, now: number): LeaseState | undefined {
    const lease = this.#leases.get(id);
    if (lease === undefined) return undefined;
    const grantedTtlSeconds = lease.ttlSeconds;
    if (!this.#primary) return { id, grantedTtlSeconds, ttlSeconds: grantedTtlSeconds };
    const leftMs = lease.expiresAt - now;
    return leftMs <= 0 ? undefined : { id, grantedTtlSeconds, ttlSeconds: Math.floor(leftMs / 1000) };
  }

  list(): readonly LeaseId[] {
    const leases = this.#sorted();
    if (this.#primary) leases.sort((a, b) => a.expiresAt - b.expiresAt);
    return leases.map(({ id }) => id);
  }

  promote(now: number, extendMs: number): void {
    this.#primary = true;
    const due = this.#sorted().map((lease) => ({ lease, at: now + extendMs + secondsLeft(lease) * 1000 }));
    due.sort((a, b) => a.at - b.at);
    for (const [i, next] of due.entries()) {
      const secondBefore = due[i - expirationsPerSecondMax];
      if (secondBefore !== undefined) next.at = Math.max(next.at, secondBefore.at + 1000);
      this.#count(next.lease, now, next.at);
    }
  }

  demote(): void {
    this.#primary = false;
    this.#stopCounting();
  }

  expired(now: number, limit: number): readonly LeaseId[] {
    const ids: LeaseId[] = [];
    for (;;) {
      const soonest = this.#expiries.soonest;
      if (soonest === undefined || soonest.at > now || ids.length >= limit) return ids;
      ids.push(soonest.owner.id);
      this.#expiries.set(soonest, now + expiredRetryMs);
    }
  }

  nextDeadline(): number | undefined {
    const expiry = this.#expiries.soonest?.at;
    const checkpoint = this.#checkpoints.soonest?.at;
    if (expiry === undefined || checkpoint === undefined) return expiry ?? checkpoint;
    return Math.min(expiry, checkpoint);
  }

  checkpoints(now: number, limit: number): readonly LeaseCheckpoint[] {
    const due: LeaseCheckpoint[] = [];
    for (;;) {
      const soonest = this.#checkpoints.soonest;
      if (soonest === undefined || soonest.at > now || due.length >= limit) return due;
      const { owner } = soonest;
      this.#scheduleCheckpoint(owner, now);
      const remainingTtlSeconds = Math.ceil((owner.expiresAt - now) / 1000);
      if (remainingTtlSeconds <= 0 || remainingTtlSeconds >= owner.ttlSeconds) continue;
      owner.checkpointNamed = true;
      due.push({ id: owner.id, remainingTtlSeconds });
    }
  }

  checkpoint({ id, remainingTtlSeconds }: LeaseCheckpoint, now: number): void {
    const lease = this.#leases.get(id);
    if (lease === undefined) return;
    lease.remainingTtlSeconds = remainingTtlSeconds;
    if (remainingTtlSeconds > 0) lease.checkpointNamed = false;
    if (this.#primary) this.#scheduleCheckpoint(lease, now);
  }

  records(): readonly LeaseRecord[] {
    return this.#sorted().map(({ id, ttlSeconds, remainingTtlSeconds }) => ({
      id,
      ttlSeconds,
      remainingTtlSeconds,
    }));
  }

  image(): Uint8Array {
    return encodeLeases(this.#sorted());
  }

  restore(image: Uint8Array): void {
    const records = decodeLeases(image);
    this.demote();
    this.#leases = new Map();
    for (const record of records) this.#add(record);
  }

  #add(record: LeaseRecord): Lease {
    const lease = new Lease(record);
    this.#leases.set(lease.id, lease);
    return lease;
  }

  #count(lease: Lease, now: number, expiresAt: number): void {
    lease.expiresAt = expiresAt;
    this.#expiries.set(lease.expiry, expiresAt);
    this.#scheduleCheckpoint(lease, now);
  }

  /** Only where it changes something: a shorter lease has run out before a checkpoint would be due. */
  #scheduleCheckpoint(lease: Lease, now: number): void {
    const at = now + this.#checkpointIntervalMs;
    if (at < lease.expiresAt) this.#checkpoints.set(lease.checkpoint, at);
    else this.#checkpoints.remove(lease.checkpoint);
  }

  #stopCounting(): void {
    this.#expiries = new Deadlines();
    this.#checkpoints = new Deadlines();
    for (const lease of this.#leases.values()) {
      lease.expiresAt = Number.POSITIVE_INFINITY;
      lease.checkpointNamed = false;
      lease.expiry.position = -1;
      lease.checkpoint.position = -1;
    }
  }

  #sorted(): Lease[] {
    return [...this.#leases.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }
}

function secondsLeft(lease: LeaseRecord): number {
  return lease.remainingTtlSeconds > 0 ? lease.remainingTtlSeconds : lease.ttlSeconds;
}

function keysOf(lease: Lease): readonly Uint8Array[] {
  return lease.keys === undefined ? [] : [...lease.keys].sort().map((key) => Buffer.from(key, "latin1"));
}

/** One character a byte: sorts as the bytes do. */
function latin1(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
}

function notFound(): KvError {
  return new KvError("LEASE_NOT_FOUND", "etcdserver: requested lease not found");
}
