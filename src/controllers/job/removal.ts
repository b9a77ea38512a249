import type { KubeObject } from "../../apimachinery/index.ts";
import { rankForDeletion } from "../replicaset/ranking.ts";
import { completionIndexOf, isIndexed } from "./indexes.ts";

/**
 * Which active pods of a Job go: of an Indexed one those of no index that it has and all but one of each index, and then, up to `count`, the
 * ones that would be missed least.
 */
export function podsToRemove(
  job: KubeObject,
  active: readonly KubeObject[],
  count: number,
  nowMs: number,
): KubeObject[] {
  const removed: KubeObject[] = [];
  let left = [...active];
  if (isIndexed(job)) {
    const kept: KubeObject[] = [];
    for (const [index, pods] of byIndex(active)) {
      const ranked = rankForDeletion(pods, [], nowMs);
      if (index < 0 || index >= (job.spec.completions ?? 0)) removed.push(...pods);
      else {
        removed.push(...ranked.slice(0, -1));
        kept.push(...ranked.slice(-1));
      }
    }
    left = kept;
  }
  const more = Math.max(0, count - removed.length);
  return [...removed, ...rankForDeletion(left, [], nowMs).slice(0, more)];
}

function byIndex(pods: readonly KubeObject[]): Map<number, KubeObject[]> {
  const groups = new Map<number, KubeObject[]>();
  for (const pod of pods) {
    const index = completionIndexOf(pod);
    const group = groups.get(index);
    if (group === undefined) groups.set(index, [pod]);
    else group.push(pod);
  }
  return groups;
}
