import { formatTime, type KubeObject } from "../../apimachinery/index.ts";
import { availableInMs, type Condition, isPodReady } from "../pods.ts";

export interface ReplicaStatus {
  replicas: number;
  fullyLabeledReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  terminatingReplicas?: number;
  observedGeneration?: number;
  conditions?: Condition[];
}

export interface StatusInput {
  readonly owner: KubeObject;
  readonly active: readonly KubeObject[];
  /** Undefined: the kind does not report them. */
  readonly terminating: number | undefined;
  /** What kept the last round from its aim. */
  readonly failure:
    | { readonly reason: "FailedCreate" | "FailedDelete"; readonly message: string }
    | undefined;
  readonly nowMs: number;
}

/** The status as upstream's calculateStatus has it, counts of zero left out as Go's omitempty does. */
export function replicaStatus(input: StatusInput): ReplicaStatus {
  const { owner, active, nowMs } = input;
  const templateLabels = Object.entries(
    (owner.spec.template?.metadata?.labels ?? {}) as Record<string, string>,
  );
  const minReadySeconds: number = owner.spec.minReadySeconds ?? 0;
  let labeled = 0;
  let ready = 0;
  let available = 0;
  for (const pod of active) {
    if (templateLabels.every(([key, value]) => pod.metadata.labels?.[key] === value)) labeled++;
    if (!isPodReady(pod)) continue;
    ready++;
    if (availableInMs(pod, minReadySeconds, nowMs) === 0) available++;
  }
  const conditions = conditionsOf(input);
  return {
    replicas: active.length,
    ...(labeled === 0 ? {} : { fullyLabeledReplicas: labeled }),
    ...(ready === 0 ? {} : { readyReplicas: ready }),
    ...(available === 0 ? {} : { availableReplicas: available }),
    ...(input.terminating === undefined ? {} : { terminatingReplicas: input.terminating }),
    ...(owner.metadata.generation === undefined ? {} : { observedGeneration: owner.metadata.generation }),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

function conditionsOf({ owner, failure, nowMs }: StatusInput): Condition[] {
  const conditions = (owner.status?.conditions ?? []) as Condition[];
  const has = conditions.some((condition) => condition.type === "ReplicaFailure");
  if (failure === undefined) return conditions.filter((condition) => condition.type !== "ReplicaFailure");
  if (has) return conditions;
  return [
    ...conditions,
    {
      type: "ReplicaFailure",
      status: "True",
      lastTransitionTime: formatTime(nowMs),
      reason: failure.reason,
      message: failure.message,
    },
  ];
}

/** Whether writing the status would change anything. */
export function sameStatus(a: ReplicaStatus | undefined, b: ReplicaStatus): boolean {
  return (
    (a?.replicas ?? 0) === b.replicas &&
    (a?.fullyLabeledReplicas ?? 0) === (b.fullyLabeledReplicas ?? 0) &&
    (a?.readyReplicas ?? 0) === (b.readyReplicas ?? 0) &&
    (a?.availableReplicas ?? 0) === (b.availableReplicas ?? 0) &&
    a?.terminatingReplicas === b.terminatingReplicas &&
    (a?.observedGeneration ?? 0) === (b.observedGeneration ?? 0) &&
    JSON.stringify(a?.conditions ?? []) === JSON.stringify(b.conditions ?? [])
  );
}
