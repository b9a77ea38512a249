import type { Clock, Random } from "../platform/index.ts";

export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
  /** A delay is stretched by up to this share of itself, at random. */
  readonly jitter: number;
  /** After so long without a failure the next one starts from `baseMs` again. */
  readonly resetMs: number;
}

/** Delays that double with each failure, jittered so that many clients do not come back together. */
export class Backoff {
  readonly #options: BackoffOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  #delayMs = 0;
  #lastFailure = 0;

  constructor(options: BackoffOptions, clock: Clock, random: Random) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
  }

  /** Milliseconds to wait after the failure that just happened. */
  next(): number {
    const { baseMs, maxMs, jitter, resetMs } = this.#options;
    const now = this.#clock.monotonic();
    if (this.#delayMs === 0 || now - this.#lastFailure > resetMs + this.#delayMs) this.#delayMs = baseMs;
    else this.#delayMs = Math.min(this.#delayMs * 2, maxMs);
    this.#lastFailure = now;
    return this.#delayMs * (1 + jitter * this.#random.number());
  }

  reset(): void {
    this.#delayMs = 0;
  }
}

/** Resolves after `milliseconds`, or as soon as the signal fires. Never rejects. */
export function pause(clock: Clock, milliseconds: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      timer.cancel();
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = clock.after(milliseconds, done, { background: true });
    signal.addEventListener("abort", done);
  });
}
