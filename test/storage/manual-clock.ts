import type { Clock, Timer } from "../../src/platform/ports.ts";

/** A clock that stands still until a test moves it. */
export class ManualClock implements Clock {
  readonly #startedAt: number;
  #now = 0;
  #timers = new Set<{ at: number; every: number | undefined; fire: () => void }>();

  /** `startedAt`: its first time, in milliseconds since 1970. */
  constructor(startedAt = 1_700_000_000_000) {
    this.#startedAt = startedAt;
  }

  now(): number {
    return this.#startedAt + this.#now;
  }

  monotonic(): number {
    return this.#now;
  }

  after(milliseconds: number, fire: () => void): Timer {
    return this.#add({ at: this.#now + milliseconds, every: undefined, fire });
  }

  every(milliseconds: number, fire: () => void): Timer {
    return this.#add({ at: this.#now + milliseconds, every: milliseconds, fire });
  }

  get pending(): number {
    return this.#timers.size;
  }

  /** Fires what is due on the way, in order. */
  advance(milliseconds: number): void {
    const until = this.#now + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#now = due.at;
      if (due.every === undefined) this.#timers.delete(due);
      else due.at += due.every;
      due.fire();
    }
    this.#now = until;
  }

  #add(timer: { at: number; every: number | undefined; fire: () => void }): Timer {
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }
}
