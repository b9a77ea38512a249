/** Who belongs to a new cluster, where no flag says it. */
import { assert } from "../base/index.ts";
import { isPeerUrl } from "../etcdapi/index.ts";
import type { Platform } from "../platform/index.ts";
import { hasStarted, identityOf, type ReplicaConfig } from "../replica/index.ts";
import type { Log } from "../telemetry/index.ts";
import { type DiscoveryConfig, joinByDiscovery } from "./discovery.ts";

/** With the other members, where they have to be found. @throws Error where they cannot be */
export async function withDiscovered(
  platform: Platform,
  { replica, discovery }: { readonly replica: ReplicaConfig; readonly discovery?: DiscoveryConfig },
  log: Log,
): Promise<ReplicaConfig> {
  if (discovery === undefined) return replica;
  if (await hasStarted(platform.disk, replica)) {
    log.warn("discovery token is ignored since cluster already initialized; valid logs are found");
    // Who belongs to the cluster stands in its log.
    return { ...replica, initialState: "existing" };
  }
  const [own] = replica.initialMembers;
  assert(own !== undefined, "a member has itself among its initial members");
  const self = { ...own, id: identityOf(replica).memberId };
  log.info("Bootstrapping cluster using v3 discovery.");
  const found = await joinByDiscovery(platform, discovery, self, log);
  return { ...replica, initialMembers: membersFrom(found) };
}

/** Of NAME=URL,… each; a name that comes twice has two URLs. @throws Error */
function membersFrom(lists: readonly string[]): ReplicaConfig["initialMembers"] {
  const urls = new Map<string, string[]>();
  for (const part of lists.flatMap((list) => list.split(","))) {
    const [, name = "", url = ""] = /^([^=]+)=(.+)$/s.exec(part.trim()) ?? [];
    if (!isPeerUrl(url)) throw new Error("discovery: invalid peer URL");
    urls.set(name, [...(urls.get(name) ?? []), url].sort());
  }
  const all = [...urls.values()].flat();
  if (new Set(all).size < all.length)
    throw new Error(`discovery cluster ${lists.join(",")} has duplicate url`);
  return [...urls].map(([name, peerUrls]) => ({ name, peerUrls }));
}
