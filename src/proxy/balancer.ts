import type { Endpoint } from "../catalog/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import { affineClientsMax, endpointRestMs } from "./limits.ts";

/** One connection's claim on an endpoint. */
export interface Claim {
  readonly endpoint: Endpoint;
  /** The endpoint accepted nothing: others are preferred for a moment, and its clients are free. */
  failed(): void;
  /** The connection has ended. Later calls do nothing. */
  release(): void;
}

interface State {
  /** Connections under way. */
  active: number;
  /** Monotonic milliseconds until when it is passed over. */
  restsUntil: number;
}

export interface BalancerOptions {
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * Shares connections out among the endpoints of one port of a Service: of two drawn by chance the one with fewer connections gets the
 * next, which is within a hair of knowing the least loaded and needs no order among all. A client with affinity stays with its endpoint as
 * long as that is there.
 */
export class Balancer {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #states = new Map<string, State>();
  /** By client address; insertion order is the order of use. */
  readonly #affine = new Map<string, { endpoint: string; until: number }>();
  #affinityMs: number | undefined;
  /** Monotonic milliseconds from when on none rests: nobody has to look. */
  #restingUntil = 0;

  constructor({ clock, random }: BalancerOptions) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds that a client stays with its endpoint after its last connection; undefined: it does not. */
  set affinityMs(milliseconds: number | undefined) {
    this.#affinityMs = milliseconds;
    if (milliseconds === undefined) this.#affine.clear();
  }

  /** An endpoint for a connection of this client that has not been tried for it; undefined where there is none. */
  pick(
    endpoints: readonly Endpoint[],
    client: string,
    tried: ReadonlySet<string> = new Set(),
  ): Claim | undefined {
    const left =
      tried.size === 0 ? endpoints : endpoints.filter((endpoint) => !tried.has(endpointKey(endpoint)));
    if (left.length === 0) return undefined;
    const now = this.#clock.monotonic();
    const known = this.#affineEndpoint(left, client, now);
    const endpoint = known ?? this.#lighterOfTwo(left, now);
    const key = endpointKey(endpoint);
    this.#remember(client, key, now);
    const state = this.#stateOf(key);
    state.active++;
    let held = true;
    return {
      endpoint,
      failed: () => {
        state.restsUntil = this.#clock.monotonic() + endpointRestMs;
        this.#restingUntil = state.restsUntil;
        this.#affine.delete(client);
      },
      release: () => {
        if (!held) return;
        held = false;
        state.active--;
        if (state.active === 0 && state.restsUntil <= this.#clock.monotonic()) this.#states.delete(key);
      },
    };
  }

  #affineEndpoint(endpoints: readonly Endpoint[], client: string, now: number): Endpoint | undefined {
    const known = this.#affinityMs === undefined ? undefined : this.#affine.get(client);
    if (known === undefined || known.until <= now) return undefined;
    return endpoints.find((endpoint) => endpointKey(endpoint) === known.endpoint);
  }

  #remember(client: string, endpoint: string, now: number): void {
    if (this.#affinityMs === undefined) return;
    this.#affine.delete(client);
    if (this.#affine.size >= affineClientsMax) {
      const oldest = this.#affine.keys().next().value;
      if (oldest !== undefined) this.#affine.delete(oldest);
    }
    this.#affine.set(client, { endpoint, until: now + this.#affinityMs });
  }

  #lighterOfTwo(endpoints: readonly Endpoint[], now: number): Endpoint {
    const pool = this.#restingUntil <= now ? endpoints : this.#awake(endpoints, now);
    const first = Math.floor(this.#random.number() * pool.length);
    if (pool.length === 1) return pool[first] as Endpoint;
    // A different one: drawn from the others.
    const second = (first + 1 + Math.floor(this.#random.number() * (pool.length - 1))) % pool.length;
    const [a, b] = [pool[first] as Endpoint, pool[second] as Endpoint];
    return this.#activeOf(b) < this.#activeOf(a) ? b : a;
  }

  #awake(endpoints: readonly Endpoint[], now: number): readonly Endpoint[] {
    const awake = endpoints.filter(
      (endpoint) => (this.#states.get(endpointKey(endpoint))?.restsUntil ?? 0) <= now,
    );
    return awake.length > 0 ? awake : endpoints;
  }

  #activeOf(endpoint: Endpoint): number {
    return this.#states.get(endpointKey(endpoint))?.active ?? 0;
  }

  #stateOf(key: string): State {
    let state = this.#states.get(key);
    if (state === undefined) {
      state = { active: 0, restsUntil: 0 };
      this.#states.set(key, state);
    }
    return state;
  }
}

/** What tells endpoints of one port apart. */
export function endpointKey({ address, port }: Endpoint): string {
  return `${address} ${port}`;
}
