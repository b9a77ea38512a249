/** After a failed pod the next waits 10 s, then 20 s, 40 s … to ten minutes; a success begins anew. */
const firstWaitMs = 10_000;
const longestWaitMs = 600_000;

export class PodBackoff {
  readonly #failures = new Map<string, { count: number; atMs: number }>();

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
    const wait = Math.min(firstWaitMs * 2 ** Math.min(failures.count - 1, 16), longestWaitMs);
    return Math.max(0, failures.atMs + wait - nowMs);
  }

  forget(uid: string): void {
    this.#failures.delete(uid);
  }
}
