import type { Clock } from "../platform/index.ts";

/** Something that may be done so often at once, and so often a second in the long run. */
export class Budget {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #perSecond: number;
  #left: number;
  #filledAt: number | undefined;

  constructor(clock: Clock, burst: number, perSecond: number) {
    this.#clock = clock;
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#left = burst;
  }

  /** False: it is used up. The clock is asked only when it seems to be. */
  spend(amount = 1): boolean {
    this.#filledAt ??= this.#clock.monotonic();
    if (this.#left < amount) {
      const now = this.#clock.monotonic();
      this.earn(((now - this.#filledAt) / 1000) * this.#perSecond);
      this.#filledAt = now;
      if (this.#left < amount) return false;
    }
    this.#left -= amount;
    return true;
  }

  earn(amount: number): void {
    this.#left = Math.min(this.#burst, this.#left + amount);
  }
}
