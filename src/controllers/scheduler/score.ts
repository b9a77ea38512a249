/** Which of the nodes that can take a pod it had better go to. */
import type { KubeObject } from "../../apimachinery/index.ts";
import type { Taint } from "../node-lifecycle/taints.ts";
import { controllerOf } from "../owners.ts";
import { allocatableOf } from "./filter.ts";
import { nodeAffinityScore } from "./node-affinity.ts";
import type { NodeUsage } from "./node-usage.ts";
import { type Toleration, tolerates } from "./taints.ts";

/** So many points of a preference (1 to 100 each) weigh as much as one pod of the same owner. */
export const pointsPerPod = 10;

/** Higher is better: room left, few pods of the same owner, what the pod prefers, what the node would rather not. */
export function scoreOf(pod: KubeObject, node: KubeObject, usage: NodeUsage): number {
  const allocatable = allocatableOf(node);
  let free = 0;
  let resources = 0;
  for (const resource of ["cpu", "memory", "pods"]) {
    const whole = Number(allocatable.get(resource) ?? 0n);
    if (whole === 0) continue;
    const used = resource === "pods" ? usage.pods.size * 1e9 : Number(usage.amounts.get(resource) ?? 0n);
    free += Math.max(0, 1 - used / whole);
    resources++;
  }
  const owner = controllerOf(pod)?.uid;
  const siblings = owner === undefined ? 0 : (usage.owners.get(owner) ?? 0);
  const tolerations = (pod.spec?.tolerations ?? []) as Toleration[];
  const avoided = ((node.spec?.taints ?? []) as Taint[]).filter(
    (taint) =>
      taint.effect === "PreferNoSchedule" && !tolerations.some((toleration) => tolerates(toleration, taint)),
  ).length;
  return (
    (resources === 0 ? 0 : free / resources) -
    siblings +
    nodeAffinityScore(pod, node) / pointsPerPod -
    3 * avoided
  );
}
