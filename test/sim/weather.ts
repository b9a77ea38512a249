/** What kind of a day it is: drawn once from the seed, so that runs differ in kind and not only in detail. */
import type { World } from "./world.ts";

export const faults = [
  "kill",
  "stop",
  "lose power",
  "crash at a step",
  "torn writes",
  "lose all power",
  "restart storm",
  "cut in two",
  "cut the leader off",
  "cut one way",
  "cut a pair",
  "flap",
  "slow disk",
  "stalled disk",
  "failing sync",
  "failing write",
  "failing read",
  "full disk",
  "filling disk",
  "bit rot",
  "misdirected write",
  "pause",
  "pause the leader",
  "drift",
  "clock jump",
  "move leader",
  "bad messages",
  "slow network",
  "breaking connections",
  "breaking images",
] as const;

export type Fault = (typeof faults)[number];

export interface Weather {
  readonly members: 1 | 3 | 5;
  /** Machines that members may move to. */
  readonly spares: number;
  /** Members come and go. */
  readonly reconfigures: boolean;
  readonly electionMs: number;
  /** Entries between images. */
  readonly snapshotCount: number;
  readonly segmentBytes: number;
  readonly trailingBytes: number;
  /** Between two times that a leader writes down what its leases have left. */
  readonly leaseCheckpointMs: number;
  /** Between two comparisons of what members hold. 0: never. */
  readonly checkMs: number;
  /** Between two words of progress to watchers that asked for them. */
  readonly progressMs: number;
  readonly clients: number;
  readonly watchers: number;
  /** Milliseconds between a client's requests, on average. */
  readonly clientPauseMs: number;
  /** Milliseconds between faults, on average. */
  readonly faultPauseMs: number;
  /** Those that happen today. */
  readonly faults: readonly Fault[];
}

/** They all come at once, and again. */
const watchersInFlood = 40;

/** @param only nothing else happens than this */
export function drawWeather(world: World, only?: readonly Fault[]): Weather {
  const share = world.pick([0.25, 0.5, 1]);
  const today = only ?? faults.filter(() => world.chance(share));
  const members = world.pick([1, 3, 3, 3, 3, 3, 5] as const);
  const reconfigures = world.chance(0.4);
  return {
    members,
    reconfigures,
    spares: reconfigures ? 1 + world.below(2) : 0,
    electionMs: world.pick([500, 1000]),
    snapshotCount: world.pick([10, 10, 40, 10_000]),
    segmentBytes: world.pick([4096, 4096, 32_768]),
    trailingBytes: world.pick([0, 0, 2_000, 16 * 1024 * 1024]),
    leaseCheckpointMs: world.pick([300, 1000, 300_000]),
    checkMs: world.pick([0, 1000, 5000]),
    progressMs: world.pick([100, 1000, 600_000]),
    clients: 2 + world.below(5),
    watchers: world.chance(0.05) ? watchersInFlood : 2 + world.below(4),
    clientPauseMs: world.pick([20, 60, 200]),
    faultPauseMs: world.pick([500, 1500, 5000]),
    faults: today.length > 0 ? today : [world.pick(faults)],
  };
}
