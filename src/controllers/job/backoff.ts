import type { KubeObject } from "../../apimachinery/index.ts";
import { finishedMs } from "./finished-time.ts";

/** After a failure of a Job the next try waits, twice as long each time; a success begins anew. */
interface BackoffLimits {
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

/** After a pod that failed. */
const failedPods: BackoffLimits = { firstWaitMs: 10_000, longestWaitMs: 600_000 };
/** After a pod that the server did not take. */
const refusedPods: BackoffLimits = { firstWaitMs: 1_000, longestWaitMs: 60_000 };

/** Failures in a row. */
interface Failures {
  readonly count: number;
  /** When the last one was. */
  readonly lastMs: number;
}

const none: Failures = { count: 0, lastMs: 0 };

function waitMs({ count, lastMs }: Failures, limits: BackoffLimits, nowMs: number): number {
  if (count === 0) return 0;
  const wait = Math.min(limits.firstWaitMs * 2 ** Math.min(count - 1, 16), limits.longestWaitMs);
  return Math.max(0, lastMs + wait - nowMs);
}

/** Milliseconds that the next pod of an index waits, which the pod that it replaces counts the failures of. */
export function indexWaitMs(replaced: KubeObject | undefined, failures: number, nowMs: number): number {
  return replaced === undefined
    ? 0
    : waitMs({ count: failures, lastMs: finishedMs(replaced) }, failedPods, nowMs);
}

/** How often the pods of each Job failed in a row, by the Job's uid. Times are those that the pods tell, milliseconds since 1970. */
export class PodFailures {
  readonly #of = new Map<string, Failures>();

  /** What there is to be remembered once the pods that ended are counted. */
  after(
    uid: string,
    ended: { readonly succeeded: readonly KubeObject[]; readonly failed: readonly KubeObject[] },
  ): Failures {
    const before = this.#of.get(uid) ?? none;
    const failedAt = ended.failed.map(finishedMs);
    if (ended.succeeded.length === 0) {
      if (failedAt.length === 0) return before;
      return { count: before.count + failedAt.length, lastMs: Math.max(...failedAt) };
    }
    const successMs = Math.max(...ended.succeeded.map(finishedMs));
    const since = failedAt.filter((failedMs) => failedMs > successMs);
    return since.length === 0 ? none : { count: since.length, lastMs: Math.max(...since) };
  }

  remember(uid: string, failures: Failures): void {
    if (failures.count === 0) this.#of.delete(uid);
    else this.#of.set(uid, failures);
  }

  waitMs(failures: Failures, nowMs: number): number {
    return waitMs(failures, failedPods, nowMs);
  }

  forget(uid: string): void {
    this.#of.delete(uid);
  }
}

/** How often the server refused the pods of each Job in a row; times are monotonic. */
export class PodRefusals {
  readonly #of = new Map<string, Failures>();

  refused(uid: string, nowMs: number): void {
    this.#of.set(uid, { count: (this.#of.get(uid) ?? none).count + 1, lastMs: nowMs });
  }

  waitMs(uid: string, nowMs: number): number {
    return waitMs(this.#of.get(uid) ?? none, refusedPods, nowMs);
  }

  /** One was taken, or the Job is over. */
  forget(uid: string): void {
    this.#of.delete(uid);
  }
}
