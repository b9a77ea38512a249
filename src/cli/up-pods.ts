/** Addresses of the pods of `raftsman up`. */
import {
  claimPodNetworks,
  claimPodRange,
  loopbackPodRanges,
  networkPodRanges,
  nodeCidrMaskSize,
  type PodClaim,
} from "../main/index.ts";
import type { Machine } from "../platform/index.ts";
import { defaults } from "./defaults.ts";
import { keptRange } from "./kept-range.ts";

/** What the nodes of a kept cluster were given their parts of. */
const rangeFile = "pod-cidr";

export interface PodRangeOptions {
  readonly nodes: number;
  readonly runtime: "hollow" | "process";
  readonly dataDir?: string;
  readonly podCidr?: string;
  readonly images?: string;
}

/**
 * The range of the pods' addresses: of programs one that no other cluster on this machine uses, claimed as long as this one runs. One that
 * is kept always has the same, and its own pods may be running in it.
 *
 * @throws Error where it is too small for the nodes
 */
export async function settlePodRange(machine: Machine, options: PodRangeOptions): Promise<PodClaim> {
  const claim = await claimRange(machine, options);
  const room = 2 ** (nodeCidrMaskSize - Number(claim.range.split("/")[1]));
  if (options.nodes <= room) return claim;
  await claim.release();
  throw new Error(
    `--nodes ${options.nodes}: the pods' range ${claim.range} has a /${nodeCidrMaskSize} for ${Math.floor(room)} of them; give a larger --pod-cidr`,
  );
}

async function claimRange(
  machine: Machine,
  { runtime, dataDir, podCidr, images }: PodRangeOptions,
): Promise<PodClaim> {
  // Hollow pods are at no address.
  if (runtime === "hollow") return { range: podCidr ?? defaults.podCidr, release: async () => {} };
  const kept = await keptRange(machine, dataDir, rangeFile);
  const known = podCidr ?? kept.known;
  const networks = images !== undefined && known?.startsWith("127.") !== true;
  const claimOf = networks ? claimPodNetworks : claimPodRange;
  if (known !== undefined) return claimOf(machine, [known], { unused: false });
  const claim = await claimOf(machine, networks ? networkPodRanges : loopbackPodRanges, { unused: true });
  await kept.keep(claim.range);
  return claim;
}
