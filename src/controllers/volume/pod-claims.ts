import type { KubeObject } from "../../apimachinery/index.ts";
import { controllerOf } from "../owners.ts";
import { isPodTerminal } from "../pods.ts";
import { isTerminating } from "../resources.ts";

/** A claim that a pod mounts. */
export interface PodClaim {
  readonly name: string;
  /** Made for this pod alone, and goes with it. */
  readonly ephemeral: boolean;
}

interface PodVolume {
  readonly name: string;
  readonly persistentVolumeClaim?: { readonly claimName: string };
  readonly ephemeral?: object;
}

export function claimsOfPod(pod: KubeObject): PodClaim[] {
  const volumes = (pod.spec?.volumes ?? []) as PodVolume[];
  return volumes.flatMap(({ name, persistentVolumeClaim, ephemeral }): PodClaim[] => {
    if (persistentVolumeClaim !== undefined) {
      return [{ name: persistentVolumeClaim.claimName, ephemeral: false }];
    }
    return ephemeral === undefined ? [] : [{ name: `${pod.metadata.name}-${name}`, ephemeral: true }];
  });
}

/** An index of pods that have a node by the keys of their claims. */
export const claimIndex = {
  name: "persistent-volume-claim",
  keys: (pod: KubeObject): string[] =>
    pod.spec?.nodeName ? claimsOfPod(pod).map(({ name }) => `${pod.metadata.namespace}/${name}`) : [],
} as const;

/** Not so where another claim took the name of the pod's own. */
export function isMountedBy(claim: KubeObject, pod: KubeObject): boolean {
  const named = claimsOfPod(pod).find(({ name }) => name === claim.metadata.name);
  return named !== undefined && (!named.ephemeral || controllerOf(claim)?.uid === pod.metadata.uid);
}

/** No container of the pod runs any more: it has finished, or it is deleted and all have ended or never began. */
export function isPodStopped(pod: KubeObject): boolean {
  if (isPodTerminal(pod)) return true;
  if (!isTerminating(pod)) return false;
  const kinds = ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"];
  const containers = kinds.flatMap((kind) => (pod.status?.[kind] ?? []) as ContainerStatus[]);
  return containers.every(({ state }) => state?.terminated !== undefined || state?.waiting !== undefined);
}

interface ContainerStatus {
  readonly state?: { readonly waiting?: object; readonly terminated?: object };
}
