/** After a failure of a Job the next try waits, twice as long each time; a success begins anew. */
export interface BackoffLimits {
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

/** After a pod that failed. */
export const failedPods: BackoffLimits = { firstWaitMs: 10_000, longestWaitMs: 600_000 };
/** After a pod that the server did not take. */
export const refusedPods: BackoffLimits = { firstWaitMs: 1_000, longestWaitMs: 60_000 };

export class PodBackoff {
  readonly #failures = new Map<string, { count: number; atMs: number }>();
  readonly #limits: BackoffLimits;

  constructor(limits: BackoffLimits) {
    this.#limits = limits;
  }

  /** Pods of the Job ended; `nowMs` monotonic. */
  record(
    uid: string,
    ended: { readonly newFailures: number; readonly newSuccesses: number },
    nowMs: number,
  ): void {
    if (ended.newSuccesses > 0) this.#failures.delete(uid);
    if (ended.newFailures === 0) return;
    const count = (this.#failures.get(uid)?.count ?? 0) + ended.newFailures;
    this.#failures.set(uid, { count, atMs: nowMs });
  }

  waitMs(uid: string, nowMs: number): number {
    const failures = this.#failures.get(uid);
    if (failures === undefined) return 0;
    const { firstWaitMs, longestWaitMs } = this.#limits;
    const wait = Math.min(firstWaitMs * 2 ** Math.min(failures.count - 1, 16), longestWaitMs);
    return Math.max(0, failures.atMs + wait - nowMs);
  }

  forget(uid: string): void {
    this.#failures.delete(uid);
  }
}
