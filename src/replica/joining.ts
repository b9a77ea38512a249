/** A member that a running cluster has been told of finds out who it is. */
import type { Platform } from "../platform/index.ts";
import type { ReplicaConfig } from "./config.ts";
import { type Identity, ownPeerUrls } from "./identity.ts";
import { askForCluster, type ClusterDescription } from "./transport/discovery.ts";

/**
 * Asks the other initial members, one after the other, until one knows this one by its peer URLs.
 * @throws Error that says whom to ask for what
 */
export async function joinCluster(platform: Platform, config: ReplicaConfig): Promise<Identity> {
  const own = ownPeerUrls(config);
  if (own === undefined) throw new Error(`member "${config.name}" is not among the initial members`);
  const urls = config.initialMembers
    .filter(({ name }) => name !== config.name)
    .flatMap((one) => one.peerUrls);
  const failures: string[] = [];
  for (const url of urls) {
    let cluster: ClusterDescription;
    try {
      cluster = await askForCluster(platform, url, config.tls);
    } catch (error) {
      failures.push(`${url}: ${(error as Error).message}`);
      continue;
    }
    const self = cluster.members.find(({ peerUrls }) => sameUrls(peerUrls, own));
    if (self === undefined) {
      failures.push(`${url}: cluster ${cluster.clusterId.toString(16)} has no member at ${own.join(",")}`);
      continue;
    }
    if (self.name !== "") {
      throw new Error(
        `member ${self.id.toString(16)} at ${own.join(",")} has started before, and its data is not in ${config.directory}: ` +
          "start it with the --data-dir it had, or remove it from the cluster and add it anew",
      );
    }
    const peers = cluster.members.filter(({ id }) => id !== self.id);
    return {
      clusterId: cluster.clusterId,
      memberId: self.id,
      peers: peers.map(({ id, peerUrls }) => ({ id, peerUrls })),
    };
  }
  throw new Error(
    `no listed peer knows this member; add it first (etcdctl member add ${config.name} --peer-urls=${own.join(",")}), and name the others in --initial-cluster: ${failures.join("; ") || "there are no others"}`,
  );
}

function sameUrls(a: readonly string[], b: readonly string[]): boolean {
  const bare = (urls: readonly string[]) =>
    urls
      .map((url) => url.replace(/\/$/, ""))
      .sort()
      .join();
  return bare(a) === bare(b);
}
