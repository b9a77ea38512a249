import type { Clock } from "../platform/index.ts";
import { type ApplyDurations, isPut } from "./apply-durations.ts";
import type { Command } from "./command.ts";

/**
 * Measures how long entries take to be applied. A put takes little longer than asking the system for the time, so puts that follow each other are
 * measured as one, and each is said to have taken its share; anything else is measured by itself.
 */
export class ApplyWatch {
  readonly #clock: Clock;
  readonly #durations: ApplyDurations;
  /** When what is being measured began. */
  #began = 0;
  /** Applied since then: how many, and one of them. */
  #puts = 0;
  #put: Command | undefined;

  constructor(clock: Clock, durations: ApplyDurations) {
    this.#clock = clock;
    this.#durations = durations;
  }

  /** Entries are going to be applied. */
  start(): void {
    this.#began = this.#clock.monotonic();
  }

  /** This one is next. */
  begins(command: Command): void {
    if (isPut(command)) return;
    this.stop();
    this.start();
  }

  ended(command: Command, succeeded: boolean): void {
    if (succeeded && isPut(command)) {
      this.#puts++;
      this.#put = command;
      return;
    }
    const each = this.#lap(this.#puts + 1);
    this.#observePuts(each);
    this.#durations.observe(command, succeeded, each);
  }

  /** All are applied. */
  stop(): void {
    if (this.#puts > 0) this.#observePuts(this.#lap(this.#puts));
  }

  #observePuts(each: number): void {
    if (this.#put !== undefined) this.#durations.observe(this.#put, true, each, this.#puts);
    this.#puts = 0;
    this.#put = undefined;
  }

  /** Milliseconds that each of so many entries took. */
  #lap(entries: number): number {
    const now = this.#clock.monotonic();
    const each = (now - this.#began) / entries;
    this.#began = now;
    return each;
  }
}
