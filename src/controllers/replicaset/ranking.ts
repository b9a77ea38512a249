import type { KubeObject } from "../../apimachinery/index.ts";
import { createdMs, isPodReady, readySinceMs } from "../pods.ts";

const costAnnotation = "controller.kubernetes.io/pod-deletion-cost";

const phaseOrder: Record<string, number> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * The pods in the order in which a scale-down takes them: k8s.io/kubernetes/pkg/controller ActivePodsWithRanks. `related` are
 * the active pods of all ReplicaSets of the same owner: where many of them share a node, one goes first.
 */
export function rankForDeletion(
  pods: readonly KubeObject[],
  related: readonly KubeObject[],
  nowMs: number,
): KubeObject[] {
  const perNode = new Map<string, number>();
  for (const pod of related) {
    const node: string = pod.spec?.nodeName ?? "";
    if (node !== "") perNode.set(node, (perNode.get(node) ?? 0) + 1);
  }
  const neighbours = (pod: KubeObject): number => perNode.get(pod.spec?.nodeName ?? "") ?? 0;
  return [...pods].sort((a, b) => {
    const order =
      assigned(a) - assigned(b) ||
      (phaseOrder[a.status?.phase] ?? 0) - (phaseOrder[b.status?.phase] ?? 0) ||
      Number(isPodReady(a)) - Number(isPodReady(b)) ||
      deletionCost(a) - deletionCost(b) ||
      neighbours(b) - neighbours(a);
    if (order !== 0) return order;
    const readyA = readySinceMs(a);
    const readyB = readySinceMs(b);
    if (readyA !== undefined && readyB !== undefined && readyA !== readyB) {
      return compareAges(readyA, readyB, nowMs) || compareUids(a, b);
    }
    const restarts = restartsMax(b) - restartsMax(a);
    if (restarts !== 0) return restarts;
    if (createdMs(a) !== createdMs(b)) {
      return compareAges(createdMs(a), createdMs(b), nowMs) || compareUids(a, b);
    }
    return 0;
  });
}

function assigned(pod: KubeObject): number {
  return (pod.spec?.nodeName ?? "") === "" ? 0 : 1;
}

/** 0 where the annotation is missing or not a 32-bit integer in plain form. */
function deletionCost(pod: KubeObject): number {
  const text = pod.metadata.annotations?.[costAnnotation];
  if (text === undefined || !/^(0|-?[1-9]\d{0,9})$/.test(text)) return 0;
  const cost = Number(text);
  return Math.abs(cost) <= 2_147_483_647 ? cost : 0;
}

function restartsMax(pod: KubeObject): number {
  const statuses = (pod.status?.containerStatuses ?? []) as { restartCount?: number }[];
  return statuses.reduce((most, status) => Math.max(most, status.restartCount ?? 0), 0);
}

/** Younger first, but only where the ages differ by a power of two: among equals the choice is by uid, so not by order of making. */
function compareAges(a: number, b: number, nowMs: number): number {
  return magnitude(nowMs - a) - magnitude(nowMs - b);
}

/** Floor of the binary logarithm of nanoseconds; -1 for no age at all. */
function magnitude(ageMs: number): number {
  return ageMs > 0 ? Math.floor(Math.log2(ageMs * 1e6)) : -1;
}

function compareUids(a: KubeObject, b: KubeObject): number {
  return (a.metadata.uid ?? "") < (b.metadata.uid ?? "") ? -1 : 1;
}
