import type { KubeObject } from "../../apimachinery/index.ts";

export interface PodCondition {
  type: string;
  status: "True" | "False" | "Unknown";
  observedGeneration?: number;
  lastProbeTime: null;
  lastTransitionTime: string;
  reason?: string;
  message?: string;
}

export function conditionIn(pod: KubeObject, type: string): PodCondition | undefined {
  return ((pod.status?.conditions ?? []) as PodCondition[]).find((condition) => condition.type === type);
}

export function generationOf(pod: KubeObject): { observedGeneration?: number } {
  return pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation };
}

/** The kubelet's conditions in its order, then those of others; transition times new only where the status is. */
export function mergeConditions(
  pod: KubeObject,
  now: string,
  own: readonly (Partial<PodCondition> & { type: string })[],
): PodCondition[] {
  const types = new Set(own.map(({ type }) => type));
  const others = ((pod.status?.conditions ?? []) as PodCondition[]).filter(({ type }) => !types.has(type));
  const merged = own.map((condition) => {
    const old = conditionIn(pod, condition.type);
    const same = old?.status === condition.status && old?.lastTransitionTime !== undefined;
    return {
      ...condition,
      ...generationOf(pod),
      lastProbeTime: null,
      lastTransitionTime: same ? old.lastTransitionTime : now,
    } as PodCondition;
  });
  return [...merged, ...others];
}
