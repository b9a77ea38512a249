import { formatTime, type KubeObject, parseTime } from "../../apimachinery/index.ts";
import type { Condition } from "../pods.ts";
import { progressDeadlineSeconds, replicasOf, unavailableMax } from "./limits.ts";
import { sumStatus, wantedReplicas } from "./replica-sets.ts";

export interface DeploymentStatus {
  observedGeneration?: number;
  replicas?: number;
  updatedReplicas?: number;
  readyReplicas?: number;
  availableReplicas?: number;
  unavailableReplicas?: number;
  terminatingReplicas?: number;
  conditions?: DeploymentCondition[];
  collisionCount?: number;
}

export interface DeploymentCondition extends Condition {
  lastUpdateTime?: string;
}

/** The counts and the Available condition; what of them is zero is left out, as Go's omitempty does. */
export function calculateStatus(
  deployment: KubeObject,
  all: readonly KubeObject[],
  newest: KubeObject | undefined,
  nowMs: number,
): DeploymentStatus {
  const total = sumStatus(all, "replicas");
  const available = sumStatus(all, "availableReplicas");
  const updated = newest === undefined ? 0 : sumStatus([newest], "replicas");
  const enough = available >= replicasOf(deployment) - unavailableMax(deployment);
  const collisionCount: number | undefined = deployment.status?.collisionCount;
  return {
    ...counts({
      observedGeneration: deployment.metadata.generation ?? 0,
      replicas: total,
      updatedReplicas: updated,
      readyReplicas: sumStatus(all, "readyReplicas"),
      availableReplicas: available,
      unavailableReplicas: Math.max(0, wantedReplicas(all) - available),
    }),
    terminatingReplicas: sumStatus(all, "terminatingReplicas"),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions: withDeploymentCondition(
      deployment.status?.conditions,
      enough
        ? condition("Available", "True", "MinimumReplicasAvailable", "Deployment has minimum availability.")
        : condition(
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
          ),
      nowMs,
    ),
  };
}

function counts<T extends Record<string, number>>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== 0)) as Partial<T>;
}

export function condition(
  type: string,
  status: Condition["status"],
  reason: string,
  message: string,
): DeploymentCondition {
  return { type, status, reason, message };
}

export function deploymentCondition(
  status: DeploymentStatus | undefined,
  type: string,
): DeploymentCondition | undefined {
  return status?.conditions?.find((found) => found.type === type);
}

/** The conditions with this one at the end; unchanged where status and reason are what they were. */
export function withDeploymentCondition(
  conditions: readonly DeploymentCondition[] | undefined,
  next: DeploymentCondition,
  nowMs: number,
): DeploymentCondition[] {
  const old = conditions?.find((found) => found.type === next.type);
  if (old !== undefined && old.status === next.status && old.reason === next.reason)
    return [...(conditions ?? [])];
  const now = formatTime(nowMs);
  const others = withoutDeploymentCondition(conditions, next.type);
  others.push({
    type: next.type,
    status: next.status,
    lastUpdateTime: now,
    lastTransitionTime: old?.status === next.status && old.lastTransitionTime ? old.lastTransitionTime : now,
    ...(next.reason === undefined ? {} : { reason: next.reason }),
    ...(next.message === undefined ? {} : { message: next.message }),
  });
  return others;
}

function withoutDeploymentCondition(
  conditions: readonly DeploymentCondition[] | undefined,
  type: string,
): DeploymentCondition[] {
  return (conditions ?? []).filter((found) => found.type !== type);
}

