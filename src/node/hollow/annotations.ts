import { type KubeObject, parseDuration } from "../../apimachinery/index.ts";

/** A pod with this annotation becomes ready so long after it started: `750ms`, `5s`. */
export const readyAfterAnnotation = "hollow.raftsman.dev/ready-after";
/** "false": the pod runs and is not ready, until the annotation says otherwise. */
const readyAnnotation = "hollow.raftsman.dev/ready";
/** The pod starts so long after it came to the node. */
export const startAfterAnnotation = "hollow.raftsman.dev/start-after";
/** A pod that is being deleted takes so long to end; never longer than its grace. */
export const stopAfterAnnotation = "hollow.raftsman.dev/stop-after";

/** Milliseconds; 0 where the annotation is missing or no duration. */
export function delayMs(pod: KubeObject, annotation: string): number {
  const text = pod.metadata.annotations?.[annotation];
  const nanoseconds = text === undefined ? undefined : parseDuration(text);
  return nanoseconds === undefined || nanoseconds < 0n ? 0 : Number(nanoseconds) / 1e6;
}

export function mayBeReady(pod: KubeObject): boolean {
  return pod.metadata.annotations?.[readyAnnotation] !== "false";
}
