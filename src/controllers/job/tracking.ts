/** Where pods that ended go into the status, and what is left of them there. See the idea in index.ts. */
import type { KubeObject } from "../../apimachinery/index.ts";
import { isTerminating } from "../resources.ts";
import type { Verdict } from "./conditions.ts";
import { isFailed, judgeFailure } from "./failure-policy.ts";
import { completionIndexOf, formatIndexes, isIndexed } from "./indexes.ts";
import type { JobStatus, Tally } from "./tally.ts";

/** So many uids at most wait in a status: 20 KB of it. */
const uncountedMax = 500;

export interface Ending {
  readonly job: KubeObject;
  readonly owned: readonly KubeObject[];
  readonly held: (pod: KubeObject) => boolean;
  readonly counted: Tally;
  readonly verdict: Verdict | undefined;
}

/** Writes the uids of pods that ended into the status; the pods whose finalizer may go once that is written. */
export function listEnded(status: JobStatus, ending: Ending): { release: KubeObject[]; full: boolean } {
  const { job, owned, held, counted, verdict } = ending;
  const indexed = isIndexed(job);
  const completions: number = job.spec.completions ?? 0;
  const waiting = {
    succeeded: [...(status.uncountedTerminatedPods?.succeeded ?? [])],
    failed: [...(status.uncountedTerminatedPods?.failed ?? [])],
  };
  let newIndexes = 0;
  let full = false;
  const release: KubeObject[] = [];
  const ordered = indexed ? [...owned].sort((a, b) => completionIndexOf(a) - completionIndexOf(b)) : owned;
  for (const pod of ordered) {
    if (!held(pod) || !mayGo(pod, ending)) continue;
    release.push(pod);
    const uid = pod.metadata.uid as string;
    const index = completionIndexOf(pod);
    const isValid = !indexed || (index >= 0 && index < completions);
    if (pod.status?.phase === "Succeeded" && !waiting.failed.includes(uid)) {
      // An index says enough: it is not counted twice.
      if (indexed) newIndexes += isValid && !counted.countedIndexes.has(index) ? 1 : 0;
      else if (!waiting.succeeded.includes(uid)) waiting.succeeded.push(uid);
    } else if (isFailed(job, pod) || verdict?.type === "Failed") {
      // Whatever still runs when the Job has failed has failed with it.
      if (isValid && !waiting.failed.includes(uid) && judgeFailure(job, pod).counted)
        waiting.failed.push(uid);
    }
    full = newIndexes + waiting.succeeded.length + waiting.failed.length >= uncountedMax;
    if (full) break;
  }
  setWaiting(status, waiting);
  if (indexed) {
    setCount(status, "succeeded", counted.succeededIndexes.size);
    if (counted.succeededIndexes.size > 0) status.completedIndexes = formatIndexes(counted.succeededIndexes);
    else delete status.completedIndexes;
    if (counted.failedIndexes !== undefined) status.failedIndexes = formatIndexes(counted.failedIndexes);
  }
  return { release, full };
}

/** Uids whose pods have no finalizer any more, or are gone, go into the counts. */
export function countReleased(status: JobStatus, isHeld: (uid: string) => boolean): void {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  const left = { succeeded: succeeded.filter(isHeld), failed: failed.filter(isHeld) };
  setCount(status, "succeeded", (status.succeeded ?? 0) + succeeded.length - left.succeeded.length);
  setCount(status, "failed", (status.failed ?? 0) + failed.length - left.failed.length);
  setWaiting(status, left);
}

export function hasUncounted(status: JobStatus): boolean {
  const { succeeded = [], failed = [] } = status.uncountedTerminatedPods ?? {};
  return succeeded.length + failed.length > 0;
}

/** The pod need not be held any longer. */
function mayGo(pod: KubeObject, { job, counted, verdict }: Ending): boolean {
  if (isTerminating(job) || verdict !== undefined || pod.status?.phase === "Succeeded") return true;
  if (!isFailed(job, pod)) return false;
  // The next pod of its index is to know of it.
  return counted.replaced.get(completionIndexOf(pod))?.metadata.uid !== pod.metadata.uid;
}

function setWaiting(status: JobStatus, waiting: { succeeded: string[]; failed: string[] }): void {
  const { succeeded, failed } = waiting;
  status.uncountedTerminatedPods = {
    ...(succeeded.length > 0 ? { succeeded } : {}),
    ...(failed.length > 0 ? { failed } : {}),
  };
}

export function setCount(status: JobStatus, field: "active" | "succeeded" | "failed", count: number): void {
  if (count > 0) status[field] = count;
  else delete status[field];
}
