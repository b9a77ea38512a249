/** Looks at one start of a container, as its probes say: startup first, then liveness and readiness beside each other. */
import type { Clock, Timer } from "../../../platform/index.ts";
import type { Container, Probe } from "../pod.ts";
import type { ProbeResult } from "./check.ts";
import { ProbeTally } from "./tally.ts";

type ProbeKind = "Startup" | "Liveness" | "Readiness";

export interface ProberOptions {
  readonly clock: Clock;
  readonly container: Container;
  /** Milliseconds since the program started. */
  readonly runsForMs: number;
  /** It had started before: an agent that comes back does not ask again. */
  readonly alreadyStarted: boolean;
  check(probe: Probe): Promise<ProbeResult>;
  /** The startup probe has succeeded, or there is none. */
  onStarted(): void;
  onReady(ready: boolean): void;
  /** The program has to be restarted. */
  onUnhealthy(kind: "Startup" | "Liveness", probe: Probe): void;
  /** Every look that failed. */
  onFailure(kind: ProbeKind, output: string): void;
}

export class Prober {
  readonly #options: ProberOptions;
  readonly #timers = new Set<Timer>();
  #stopped = false;

  constructor(options: ProberOptions) {
    this.#options = options;
    const { startupProbe } = options.container;
    if (startupProbe === undefined || options.alreadyStarted) this.#started();
    else this.#run("Startup", startupProbe);
  }

  stop(): void {
    this.#stopped = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  #started(): void {
    const { container, onStarted, onReady } = this.#options;
    onStarted();
    if (container.livenessProbe !== undefined) this.#run("Liveness", container.livenessProbe);
    if (container.readinessProbe !== undefined) this.#run("Readiness", container.readinessProbe);
    else onReady(true);
  }

  #run(kind: ProbeKind, probe: Probe): void {
    const { clock, runsForMs } = this.#options;
    const periodMs = (probe.periodSeconds ?? 10) * 1000;
    const tally = new ProbeTally({
      success: probe.successThreshold ?? 1,
      failure: probe.failureThreshold ?? 3,
    });
    const next = (milliseconds: number): void => {
      if (this.#stopped) return;
      const timer = clock.after(
        milliseconds,
        () => {
          this.#timers.delete(timer);
          void look();
        },
        { background: true },
      );
      this.#timers.add(timer);
    };
    const look = async (): Promise<void> => {
      const askedAt = clock.monotonic();
      const { succeeded, output } = await this.#options.check(probe);
      if (this.#stopped) return;
      if (!succeeded) this.#options.onFailure(kind, output);
      const verdict = tally.observe(succeeded);
      if (verdict !== undefined && this.#decide(kind, verdict, probe)) return;
      // A look that takes long does not put the next one off.
      next(Math.max(0, askedAt + periodMs - clock.monotonic()));
    };
    next(Math.max(0, (probe.initialDelaySeconds ?? 0) * 1000 - runsForMs));
  }

  /** True: this probe has said what it is for. */
  #decide(kind: ProbeKind, verdict: boolean, probe: Probe): boolean {
    if (kind === "Readiness") {
      this.#options.onReady(verdict);
      return false;
    }
    if (!verdict) {
      this.#options.onUnhealthy(kind, probe);
      return true;
    }
    if (kind === "Startup") this.#started();
    return kind === "Startup";
  }
}
