import type { Clock, Timer } from "../../platform/index.ts";
import { retryMsMax, retryMsMin } from "./limits.ts";

/** When a pod is to be looked at again: rings once, at the earliest moment that anybody asked for. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: () => void;
  #timer: Timer | undefined;
  /** Monotonic milliseconds. */
  #due = Number.POSITIVE_INFINITY;
  #retryMs = 0;

  constructor(clock: Clock, ring: () => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  ringIn(milliseconds: number): void {
    const due = this.#clock.monotonic() + milliseconds;
    if (due >= this.#due) return;
    this.#timer?.cancel();
    this.#due = due;
    this.#timer = this.#clock.after(
      milliseconds,
      () => {
        this.#due = Number.POSITIVE_INFINITY;
        this.#ring();
      },
      { background: true },
    );
  }

  /** Something failed: later, and later each time until `succeeded`. */
  retry(): void {
    this.#retryMs = this.#retryMs === 0 ? retryMsMin : Math.min(this.#retryMs * 2, retryMsMax);
    this.ringIn(this.#retryMs);
  }

  succeeded(): void {
    this.#retryMs = 0;
  }

  off(): void {
    this.#timer?.cancel();
  }
}
