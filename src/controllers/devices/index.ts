/**
 * Claims to devices: made from templates for the pods that ask for them, reserved for pods that are on a node already, and given back when
 * nobody uses them any more. Who gets which devices is the scheduler's choice. k8s.io/kubernetes/pkg/controller/resourceclaim.
 */
import type { KubeObject } from "../../apimachinery/index.ts";
import { createWorkqueue, errorText, keyOf } from "../../client/index.ts";
import type { ControllerContext, ControllerDescriptor } from "../context.ts";
import { workUntil } from "../lifecycle.ts";
import { controllerOf, isNotFound } from "../owners.ts";
import { isPodTerminal } from "../pods.ts";
import {
  inNamespace,
  isTerminating,
  pods as podResource,
  resourceClaims,
  resourceClaimTemplates,
} from "../resources.ts";
import {
  allocationFinalizer,
  claimNameOf,
  isMadeFor,
  isReservedFor,
  type PodClaim,
  podClaimsOf,
} from "./pod-claims.ts";
import type { Claim } from "./types.ts";

export const resourceClaimController: ControllerDescriptor = {
  name: "resourceclaim-controller",
  aliases: ["resource-claim-controller"],
  create,
};

/** Names which of its pod's claims a generated one is. */
const podClaimAnnotation = "resource.kubernetes.io/pod-claim-name";

/** Characters of a generated name before its random ones. */
const baseNameMax = 57;

const claimsOfPod = "resource-claim";
const ownedByPod = "owning-pod";

