import { nodeClock } from "./clock.ts";
import { nodeDisk } from "./disk.ts";
import { nodeFiles } from "./files.ts";
import { hostFacts } from "./host.ts";
import { nodeNetwork } from "./network.ts";
import type { Loop } from "./ports.ts";
import type { Machine } from "./process-ports.ts";
import { nodeProcesses } from "./processes.ts";
import { nodeRandom } from "./random.ts";

/** The machine this process runs on: real time, chance, disk, network and processes. It has no state, so any number may be made. */
export function nodePlatform(): Machine {
  return {
    clock: nodeClock(),
    loop,
    random: nodeRandom(),
    disk: nodeDisk(),
    network: nodeNetwork(),
    processes: nodeProcesses(),
    files: nodeFiles(),
    host: hostFacts,
  };
}

const loop: Loop = {
  soon: (run) => void setImmediate(run),
  next: (run) => process.nextTick(run),
};
