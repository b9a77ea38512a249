/** How many pods each ReplicaSet of a Deployment should have next. Pure: from objects to numbers. */
import type { KubeObject } from "../../apimachinery/index.ts";
import { createdMs } from "../pods.ts";
import { isRollingUpdate, replicasOf, surgeMax, unavailableMax } from "./limits.ts";
import {
  activeOf,
  byAge,
  compareNames,
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  sumReplicas,
} from "./replica-sets.ts";

export interface SizeChange {
  readonly replicaSet: KubeObject;
  replicas: number;
}

/** What the new ReplicaSet may have without exceeding the surge. `newest` is among `all`. */
export function newReplicaSetSize(
  deployment: KubeObject,
  all: readonly KubeObject[],
  newest: KubeObject,
): number {
  const wanted = replicasOf(deployment);
  if (!isRollingUpdate(deployment)) return wanted;
  const room = wanted + surgeMax(deployment) - sumReplicas(all);
  if (room <= 0) return replicasOf(newest);
  return replicasOf(newest) + Math.min(room, wanted - replicasOf(newest));
}

/**
 * Sizes of the old ReplicaSets in the next step of a rolling update: pods that are not available go first, then as many as
 * leave the minimum available.
 */
export function oldReplicaSetSizes(
  deployment: KubeObject,
  old: readonly KubeObject[],
  newest: KubeObject,
): SizeChange[] {
  const active = activeOf(old);
  if (active.length === 0) return [];
  const minimum = replicasOf(deployment) - unavailableMax(deployment);
  const newUnavailable = replicasOf(newest) - availableOf(newest);
  const removable = sumReplicas(active) + replicasOf(newest) - minimum - newUnavailable;
  if (removable <= 0) return [];

  const sizes = new Map(active.map((set) => [set, replicasOf(set)]));
  let removed = 0;
  const oldest = [...active].sort(byAge);
  for (const set of oldest) {
    if (removed >= removable) break;
    const unhealthy = Math.min(removable - removed, replicasOf(set) - availableOf(set));
    if (unhealthy <= 0) continue;
    sizes.set(set, replicasOf(set) - unhealthy);
    removed += unhealthy;
  }
  let spare = [...active, newest].reduce((sum, set) => sum + availableOf(set), 0) - minimum;
  for (const set of oldest) {
    if (spare <= 0) break;
    const size = sizes.get(set) as number;
    const fewer = Math.min(size, spare);
    sizes.set(set, size - fewer);
    spare -= fewer;
  }
  return changed(sizes);
}

/**
 * Sizes when the Deployment itself was scaled or is paused: the only active ReplicaSet takes all; in the middle of a rollout
 * each takes its share of the difference.
 */
export function proportionalSizes(
  deployment: KubeObject,
  newest: KubeObject | undefined,
  old: readonly KubeObject[],
): SizeChange[] {
  const wanted = replicasOf(deployment);
  const only = activeOrLatest(newest, old);
  if (only !== undefined) return [{ replicaSet: only, replicas: wanted }];
  if (newest !== undefined && isSaturated(deployment, newest)) {
    return activeOf(old).map((replicaSet) => ({ replicaSet, replicas: 0 }));
  }
  if (!isRollingUpdate(deployment)) return [];

  const active = activeOf(newest === undefined ? old : [...old, newest]);
  const allowed = wanted > 0 ? wanted + surgeMax(deployment) : 0;
  const toAdd = allowed - sumReplicas(active);
  const newerFirst = toAdd > 0;
  active.sort(
    (a, b) =>
      replicasOf(b) - replicasOf(a) ||
      (newerFirst ? createdMs(b) - createdMs(a) : createdMs(a) - createdMs(b)) ||
      (newerFirst ? compareNames(b, a) : compareNames(a, b)),
  );
  let added = 0;
  const sizes = active.map((replicaSet) => {
    const share = toAdd === 0 ? 0 : shareOf(deployment, replicaSet, toAdd, added);
    added += share;
    return { replicaSet, replicas: replicasOf(replicaSet) + share };
  });
  // What rounding left over goes to the largest.
  const largest = sizes[0];
  if (largest !== undefined && toAdd !== 0) largest.replicas = Math.max(0, largest.replicas + toAdd - added);
  return sizes;
}

function shareOf(deployment: KubeObject, replicaSet: KubeObject, toAdd: number, added: number): number {
  const left = toAdd - added;
  if (replicasOf(replicaSet) === 0 || left === 0) return 0;
  const fraction = fractionOf(deployment, replicaSet);
  return toAdd > 0 ? Math.min(fraction, left) : Math.max(fraction, left);
}

function fractionOf(deployment: KubeObject, replicaSet: KubeObject): number {
  const wanted = replicasOf(deployment);
  const present = replicasOf(replicaSet);
  if (wanted === 0) return -present;
  const annotated = Number(replicaSet.metadata.annotations?.[maxReplicasAnnotation] ?? Number.NaN);
  const before = Number.isSafeInteger(annotated) ? annotated : Number(deployment.status?.replicas ?? 0);
  if (before === 0) return 0;
  return Math.round((present * (wanted + surgeMax(deployment))) / before) - present;
}

/** The one ReplicaSet that a scaling concerns, when it is only one. */
function activeOrLatest(newest: KubeObject | undefined, old: readonly KubeObject[]): KubeObject | undefined {
  const active = activeOf(newest === undefined ? old : [...old, newest]);
  if (active.length > 1) return undefined;
  return active[0] ?? newest ?? [...old].sort(byAge).at(-1);
}

/** The new ReplicaSet has all that is wanted, so that the old ones can go. */
function isSaturated(deployment: KubeObject, newest: KubeObject): boolean {
  const wanted = replicasOf(deployment);
  return (
    replicasOf(newest) === wanted &&
    Number(newest.metadata.annotations?.[desiredReplicasAnnotation] ?? Number.NaN) === wanted &&
    availableOf(newest) === wanted
  );
}

/** An active ReplicaSet was sized for another number than the Deployment wants now. */
export function isScalingEvent(deployment: KubeObject, all: readonly KubeObject[]): boolean {
  return activeOf(all).some((set) => {
    const desired = set.metadata.annotations?.[desiredReplicasAnnotation];
    return desired !== undefined && Number(desired) !== replicasOf(deployment);
  });
}

function availableOf(replicaSet: KubeObject): number {
  return replicaSet.status?.availableReplicas ?? 0;
}

function changed(sizes: Map<KubeObject, number>): SizeChange[] {
  const changes: SizeChange[] = [];
  for (const [replicaSet, replicas] of sizes) {
    if (replicas !== replicasOf(replicaSet)) changes.push({ replicaSet, replicas });
  }
  return changes;
}
