import { formatTime, type KubeObject } from "../../apimachinery/index.ts";
import { conditionOf } from "../pods.ts";

export interface Taint {
  key: string;
  value?: string;
  effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  timeAdded?: string;
}

const notReady = "node.kubernetes.io/not-ready";
const unreachable = "node.kubernetes.io/unreachable";

/** Condition, its status, and the taint that keeps new pods away meanwhile. */
const conditionTaints: readonly (readonly [string, string, string])[] = [
  ["Ready", "False", notReady],
  ["Ready", "Unknown", unreachable],
  ["MemoryPressure", "True", "node.kubernetes.io/memory-pressure"],
  ["DiskPressure", "True", "node.kubernetes.io/disk-pressure"],
  ["NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"],
  ["PIDPressure", "True", "node.kubernetes.io/pid-pressure"],
];

const unschedulable = "node.kubernetes.io/unschedulable";

const ownNoSchedule = new Set([...conditionTaints.map(([, , key]) => key), unschedulable]);

/** Somebody says that the node will not come back as it was. */
export function hasOutOfServiceTaint(node: KubeObject): boolean {
  return ((node.spec?.taints ?? []) as Taint[]).some(
    ({ key }) => key === "node.kubernetes.io/out-of-service",
  );
}

/** It has a taint of this controller's that drives pods away. */
export function isBeingEmptied(node: KubeObject): boolean {
  return ((node.spec?.taints ?? []) as Taint[]).some(
    ({ key, effect }) => effect === "NoExecute" && (key === notReady || key === unreachable),
  );
}

/**
 * The taints that a node's conditions ask for; others' taints stay. `evict` adds those that drive pods away. Undefined where
 * nothing changes.
 */
export function taintsFor(node: KubeObject, evict: boolean, nowMs: number): Taint[] | undefined {
  const present = (node.spec?.taints ?? []) as Taint[];
  const ready = conditionOf(node, "Ready")?.status;
  const wanted = new Map<string, Taint["effect"]>();
  for (const [type, status, key] of conditionTaints) {
    if (conditionOf(node, type)?.status === status) wanted.set(`${key}:NoSchedule`, "NoSchedule");
  }
  if (node.spec?.unschedulable === true) wanted.set(`${unschedulable}:NoSchedule`, "NoSchedule");
  if (evict && ready === "False") wanted.set(`${notReady}:NoExecute`, "NoExecute");
  if (evict && ready === "Unknown") wanted.set(`${unreachable}:NoExecute`, "NoExecute");

  const next = present.filter((taint) => {
    const own =
      (taint.effect === "NoSchedule" && ownNoSchedule.has(taint.key)) ||
      (taint.effect === "NoExecute" && (taint.key === notReady || taint.key === unreachable));
    // Of a node that has not said anything yet nobody can say that it may stay.
    return (
      !own ||
      (ready === undefined && taint.effect === "NoExecute") ||
      wanted.delete(`${taint.key}:${taint.effect}`)
    );
  });
  let changed = next.length !== present.length;
  for (const [id, effect] of wanted) {
    if (present.some((taint) => `${taint.key}:${taint.effect}` === id)) continue;
    next.push({ key: id.slice(0, id.lastIndexOf(":")), effect, timeAdded: formatTime(nowMs) });
    changed = true;
  }
  return changed ? next : undefined;
}
