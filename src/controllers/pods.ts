import { formatTime, type KubeObject, parseTime } from "../apimachinery/index.ts";
import { isTerminating } from "./resources.ts";

export interface Condition {
  type: string;
  status: "True" | "False" | "Unknown";
  reason?: string;
  message?: string;
  lastTransitionTime?: string;
  [field: string]: unknown;
}

export function conditionOf(object: KubeObject, type: string): Condition | undefined {
  const conditions = object.status?.conditions as Condition[] | undefined;
  return conditions?.find((condition) => condition.type === type);
}

/** The conditions with this one in place of its like; the transition time is new only when the status is. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  next: Condition,
  nowMs: number,
): Condition[] {
  const others: Condition[] = [...(conditions ?? [])];
  const index = others.findIndex((condition) => condition.type === next.type);
  const old = others[index];
  const lastTransitionTime =
    old !== undefined && old.status === next.status && old.lastTransitionTime !== undefined
      ? old.lastTransitionTime
      : formatTime(nowMs);
  const condition = { ...next, lastTransitionTime };
  if (index === -1) others.push(condition);
  else others[index] = condition;
  return others;
}

export function isPodReady(pod: KubeObject): boolean {
  return conditionOf(pod, "Ready")?.status === "True";
}

/** Finished for good. */
export function isPodTerminal(pod: KubeObject): boolean {
  return pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed";
}

/** Counts as a replica. */
export function isPodActive(pod: KubeObject): boolean {
  return !isPodTerminal(pod) && !isTerminating(pod);
}

/** Since when the pod is ready, milliseconds since 1970; undefined while it is not. */
export function readySinceMs(pod: KubeObject): number | undefined {
  const ready = conditionOf(pod, "Ready");
  if (ready?.status !== "True" || typeof ready.lastTransitionTime !== "string") return undefined;
  return parseTime(ready.lastTransitionTime);
}

/**
 * Milliseconds until the pod has been ready for `minReadySeconds` and is available: 0 when it is, undefined while it is not
 * ready.
 */
export function availableInMs(pod: KubeObject, minReadySeconds: number, nowMs: number): number | undefined {
  if (!isPodReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = readySinceMs(pod);
  return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1_000 - nowMs);
}

/** Milliseconds since 1970 when the object was made. */
export function createdMs(object: KubeObject): number {
  const text = object.metadata.creationTimestamp;
  return (typeof text === "string" ? parseTime(text) : undefined) ?? 0;
}
