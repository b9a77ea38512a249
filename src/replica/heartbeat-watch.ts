/** Whether a leader's heartbeats leave in time: one that does not get to it, for its disk is slow or its machine busy, may lose its place. */
import type { MemberId, Term } from "../base/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Counter, Log } from "../telemetry/index.ts";

export class HeartbeatWatch {
  readonly #options: {
    readonly clock: Clock;
    readonly log: Log;
    readonly heartbeatMs: number;
    readonly late: Counter;
  };
  #term = 0 as Term;
  readonly #lastMs = new Map<MemberId, number>();

  constructor(options: { clock: Clock; log: Log; heartbeatMs: number; late: Counter }) {
    this.#options = options;
  }

  sent(to: MemberId, term: Term): void {
    const { clock, log, heartbeatMs, late } = this.#options;
    if (term !== this.#term) {
      this.#term = term;
      this.#lastMs.clear();
    }
    const now = clock.monotonic();
    const exceededMs = now - (this.#lastMs.get(to) ?? now) - 2 * heartbeatMs;
    this.#lastMs.set(to, now);
    if (exceededMs <= 0) return;
    late.add();
    log.warn(
      "leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk",
      {
        to: to.toString(16),
        "heartbeat-interval": `${heartbeatMs}ms`,
        "exceeded-duration": `${exceededMs.toFixed(3)}ms`,
      },
    );
  }
}
