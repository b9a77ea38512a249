/** How many pods a controller of pods wants: from what is known of the built-in kinds, from the scale subresource of any other. */
import type { KubeObject, OwnerReference } from "../../apimachinery/index.ts";
import type { Client, InformerFactory } from "../../client/index.ts";
import { type DiscoveredResource, discover } from "../discovery.ts";
import { controllerOf, isNotFound } from "../owners.ts";
import { deployments, inNamespace, replicaSets, replicationControllers, statefulSets } from "../resources.ts";

interface Scale {
  readonly uid: string;
  readonly replicas: number;
}

export interface Scales {
  /** Undefined: it is not there (any more). @throws Error in upstream's words where its kind cannot tell */
  of(reference: OwnerReference, namespace: string | undefined): Promise<Scale | undefined>;
}

export function createScales({ client, informers }: { client: Client; informers: InformerFactory }): Scales {
  const owners: Readonly<Record<string, ReturnType<InformerFactory["informer"]>>> = {
    "apps/ReplicaSet": informers.informer(replicaSets),
    "/ReplicationController": informers.informer(replicationControllers),
    "apps/StatefulSet": informers.informer(statefulSets),
  };
  const rollouts = informers.informer(deployments);
  let known: readonly DiscoveredResource[] = [];

  function replicasOf(owner: KubeObject): Scale {
    const above = controllerOf(owner);
    const rollout =
      above?.kind === "Deployment" ? rollouts.lister.get(owner.metadata.namespace, above.name) : undefined;
    const top = rollout !== undefined && rollout.metadata.uid === above?.uid ? rollout : owner;
    return { uid: top.metadata.uid as string, replicas: top.spec?.replicas ?? 1 };
  }

  async function resourceOf(
    group: string,
    { apiVersion, kind }: OwnerReference,
  ): Promise<DiscoveredResource> {
    const find = (): DiscoveredResource | undefined =>
      known.find((one) => one.group === group && one.kind === kind);
    if (find() === undefined) known = (await discover(client)).resources;
    const resource = find();
    if (resource === undefined) throw new Error(`no matches for kind "${kind}" in version "${apiVersion}"`);
    return resource;
  }

  return {
    async of(reference, namespace) {
      const { apiVersion, kind, name, uid } = reference;
      const group = apiVersion.includes("/") ? apiVersion.slice(0, apiVersion.indexOf("/")) : "";
      const informer = owners[`${group}/${kind}`];
      if (informer !== undefined) {
        const owner = informer.lister.get(namespace, name);
        return owner?.metadata.uid === uid ? replicasOf(owner) : undefined;
      }
      const resource = await resourceOf(group, reference);
      const scope = inNamespace(resource, namespace);
      try {
        const scale = await client.get(scope, name, "scale");
        return scale.metadata.uid === uid ? { uid, replicas: scale.spec?.replicas ?? 0 } : undefined;
      } catch (error) {
        if (!isNotFound(error)) throw error;
        if (await hasScale(client, resource)) return undefined;
        const full = group === "" ? resource.resource : `${resource.resource}.${group}`;
        throw new Error(`${full} does not implement the scale subresource`);
      }
    },
  };
}

async function hasScale(client: Client, { group, version, resource }: DiscoveredResource): Promise<boolean> {
  const path = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const { status, body } = await client.raw({ method: "GET", path, accept: "application/json" });
  if (status !== 200) throw new Error(`discovery of ${path} failed with status ${status}`);
  const { resources = [] } = JSON.parse(body) as { resources?: { name: string }[] };
  return resources.some(({ name }) => name === `${resource}/scale`);
}
