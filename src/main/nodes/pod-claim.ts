import type { Machine } from "../../platform/index.ts";
import { firstAddress } from "../cidr.ts";

/** The kubelet's read-only port, which no kubelet opens any more. */
const claimPort = 10_255;
/** The kubelet's health port: for ranges that are claimed at another address than their first. */
const networkClaimPort = 10_248;

/** A range of pod addresses that no other cluster of this machine gives out, as long as the claim is held. */
export interface PodClaim {
  readonly range: string;
  release(): Promise<void>;
}

/** What `up` may choose from: 127.128.0.0/16 and the ranges after it. */
export const loopbackPodRanges: readonly string[] = Array.from(
  { length: 32 },
  (_, index) => `127.${128 + index}.0.0/16`,
);

/** What `up` may choose from for pods with networks of their own: 10.128.0.0/12 and the ranges after it. */
export const networkPodRanges: readonly string[] = Array.from(
  { length: 8 },
  (_, index) => `10.${128 + 16 * index}.0.0/12`,
);

/**
 * Claims the first of these ranges that is free, by its first address, which no pod gets. `unused`: programs that listen in a range count
 * too, for a cluster that was killed leaves its pods behind. A range that is not this machine's is claimed by nobody: its pods share
 * the node's address.
 * @throws Error that says so where none is free
 */
export async function claimPodRange(
  { network, files }: Pick<Machine, "network" | "files">,
  ranges: readonly string[],
  { unused }: { readonly unused: boolean },
): Promise<PodClaim> {
  const listening = unused ? await listeningAddresses(files) : [];
  for (const range of ranges) {
    if (listening.some((address) => isWithin(address, range))) continue;
    try {
      const listener = await network.listen({ host: firstAddress(range), port: claimPort }, ({ stream }) =>
        stream.destroy(),
      );
      return { range, release: () => listener.close() };
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EADDRNOTAVAIL") return { range, release: async () => {} };
      if (code !== "EADDRINUSE") throw error;
    }
  }
  throw rangesTaken(ranges, "127.160.0.0/16");
}

/**
 * The same for pods with networks of their own. No address of such a range is the machine's before there is a pod, so the claim is at the
 * loopback address that ends as its first one does. `unused`: networks that the machine has a route to count too, for a cluster that was
 * killed leaves its pods behind.
 * @throws Error that says so where none is free
 */
export async function claimPodNetworks(
  { network, files }: Pick<Machine, "network" | "files">,
  ranges: readonly string[],
  { unused }: { readonly unused: boolean },
): Promise<PodClaim> {
  const routed = unused ? await routedAddresses(files) : [];
  for (const range of ranges) {
    if (routed.some((address) => isWithin(address, range))) continue;
    const host = firstAddress(range).replace(/^\d+/, "127");
    try {
      const listener = await network.listen({ host, port: networkClaimPort }, ({ stream }) =>
        stream.destroy(),
      );
      return { range, release: () => listener.close() };
    } catch (error) {
      if ((error as { code?: string }).code !== "EADDRINUSE") throw error;
    }
  }
  throw rangesTaken(ranges, networkPodRanges.at(-1) as string);
}

const rangesTaken = (ranges: readonly string[], another: string): Error =>
  new Error(
    `programs on this machine have addresses out of ${ranges.length === 1 ? ranges[0] : `each of ${ranges[0]} to ${ranges.at(-1)}`} already, those of another cluster's pods most likely: end them, or give this one --pod-cidr, such as ${another}`,
  );

/** Where the machine's IPv4 routes lead, but for the default one; none where the system does not tell (proc(5)). */
async function routedAddresses(files: Machine["files"]): Promise<number[]> {
  const bytes = await files.read("/proc/net/route").catch(() => new Uint8Array());
  const lines = Buffer.from(bytes).toString("latin1").split("\n").slice(1);
  // In the machine's order of bytes.
  const destinations = lines
    .map((line) => line.split("\t")[1] ?? "")
    .filter((word) => /^[0-9A-F]{8}$/.test(word));
  return destinations
    .map((word) => Buffer.from(word, "hex").readUInt32LE())
    .filter((address) => address !== 0);
}

/** IPv4 addresses that programs of this machine listen on, wherever they are from; none where the system does not tell (proc(5)). */
async function listeningAddresses(files: Machine["files"]): Promise<number[]> {
  const found: number[] = [];
  for (const table of ["tcp", "tcp6", "udp", "udp6"]) {
    const bytes = await files.read(`/proc/net/${table}`).catch(() => new Uint8Array());
    for (const line of Buffer.from(bytes).toString("latin1").split("\n").slice(1)) {
      const [, local = "", , state] = line.trim().split(/\s+/);
      // 0A: TCP that listens, 07: UDP that is bound.
      if (state !== "0A" && state !== "07") continue;
      // Words in the machine's order: the last one is an IPv4 address, alone or mapped into IPv6.
      const word = /^(?:0{16}FFFF0000)?([0-9A-F]{8}):/.exec(local)?.[1];
      if (word !== undefined) found.push(Buffer.from(word, "hex").readUInt32LE());
    }
  }
  return found;
}

function isWithin(address: number, range: string): boolean {
  const [network = "", prefix = "32"] = range.split("/");
  const base = network.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  const size = 2 ** (32 - Number(prefix));
  return address >= base && address < base + size;
}
