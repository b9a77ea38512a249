/**
 * Volumes of a pod: claims that are bound hold it to where their volumes can be reached, claims that wait for a pod get a volume on
 * its node, or a provisioner is told the node. k8s.io/kubernetes/pkg/scheduler/framework/plugins/volumebinding.
 */
import type { KubeObject } from "../../apimachinery/index.ts";
import type { Lister } from "../../client/index.ts";
import { controllerOf } from "../owners.ts";
import { isTerminating } from "../resources.ts";
import { notMadeFor } from "../volume/ephemeral.ts";
import { bindCompleted, classOf, findVolume, selectedNode } from "../volume/matching.ts";
import { claimsOfPod } from "../volume/pod-claims.ts";
import { matchesNodeSelector, matchesTopology } from "./node-affinity.ts";

export interface VolumeSources {
  readonly claims: Pick<Lister<KubeObject>, "get">;
  readonly volumes: Pick<Lister<KubeObject>, "get" | "list">;
  readonly classes: Pick<Lister<KubeObject>, "get">;
}

/** What must be written before the pod can be bound to the node. */
export interface VolumePlan {
  /** Claims that get a volume which is there. */
  readonly bindings: readonly { readonly claim: KubeObject; readonly volume: KubeObject }[];
  /** Claims whose provisioner is told the node. */
  readonly provisionings: readonly KubeObject[];
  /** Claims that somebody is at work for. */
  readonly waiting: boolean;
}

export interface VolumeRules {
  /** Why no node will do. */
  readonly impossible?: string;
  /** Why this node will not do, or what must be done for it to. */
  on(node: KubeObject): string | VolumePlan;
}

const nothing: VolumePlan = { bindings: [], provisionings: [], waiting: false };
const notReachable = "node(s) didn't match PersistentVolume's node affinity";
const noVolumes = "node(s) didn't find available persistent volumes to bind";

/** The rules of one pod, for every node. Undefined where it has no claims. */
export function volumeRules(pod: KubeObject, sources: VolumeSources): VolumeRules | undefined {
  const names = claimsOfPod(pod);
  if (names.length === 0) return undefined;
  const bound: KubeObject[] = [];
  const delayed: KubeObject[] = [];
  const impossible = (text: string): VolumeRules => ({ impossible: text, on: () => text });
  for (const { name, ephemeral } of names) {
    const claim = sources.claims.get(pod.metadata.namespace, name);
    if (claim === undefined) {
      const text = `persistentvolumeclaim "${name}" not found`;
      const waits = `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`;
      return impossible(ephemeral ? waits : text);
    }
    const volumeName: string = claim.spec.volumeName ?? "";
    if (claim.status?.phase === "Lost") {
      return impossible(
        `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volumeName}"`,
      );
    }
    if (isTerminating(claim)) return impossible(`persistentvolumeclaim "${name}" is being deleted`);
    if (ephemeral && controllerOf(claim)?.uid !== pod.metadata.uid) {
      return impossible(notMadeFor(claim, pod));
    }
    if (volumeName !== "" && claim.metadata.annotations?.[bindCompleted] !== undefined) bound.push(claim);
    else if (volumeName === "" && isDelayed(claim, sources)) delayed.push(claim);
    else return impossible("pod has unbound immediate PersistentVolumeClaims");
  }
  return { on: (node) => planFor(node, { bound, delayed }, sources) };
}

function isDelayed(claim: KubeObject, { classes }: VolumeSources): boolean {
  return classes.get("", classOf(claim))?.["volumeBindingMode"] === "WaitForFirstConsumer";
}

function planFor(
  node: KubeObject,
  { bound, delayed }: { bound: readonly KubeObject[]; delayed: readonly KubeObject[] },
  { volumes, classes }: VolumeSources,
): string | VolumePlan {
  for (const { spec } of bound) {
    const volume = volumes.get("", spec.volumeName);
    if (volume === undefined)
      return "node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)";
    if (!reaches(node, volume)) return notReachable;
  }
  if (delayed.length === 0) return nothing;
  const plan = {
    bindings: [] as { claim: KubeObject; volume: KubeObject }[],
    provisionings: [] as KubeObject[],
    waiting: false,
  };
  const taken = new Set<string>();
  for (const claim of delayed) {
    const chosen = claim.metadata.annotations?.[selectedNode];
    if (chosen !== undefined) {
      if (chosen !== node.metadata.name) return noVolumes;
      plan.waiting = true;
      continue;
    }
    const volume = findVolume(claim, volumes.list(), { reachable: (each) => reaches(node, each), taken });
    if (volume !== undefined) {
      taken.add(volume.metadata.name ?? "");
      if (volume.spec.claimRef === undefined) plan.bindings.push({ claim, volume });
      else plan.waiting = true;
      continue;
    }
    const storageClass = classes.get("", classOf(claim));
    if (storageClass === undefined || storageClass["provisioner"] === "kubernetes.io/no-provisioner") {
      return noVolumes;
    }
    if (!matchesTopology(storageClass["allowedTopologies"], node)) return noVolumes;
    plan.provisionings.push(claim);
  }
  return plan;
}

function reaches(node: KubeObject, volume: KubeObject): boolean {
  const required = volume.spec?.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}
