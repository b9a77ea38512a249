import { type LeaseId, noLease } from "../base/index.ts";
import type { Leases } from "../kv/index.ts";
import type { Clock } from "../platform/index.ts";

/** Objects that one lease may own: bounds what its end deletes in one revision. */
const objectsPerLeaseMax = 1_000;
/** How long a lease takes further objects. */
const reuseSecondsMax = 60;
/** Of a short time-to-live only this part is used for sharing. */
const reuseShare = 0.05;

/**
 * Times-to-live for objects, shared: a lease of its own for every Event would cost the store more than the Event. A lease is
 * granted a little longer than asked and takes what comes while enough of it is left, so an object lives for its time and up to a
 * minute (or 5 %) more, as upstream's lease manager has it.
 */
export class TtlLeases {
  readonly #leases: Leases;
  readonly #clock: Clock;
  /** The one in use for each time-to-live in seconds. */
  readonly #shared = new Map<number, Shared>();

  constructor(leases: Leases, clock: Clock) {
    this.#leases = leases;
    this.#clock = clock;
  }

  /** A lease on which an object lives for at least `ttlSeconds`; noLease for 0. @throws KvError */
  async leaseFor(ttlSeconds: number): Promise<LeaseId> {
    if (ttlSeconds <= 0) return noLease;
    const now = this.#clock.monotonic();
    let shared = this.#shared.get(ttlSeconds);
    if (shared === undefined || now >= shared.usableUntilMs || shared.objects >= objectsPerLeaseMax) {
      shared = this.#grant(ttlSeconds, now);
    }
    shared.objects++;
    return shared.id;
  }

  /** The lease is gone: the next object gets another. */
  forget(ttlSeconds: number): void {
    this.#shared.delete(ttlSeconds);
  }

  #grant(ttlSeconds: number, now: number): Shared {
    const reuseSeconds = Math.min(reuseSecondsMax, Math.floor(ttlSeconds * reuseShare));
    const granted = this.#leases.grant({ id: noLease, ttlSeconds: ttlSeconds + reuseSeconds });
    const shared: Shared = {
      id: granted.then((lease) => lease.id),
      usableUntilMs: now + reuseSeconds * 1_000,
      objects: 0,
    };
    this.#shared.set(ttlSeconds, shared);
    granted.catch(() => {
      if (this.#shared.get(ttlSeconds) === shared) this.#shared.delete(ttlSeconds);
    });
    return shared;
  }
}

interface Shared {
  readonly id: Promise<LeaseId>;
  /** Monotonic. */
  readonly usableUntilMs: number;
  objects: number;
}
