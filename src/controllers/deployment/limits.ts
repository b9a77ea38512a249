import { type IntOrString, type KubeObject, scaledValue } from "../../apimachinery/index.ts";

/** `spec.replicas`, 1 by default. */
export function replicasOf(object: KubeObject): number {
  return object.spec?.replicas ?? 1;
}

export function isRollingUpdate(deployment: KubeObject): boolean {
  return deployment.spec.strategy?.type !== "Recreate";
}

/** Pods allowed above the wanted number during a rolling update. */
export function surgeMax(deployment: KubeObject): number {
  return isRollingUpdate(deployment) ? fenceposts(deployment).surge : 0;
}

/** Pods that may be missing during a rolling update. */
export function unavailableMax(deployment: KubeObject): number {
  if (!isRollingUpdate(deployment) || replicasOf(deployment) === 0) return 0;
  return Math.min(fenceposts(deployment).unavailable, replicasOf(deployment));
}

/** Shares resolved, surge up and unavailable down; never both zero, or nothing could ever move. */
function fenceposts(deployment: KubeObject): { surge: number; unavailable: number } {
  const rolling: { maxSurge?: IntOrString; maxUnavailable?: IntOrString } =
    deployment.spec.strategy?.rollingUpdate ?? {};
  const replicas = replicasOf(deployment);
  const surge = scaledValue(rolling.maxSurge ?? "25%", replicas, true) ?? 0;
  const unavailable = scaledValue(rolling.maxUnavailable ?? "25%", replicas, false) ?? 0;
  return surge === 0 && unavailable === 0 ? { surge, unavailable: 1 } : { surge, unavailable };
}

/** int32's highest: a deadline that nobody set. */
const noDeadlineSeconds = 2_147_483_647;

/** Seconds without progress after which a rollout counts as failed; undefined for never. */
export function progressDeadlineSeconds(deployment: KubeObject): number | undefined {
  const seconds: number | undefined = deployment.spec.progressDeadlineSeconds;
  return seconds === noDeadlineSeconds ? undefined : seconds;
}
