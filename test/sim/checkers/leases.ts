/** When leases may end: not before the time that a leader has promised is over, unless somebody asks for it. */
import type { Model } from "../model.ts";
import type { World } from "../world.ts";

/** Machines' clocks err by no more than this. */
export const clockRateErrorMax = 0.05;

const electionSecondsMax = 1;

export class LeaseBook {
  readonly #world: World;
  /** Virtual time until which a lease surely lives. */
  readonly #promisedUntil = new Map<bigint, number>();
  readonly #grantedSeconds = new Map<bigint, number>();
  readonly #revocable = new Set<bigint>();

  constructor(world: World, model: Model) {
    this.#world = world;
    model.onLeaseEnd = (id, expiredInTerm) => this.#ended(id, expiredInTerm);
  }

  /** A request that began then was answered with so many seconds to live. */
  renewed(id: bigint, beganAt: number, ttlSeconds: number): void {
    const until = beganAt + (ttlSeconds * 1000) / (1 + clockRateErrorMax);
    this.#grantedSeconds.set(id, ttlSeconds);
    this.#promisedUntil.set(id, Math.max(this.#promisedUntil.get(id) ?? 0, until));
  }

  /** Who leads anew gives each an election's time on top. */
  toldTimeToLive(id: bigint, ttlSeconds: number): void {
    const granted = this.#grantedSeconds.get(id);
    if (granted !== undefined && ttlSeconds > granted + electionSecondsMax)
      throw new Error(`lease ${id} of ${granted} s has ${ttlSeconds} s to live`);
  }

  /** Somebody is about to ask for its end. */
  mayBeRevoked(id: bigint): void {
    this.#revocable.add(id);
  }

  #ended(id: bigint, expiredInTerm: number): void {
    const until = this.#promisedUntil.get(id);
    this.#promisedUntil.delete(id);
    if (expiredInTerm === 0) {
      if (!this.#revocable.has(id)) throw new Error(`lease ${id} was revoked, and nobody asked for it`);
      return;
    }
    if (until !== undefined && this.#world.now < until)
      throw new Error(
        `lease ${id} ended by a leader's clock of term ${expiredInTerm}, ${Math.round(until - this.#world.now)} ms before its time`,
      );
  }
}
