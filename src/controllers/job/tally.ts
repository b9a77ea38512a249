import type { KubeObject } from "../../apimachinery/index.ts";
import type { Condition } from "../pods.ts";
import { isPodTerminal } from "../pods.ts";
import { failsIndex, isFailed, judgeFailure } from "./failure-policy.ts";
import { completionIndexOf, parseIndexes } from "./indexes.ts";

const trackingFinalizer = "batch.kubernetes.io/job-tracking";

/** A pod that is not counted yet. */
export function hasTracking(pod: KubeObject): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) === true;
}

export function withoutTracking(pod: KubeObject): string[] {
  return (pod.metadata.finalizers ?? []).filter((finalizer) => finalizer !== trackingFinalizer);
}

export const trackingFinalizers = [trackingFinalizer];

export interface JobStatus {
  conditions?: Condition[];
  startTime?: string;
  completionTime?: string;
  active?: number;
  succeeded?: number;
  failed?: number;
  terminating?: number;
  completedIndexes?: string;
  failedIndexes?: string;
  uncountedTerminatedPods?: { succeeded?: string[]; failed?: string[] };
  ready?: number;
}

export interface Tally {
  /** The status with what has been counted; a copy. */
  readonly status: JobStatus;
  /** Counted and still to be counted. */
  readonly succeeded: number;
  readonly failed: number;
  readonly succeededIndexes: ReadonlySet<number>;
  /** Of a Job with a limit for each index: those that reached it. */
  readonly failedIndexes: ReadonlySet<number>;
  /** What a rule of the Job's failure policy says against all of it. */
  readonly failJob: string | undefined;
  readonly newSuccesses: number;
  readonly newFailures: number;
  /** Some uids wait in the status. */
  readonly uncounted: boolean;
  /** Whose uid the status holds once it is written: their finalizer may go then. */
  readonly toRelease: readonly KubeObject[];
}

/** Counts each ended pod once; see the idea in index.ts. */
export function tally(job: KubeObject, owned: readonly KubeObject[]): Tally {
  const status: JobStatus = { ...job.status };
  const waiting = { succeeded: [] as string[], failed: [] as string[] };
  const held = new Map(owned.filter(hasTracking).map((pod) => [pod.metadata.uid as string, pod]));
  const listed = new Set<string>();
  for (const kind of ["succeeded", "failed"] as const) {
    for (const uid of status.uncountedTerminatedPods?.[kind] ?? []) {
      listed.add(uid);
      // Its finalizer is gone, or the pod is: now it counts.
      if (held.has(uid)) waiting[kind].push(uid);
      else status[kind] = (status[kind] ?? 0) + 1;
    }
  }
  const indexed = job.spec.completionMode === "Indexed";
  const completions: number = job.spec.completions ?? 0;
  const indexes = parseIndexes(indexed ? status.completedIndexes : undefined, completions);
  const failedIndexes = parseIndexes(status.failedIndexes, completions);
  let failJob: string | undefined;
  let newSuccesses = 0;
  let newFailures = 0;
  for (const [uid, pod] of held) {
    const failed = isFailed(job, pod);
    const verdict = failed ? judgeFailure(job, pod) : undefined;
    if (verdict?.action === "FailJob") failJob ??= verdict.message;
    if (failsIndex(job, pod)) failedIndexes.add(completionIndexOf(pod));
    if (listed.has(uid)) continue;
    const succeeded = pod.status?.phase === "Succeeded";
    if (!succeeded && !failed) continue;
    // Its finalizer goes, but nobody counts it.
    if (verdict?.counted === false) continue;
    const index = completionIndexOf(pod);
    if (succeeded && indexed && (index < 0 || index >= completions || indexes.has(index))) {
      // Of an index that is done or none: not counted, and not held.
      continue;
    }
    if (succeeded) {
      newSuccesses++;
      if (indexed) indexes.add(index);
    } else newFailures++;
    waiting[succeeded ? "succeeded" : "failed"].push(uid);
  }
  status.uncountedTerminatedPods = {
    ...(waiting.succeeded.length > 0 ? { succeeded: waiting.succeeded } : {}),
    ...(waiting.failed.length > 0 ? { failed: waiting.failed } : {}),
  };
  return {
    status,
    succeeded: (status.succeeded ?? 0) + waiting.succeeded.length,
    failed: (status.failed ?? 0) + waiting.failed.length,
    succeededIndexes: indexes,
    failedIndexes,
    failJob,
    newSuccesses,
    newFailures,
    uncounted: waiting.succeeded.length + waiting.failed.length > 0,
    toRelease: [...held.values()].filter((pod) => isPodTerminal(pod) || isFailed(job, pod)),
  };
}
