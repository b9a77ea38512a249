import type { Clock } from "../../platform/index.ts";

/**
 * The time as of this stretch of work: what hundreds of calls ask for one after the other is asked of the system once, which takes as long as a
 * hundredth of a call.
 */
export class TurnTime {
  readonly #clock: Clock;
  #now: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds, monotonic. */
  get now(): number {
    if (this.#now === undefined) {
      this.#now = this.#clock.monotonic();
      queueMicrotask(this.#forget);
    }
    return this.#now;
  }

  readonly #forget = (): void => {
    this.#now = undefined;
  };
}
