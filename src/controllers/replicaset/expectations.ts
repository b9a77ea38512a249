import type { Clock } from "../../platform/index.ts";

/** An informer that has not shown a write for so long never will: the expectation is void (client-go: 5 minutes). */
const expectationMs = 300_000;

/**
 * What a controller has done and not yet seen come back through its informer. While something is expected the cache is
 * known to be behind, and acting on it would do the same thing twice.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #expected = new Map<string, { creations: number; deletions: Set<string>; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  expectCreations(owner: string, count: number): void {
    this.#of(owner).creations += count;
  }

  /** `dependents` are uids. */
  expectDeletions(owner: string, dependents: readonly string[]): void {
    const { deletions } = this.#of(owner);
    for (const uid of dependents) deletions.add(uid);
  }

  created(owner: string): void {
    const expected = this.#expected.get(owner);
    if (expected !== undefined && expected.creations > 0) expected.creations--;
  }

  deleted(owner: string, uid: string): void {
    this.#expected.get(owner)?.deletions.delete(uid);
  }

  fulfilled(owner: string): boolean {
    const expected = this.#expected.get(owner);
    if (expected === undefined) return true;
    const open = expected.creations > 0 || expected.deletions.size > 0;
    if (open && this.#clock.monotonic() - expected.atMs < expectationMs) return false;
    this.#expected.delete(owner);
    return true;
  }

  forget(owner: string): void {
    this.#expected.delete(owner);
  }

  #of(owner: string): { creations: number; deletions: Set<string>; atMs: number } {
    let expected = this.#expected.get(owner);
    if (expected === undefined) {
      expected = { creations: 0, deletions: new Set(), atMs: 0 };
      this.#expected.set(owner, expected);
    }
    expected.atMs = this.#clock.monotonic();
    return expected;
  }
}
