import { type KubeObject, parseDuration } from "../../apimachinery/index.ts";

/** A pod with this annotation becomes ready so long after it started: `750ms`, `5s`. */
export const readyAfterAnnotation = "hollow.raftsman.dev/ready-after";
/** "false": the pod runs and is not ready, until the annotation says otherwise. */
const readyAnnotation = "hollow.raftsman.dev/ready";
/** The pod starts so long after it came to the node. */
export const startAfterAnnotation = "hollow.raftsman.dev/start-after";
/** A pod that is being deleted takes so long to end; never longer than its grace. */
export const stopAfterAnnotation = "hollow.raftsman.dev/stop-after";

/**
 * The containers end so long after they were ready, with `exitCodeAnnotation`. Pods of Jobs (restartPolicy Never or OnFailure) end
 * after one second where nothing is said; other pods run until they are deleted. With restartPolicy Always it has no effect.
 */
const completeAfterAnnotation = "hollow.raftsman.dev/complete-after";
/** How they end: 0 (by default) is success, anything else from 1 to 255 failure. With OnFailure it is the last try's. */
const exitCodeAnnotation = "hollow.raftsman.dev/exit-code";

const jobPodCompleteAfterMs = 1_000;

/** Milliseconds from ready to the end of the containers; undefined where they never end by themselves. */
export function completeAfterMs(pod: KubeObject): number | undefined {
  if ((pod.spec?.restartPolicy ?? "Always") === "Always") return undefined;
  if (pod.metadata.annotations?.[completeAfterAnnotation] !== undefined)
    return delayMs(pod, completeAfterAnnotation);
  const ofJob = pod.metadata.ownerReferences?.some(
    ({ controller, kind }) => controller === true && kind === "Job",
  );
  return ofJob === true ? jobPodCompleteAfterMs : undefined;
}

export function exitCodeOf(pod: KubeObject): number {
  const text = pod.metadata.annotations?.[exitCodeAnnotation] ?? "";
  const code = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  return Math.min(code, 255);
}

/** Milliseconds; 0 where the annotation is missing or no duration. */
export function delayMs(pod: KubeObject, annotation: string): number {
  const text = pod.metadata.annotations?.[annotation];
  const nanoseconds = text === undefined ? undefined : parseDuration(text);
  return nanoseconds === undefined || nanoseconds < 0n ? 0 : Number(nanoseconds) / 1e6;
}

export function mayBeReady(pod: KubeObject): boolean {
  return pod.metadata.annotations?.[readyAnnotation] !== "false";
}
