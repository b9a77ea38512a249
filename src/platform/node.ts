import { nodeClock } from "./clock.ts";
import { nodeDisk } from "./disk.ts";
import { nodeNetwork } from "./network.ts";
import type { Loop, Platform } from "./ports.ts";
import { nodeRandom } from "./random.ts";

/** The machine this process runs on: real time, chance, disk and network. It has no state, so any number may be made. */
export function nodePlatform(): Platform {
  return { clock: nodeClock(), loop, random: nodeRandom(), disk: nodeDisk(), network: nodeNetwork() };
}

const loop: Loop = { soon: (run) => void setImmediate(run) };