/** All pods are new, and all are available. */
export function isComplete(deployment: KubeObject, status: DeploymentStatus | undefined): boolean {
  const wanted = replicasOf(deployment);
  return (
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (status?.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  );
}

/**
 * The status that a rollout in progress deserves: calculateStatus and the Progressing and ReplicaFailure conditions
 * (upstream's syncRolloutStatus).
 */
export function rolloutStatus(
  deployment: KubeObject,
  all: readonly KubeObject[],
  newest: KubeObject | undefined,
  nowMs: number,
): DeploymentStatus {
  const status = calculateStatus(deployment, all, newest, nowMs);
  const old = deployment.status as DeploymentStatus | undefined;
  let conditions = status.conditions;
  if (progressDeadlineSeconds(deployment) === undefined) {
    conditions = withoutDeploymentCondition(conditions, "Progressing");
  } else if (!wasComplete(old, status)) {
    const subject =
      newest === undefined
        ? `Deployment "${deployment.metadata.name}"`
        : `ReplicaSet "${newest.metadata.name}"`;
    if (isComplete(deployment, status)) {
      const message = `${subject} has successfully progressed.`;
      conditions = withDeploymentCondition(
        conditions,
        condition("Progressing", "True", "NewReplicaSetAvailable", message),
        nowMs,
      );
    } else if (madeProgress(old, status)) {
      const message = `${subject} is progressing.`;
      const current = deploymentCondition(old, "Progressing");
      // Taken out first: its update time must be new even where its reason is not, since the deadline counts from it.
      const renewed = withDeploymentCondition(
        withoutDeploymentCondition(conditions, "Progressing"),
        condition("Progressing", "True", "ReplicaSetUpdated", message),
        nowMs,
      );
      const last = renewed.at(-1);
      if (current?.status === "True" && last !== undefined && current.lastTransitionTime !== undefined) {
        last.lastTransitionTime = current.lastTransitionTime;
      }
      conditions = renewed;
    } else if (hasTimedOut(deployment, status, nowMs)) {
      const message = `${subject} has timed out progressing.`;
      conditions = withDeploymentCondition(
        conditions,
        condition("Progressing", "False", "ProgressDeadlineExceeded", message),
        nowMs,
      );
    }
  }
  const failure = replicaFailure(all, newest);
  conditions =
    failure === undefined
      ? withoutDeploymentCondition(conditions, "ReplicaFailure")
      : withDeploymentCondition(conditions, failure, nowMs);
  return { ...status, conditions };
}

/** A finished rollout keeps its condition while it is merely scaled. */
function wasComplete(old: DeploymentStatus | undefined, status: DeploymentStatus): boolean {
  return (
    (status.replicas ?? 0) === (status.updatedReplicas ?? 0) &&
    deploymentCondition(old, "Progressing")?.reason === "NewReplicaSetAvailable"
  );
}

function madeProgress(old: DeploymentStatus | undefined, next: DeploymentStatus): boolean {
  const outdated = (status: DeploymentStatus | undefined): number =>
    (status?.replicas ?? 0) - (status?.updatedReplicas ?? 0);
  return (
    (next.updatedReplicas ?? 0) > (old?.updatedReplicas ?? 0) ||
    outdated(next) < outdated(old) ||
    (next.readyReplicas ?? 0) > (old?.readyReplicas ?? 0) ||
    (next.availableReplicas ?? 0) > (old?.availableReplicas ?? 0)
  );
}

function hasTimedOut(deployment: KubeObject, status: DeploymentStatus, nowMs: number): boolean {
  const left = deadlineInMs(deployment, status, nowMs);
  return left !== undefined && left < 0;
}

/** Milliseconds until the rollout counts as failed; undefined where no deadline runs. Negative: passed. */
export function deadlineInMs(
  deployment: KubeObject,
  status: DeploymentStatus | undefined,
  nowMs: number,
): number | undefined {
  const seconds = progressDeadlineSeconds(deployment);
  const current = deploymentCondition(status, "Progressing");
  if (seconds === undefined || current === undefined) return undefined;
  if (current.reason === "NewReplicaSetAvailable") return undefined;
  if (current.reason === "ProgressDeadlineExceeded") return -1;
  const since = parseTime(current.lastUpdateTime ?? "");
  return since === undefined ? undefined : since + seconds * 1_000 - nowMs;
}

function replicaFailure(
  all: readonly KubeObject[],
  newest: KubeObject | undefined,
): DeploymentCondition | undefined {
  for (const set of newest === undefined ? all : [newest, ...all]) {
    const failure = (set.status?.conditions as Condition[] | undefined)?.find(
      (found) => found.type === "ReplicaFailure",
    );
    if (failure !== undefined)
      return condition("ReplicaFailure", failure.status, failure.reason ?? "", failure.message ?? "");
  }
  return undefined;
}
