import type { Cure } from "./filter.ts";

/** Pods that fit nowhere when they were last tried, or wait for something of theirs, and what could change that. */
export class WaitingPods {
  readonly #cures = new Map<string, ReadonlySet<Cure>>();
  /** Those that have not come to be scheduled, as claims of theirs are not there. */
  readonly #incomplete = new Set<string>();
  readonly #wake: (key: string) => void;

  constructor(wake: (key: string) => void) {
    this.#wake = wake;
  }

  has(key: string): boolean {
    return this.#cures.has(key);
  }

  add(key: string, cures: Iterable<Cure>): void {
    this.#cures.set(key, new Set(cures));
  }

  /** Until its claims are there, which the pod's own status may be what names. */
  addIncomplete(key: string): void {
    this.#incomplete.add(key);
    this.add(key, ["device"]);
  }

  /** The pod changed, and may ask for something else now. */
  changed(key: string, asksForOther: boolean): void {
    if (this.#incomplete.delete(key) || asksForOther) this.#wakeOne(key);
  }

  forget(key: string): void {
    this.#incomplete.delete(key);
    this.#cures.delete(key);
  }

  /** Pods that this may help are tried again. */
  retry(cure: Cure): void {
    this.retryWhere((_, cures) => cures.has(cure));
  }

  retryWhere(mayHelp: (key: string, cures: ReadonlySet<Cure>) => boolean): void {
    for (const [key, cures] of this.#cures) if (mayHelp(key, cures)) this.#wakeOne(key);
  }

  #wakeOne(key: string): void {
    this.forget(key);
    this.#wake(key);
  }
}