function create(context: ControllerContext): { run(): Promise<void> } {
  const { client, clock, log, signal, informers } = context;
  const pods = informers.informer(podResource);
  const claims = informers.informer<Claim>(resourceClaims);
  const templates = informers.informer(resourceClaimTemplates);
  const recorder = context.recorder("resource_claim");
  const podQueue = createWorkqueue({ name: "pods with claims", clock, log, process: syncPod });
  const claimQueue = createWorkqueue({ name: "resource claims", clock, log, process: syncClaim });
  pods.addIndex(claimsOfPod, (pod) => namesOf(pod).map((name) => `${pod.metadata.namespace}/${name}`));
  claims.addIndex(ownedByPod, (claim) => [controllerOf(claim)?.uid ?? ""]);
  /** Pods whose claims were just made, with what their status does not say yet. */
  const made = new Map<string, Map<string, string>>();

  const lookAt = (pod: KubeObject): void => {
    if (podClaimsOf(pod).length === 0) return;
    if (isDone(pod) || isTerminating(pod)) releaseFor(pod);
    if (!isDone(pod)) podQueue.add(keyOf(pod));
  };
  const releaseFor = (pod: KubeObject): void => {
    for (const name of namesOf(pod)) claimQueue.add(`${pod.metadata.namespace}/${name}`);
    for (const claim of claims.lister.byIndex(ownedByPod, pod.metadata.uid as string))
      claimQueue.add(keyOf(claim));
  };
  pods.addHandler({
    add: lookAt,
    update: lookAt,
    delete(pod) {
      made.delete(pod.metadata.uid as string);
      if (podClaimsOf(pod).length > 0) releaseFor(pod);
    },
  });
  const lookAtUsers = (claim: Claim): void => {
    claimQueue.add(keyOf(claim));
    for (const pod of pods.lister.byIndex(claimsOfPod, keyOf(claim))) lookAt(pod);
  };
  claims.addHandler({ add: lookAtUsers, update: lookAtUsers, delete: lookAtUsers });

  async function syncPod(key: string): Promise<void> {
    const pod = pods.lister.getByKey(key);
    if (pod === undefined || isTerminating(pod)) return;
    const added = new Map<string, string>();
    for (const podClaim of podClaimsOf(pod)) {
      try {
        const name = await ensureClaim(pod, podClaim);
        if (name !== undefined) added.set(podClaim.name, name);
      } catch (error) {
        const message = `PodResourceClaim ${podClaim.name}: ${errorText(error)}`;
        recorder.event(pod, "Warning", "FailedResourceClaimCreation", message);
        throw error;
      }
    }
    if (added.size > 0) await tellPod(pod, added);
    // Otherwise the scheduler reserves.
    if ((pod.spec?.nodeName ?? "") !== "") await reserve(pod);
  }

  /** The name of the claim that the pod's status does not name yet; undefined where there is nothing to tell. */
  async function ensureClaim(pod: KubeObject, podClaim: PodClaim): Promise<string | undefined> {
    const { namespace } = pod.metadata;
    const known = claimNameOf(pod, podClaim);
    if (known === "none") return undefined;
    if (known !== undefined) {
      const claim = claims.lister.get(namespace, known.name);
      if (claim !== undefined && (!known.isGenerated || isMadeFor(claim, pod))) return undefined;
    }
    const templateName = podClaim.resourceClaimTemplateName;
    if (templateName === undefined) return undefined;
    const before = made.get(pod.metadata.uid as string)?.get(podClaim.name) ?? findMade(pod, podClaim);
    if (before !== undefined && known === undefined) return before;
    const template = templates.lister.get(namespace, templateName);
    if (template === undefined) {
      const missing = `resourceclaimtemplate.resource.k8s.io "${templateName}" not found`;
      throw new Error(`resource claim template "${templateName}": ${missing}`);
    }
    return await makeClaim(pod, podClaim, template);
  }

  /** One that was made, before the pod's status could say so. */
  function findMade(pod: KubeObject, podClaim: PodClaim): string | undefined {
    return claims.lister
      .byIndex(ownedByPod, pod.metadata.uid as string)
      .find(({ metadata }) => metadata.annotations?.[podClaimAnnotation] === podClaim.name)?.metadata.name;
  }

  async function makeClaim(pod: KubeObject, podClaim: PodClaim, template: KubeObject): Promise<string> {
    const { name = "", namespace, uid = "" } = pod.metadata;
    const { labels, annotations } = (template.spec.metadata ?? {}) as KubeObject["metadata"];
    let claim: KubeObject;
    try {
      claim = await client.create<KubeObject>(inNamespace(resourceClaims, namespace), {
        apiVersion: "resource.k8s.io/v1",
        kind: "ResourceClaim",
        metadata: {
          generateName: generatedNameOf(name, podClaim.name),
          namespace: namespace as string,
          annotations: { ...annotations, [podClaimAnnotation]: podClaim.name },
          ...(labels === undefined ? {} : { labels }),
          ownerReferences: [{ apiVersion: "v1", kind: "Pod", name, uid, controller: true }],
        },
        spec: template.spec.spec,
      });
    } catch (error) {
      throw new Error(`create ResourceClaim : ${errorText(error)}`);
    }
    const claimName = claim.metadata.name as string;
    const own = made.get(uid) ?? new Map<string, string>();
    made.set(uid, own.set(podClaim.name, claimName));
    return claimName;
  }

  async function tellPod(pod: KubeObject, added: ReadonlyMap<string, string>): Promise<void> {
    const { namespace, name = "", uid = "" } = pod.metadata;
    const resourceClaimStatuses = [...added].map(([claim, resourceClaimName]) => ({
      name: claim,
      resourceClaimName,
    }));
    const body = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace, uid },
      status: { resourceClaimStatuses },
    };
    await client.patch(inNamespace(podResource, namespace), name, {
      type: "apply",
      body,
      subresource: "status",
      fieldManager: "ResourceClaimController",
      force: true,
    });
  }

  /** For a pod that somebody else bound, claims that are allocated. */
  async function reserve(pod: KubeObject): Promise<void> {
    const { namespace, name = "", uid = "" } = pod.metadata;
    for (const podClaim of podClaimsOf(pod)) {
      const named = claimNameOf(pod, podClaim);
      if (named === undefined || named === "none") continue;
      const claim = claims.lister.get(namespace, named.name);
      if (claim?.status?.allocation === undefined || isReservedFor(claim, pod)) continue;
      if (named.isGenerated && !isMadeFor(claim, pod)) continue;
      const reservedFor = [...(claim.status.reservedFor ?? []), { resource: "pods", name, uid }];
      const status = { ...claim.status, reservedFor };
      await client.update(inNamespace(resourceClaims, namespace), { ...claim, status }, "status");
    }
  }

  async function syncClaim(key: string): Promise<void> {
    const claim = claims.lister.getByKey(key);
    if (claim === undefined) return;
    const scope = inNamespace(resourceClaims, claim.metadata.namespace);
    const reserved = claim.status?.reservedFor ?? [];
    const valid: typeof reserved = [];
    for (const one of reserved) if (await stillNeeds(claim, one)) valid.push(one);
    const isHeld = claim.metadata.finalizers?.includes(allocationFinalizer) === true;
    const isFree = valid.length === 0;
    if (valid.length < reserved.length) {
      const { allocation, reservedFor: _, ...rest } = claim.status ?? {};
      // Nobody uses it any more: the devices are anybody's.
      const kept = allocation !== undefined && !(isFree && isHeld) ? { allocation } : {};
      const status = { ...rest, ...kept, ...(isFree ? {} : { reservedFor: valid }) };
      const next = await client.update<Claim>(scope, { ...claim, status }, "status");
      if (isHeld && next.status?.allocation === undefined) await letGo(next);
    } else if (isHeld && isFree && isTerminating(claim)) {
      const { allocation, ...status } = claim.status ?? {};
      const next =
        allocation === undefined
          ? claim
          : await client.update<Claim>(scope, { ...claim, status } as Claim, "status");
      await letGo(next);
    }
    if (isFree) await deleteUnused(claim);
  }

  async function stillNeeds(
    claim: Claim,
    {
      apiGroup = "",
      resource,
      name,
      uid,
    }: { apiGroup?: string; resource: string; name: string; uid: string },
  ): Promise<boolean> {
    if (apiGroup !== "" || resource !== "pods") {
      throw new Error(`unsupported ReservedFor entry: ${resource} ${name}`);
    }
    const { namespace } = claim.metadata;
    const known = pods.lister.get(namespace, name);
    if (known !== undefined) return known.metadata.uid === uid && !isDone(known);
    try {
      // The informer may be behind the scheduler.
      return (await client.get(inNamespace(podResource, namespace), name)).metadata.uid === uid;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async function letGo(claim: Claim): Promise<void> {
    const finalizers = (claim.metadata.finalizers ?? []).filter((one) => one !== allocationFinalizer);
    const scope = inNamespace(resourceClaims, claim.metadata.namespace);
    try {
      await client.update(scope, { ...claim, metadata: { ...claim.metadata, finalizers } });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  /** One that was made for a pod which needs it no more, though it is still there. */
  async function deleteUnused(claim: Claim): Promise<void> {
    const owner = controllerOf(claim);
    if (owner?.kind !== "Pod" || isTerminating(claim)) return;
    const { namespace, name = "" } = claim.metadata;
    const pod = pods.lister.get(namespace, owner.name);
    if (pod === undefined || (pod.metadata.uid === owner.uid && !isDone(pod))) return;
    try {
      await client.delete(inNamespace(resourceClaims, namespace), name);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  return { run: () => workUntil(signal, podQueue, claimQueue) };
}

/** Runs no more, or never will. */
function isDone(pod: KubeObject): boolean {
  return isPodTerminal(pod) || (isTerminating(pod) && (pod.spec?.nodeName ?? "") === "");
}

function namesOf(pod: KubeObject): string[] {
  return podClaimsOf(pod).flatMap((podClaim) => {
    const named = claimNameOf(pod, podClaim);
    return named === undefined || named === "none" ? [] : [named.name];
  });
}

/** `pod-claim-`; both are shortened alike where that is too long. */
function generatedNameOf(pod: string, claim: string): string {
  const name = `${pod}-${claim}-`;
  if (name.length <= baseNameMax) return name;
  const share = (text: string): string =>
    text.slice(0, Math.floor((text.length * baseNameMax) / name.length));
  return `${share(pod)}-${share(claim)}`;
}
