import type { GroupVersionResource } from "../apimachinery/index.ts";
import type { Client } from "../client/index.ts";

/** A resource as the server offers it in one version. */
export interface DiscoveredResource extends GroupVersionResource {
  readonly kind: string;
  readonly namespaced: boolean;
  readonly verbs: readonly string[];
}

export interface Discovery {
  readonly resources: readonly DiscoveredResource[];
  /** Groups whose own server did not answer: what they hold is unknown. */
  readonly stale: readonly string[];
}

const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

interface GroupDiscovery {
  metadata?: { name?: string };
  versions?: VersionDiscovery[];
}

interface VersionDiscovery {
  version: string;
  freshness?: "Current" | "Stale";
  resources?: {
    resource: string;
    responseKind?: { kind?: string };
    scope?: "Namespaced" | "Cluster";
    verbs?: string[];
  }[];
}

/** Which versions of a resource are told: the first that its group offers it in, or each. */
type Versions = "preferred" | "all";

/** What the server has, each resource once unless all versions are wanted (aggregated discovery, KEP-3352). */
export async function discover(client: Client, versions: Versions = "preferred"): Promise<Discovery> {
  const resources: DiscoveredResource[] = [];
  const stale: string[] = [];
  for (const path of ["/api", "/apis"]) {
    const { status, body } = await client.raw({ method: "GET", path, accept: aggregated });
    if (status !== 200) throw new Error(`discovery of ${path} failed with status ${status}`);
    const list = JSON.parse(body) as { kind?: string; items?: GroupDiscovery[] };
    if (list.kind !== "APIGroupDiscoveryList")
      throw new Error(`the server has no aggregated discovery at ${path}`);
    for (const group of list.items ?? []) collect(group, { resources, stale }, versions);
  }
  return { resources, stale };
}

function collect(
  group: GroupDiscovery,
  { resources, stale }: { readonly resources: DiscoveredResource[]; readonly stale: string[] },
  versions: Versions,
): void {
  const name = group.metadata?.name ?? "";
  const seen = new Set<string>();
  for (const version of group.versions ?? []) {
    if (version.freshness === "Stale") stale.push(`${name}/${version.version}`);
    for (const { resource, responseKind, scope, verbs } of version.resources ?? []) {
      if (versions === "preferred" && seen.has(resource)) continue;
      seen.add(resource);
      resources.push({
        group: name,
        version: version.version,
        resource,
        kind: responseKind?.kind ?? "",
        namespaced: scope === "Namespaced",
        verbs: verbs ?? [],
      });
    }
  }
}
