import type { KubeObject } from "../../apimachinery/index.ts";
import type { Condition } from "../pods.ts";
import { failsIndex, indexFailures, isFailed, judgeFailure } from "./failure-policy.ts";
import { finishedMs } from "./finished-time.ts";
import { completionIndexOf, indexesOf, isIndexed, parseIndexes } from "./indexes.ts";

const trackingFinalizer = "batch.kubernetes.io/job-tracking";
export const trackingFinalizers: readonly string[] = [trackingFinalizer];

/** A pod that is not counted yet. */
export function hasTracking(pod: KubeObject): boolean {
  return pod.metadata.finalizers?.includes(trackingFinalizer) === true;
}

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

/** What the pods of a Job say, before anything is done about it. */
export interface Tally {
  /** Those that ended and no status speaks of yet. */
  readonly newlySucceeded: readonly KubeObject[];
  readonly newlyFailed: readonly KubeObject[];
  /** With those that are still to be counted. */
  readonly succeeded: number;
  readonly failed: number;
  /** Of an Indexed Job: done before, and with the pods that are still to be counted. */
  readonly countedIndexes: ReadonlySet<number>;
  readonly succeededIndexes: ReadonlySet<number>;
  /** Of a Job with a limit for each index: those that reached it. */
  readonly failedIndexes: ReadonlySet<number> | undefined;
  /** The failed pod of an index that is to have another: it stays until that knows from it how often the index has failed. */
  readonly replaced: ReadonlyMap<number, KubeObject>;
}

/** `held`: the pod has not been counted, nor is it about to be. */
export function tally(
  job: KubeObject,
  owned: readonly KubeObject[],
  active: readonly KubeObject[],
  held: (pod: KubeObject) => boolean,
): Tally {
  const status: JobStatus = job.status ?? {};
  const waiting = status.uncountedTerminatedPods ?? {};
  const completions: number = job.spec.completions ?? 0;
  const indexed = isIndexed(job);
  const isValid = (pod: KubeObject): boolean => {
    const index = completionIndexOf(pod);
    return !indexed || (index >= 0 && index < completions);
  };
  const valid = owned.filter((pod) => held(pod) && isValid(pod));
  const unlisted = (kind: "succeeded" | "failed"): KubeObject[] =>
    valid.filter(({ metadata }) => waiting[kind]?.includes(metadata.uid as string) !== true);
  const newlySucceeded = unlisted("succeeded").filter((pod) => pod.status?.phase === "Succeeded");
  const newlyFailed = unlisted("failed").filter((pod) => isFailed(job, pod));
  const towardsLimit = newlyFailed.filter((pod) => judgeFailure(job, pod).counted);

  const countedIndexes = parseIndexes(indexed ? status.completedIndexes : undefined, completions);
  const tracked = owned.filter((pod) => hasTracking(pod) && isValid(pod));
  const succeededIndexes = new Set(countedIndexes);
  if (indexed) {
    for (const pod of tracked)
      if (pod.status?.phase === "Succeeded") succeededIndexes.add(completionIndexOf(pod));
  }
  let failedIndexes: Set<number> | undefined;
  if (indexed && job.spec.backoffLimitPerIndex !== undefined) {
    failedIndexes = parseIndexes(status.failedIndexes, completions);
    for (const pod of tracked) if (failsIndex(job, pod)) failedIndexes.add(completionIndexOf(pod));
  }
  const replaced = new Map<number, KubeObject>();
  if (failedIndexes !== undefined) {
    const taken = indexesOf(active);
    for (const pod of valid) {
      const index = completionIndexOf(pod);
      if (!isFailed(job, pod) || succeededIndexes.has(index) || failedIndexes.has(index) || taken.has(index))
        continue;
      const other = replaced.get(index);
      if (other === undefined || isLater(pod, other)) replaced.set(index, pod);
    }
  }
  return {
    newlySucceeded,
    newlyFailed,
    succeeded: indexed
      ? succeededIndexes.size
      : (status.succeeded ?? 0) + newlySucceeded.length + (waiting.succeeded?.length ?? 0),
    failed: (status.failed ?? 0) + towardsLimit.length + (waiting.failed?.length ?? 0),
    countedIndexes,
    succeededIndexes,
    failedIndexes,
    replaced,
  };
}

function isLater(pod: KubeObject, other: KubeObject): boolean {
  return indexFailures(other) <= indexFailures(pod) && finishedMs(pod) >= finishedMs(other);
}
