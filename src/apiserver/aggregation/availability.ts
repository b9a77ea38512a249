import { formatTime } from "../../apimachinery/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import {
  type ApiService,
  type ApiServiceCondition,
  type Registry,
  type RequestContext,
  trackFields,
} from "../../registry/index.ts";
import { ServiceUnavailable } from "../outgoing/service-address.ts";
import type { RemoteApi } from "./remote-api.ts";

/** How often an available server is asked whether it still is; one that is not is asked after ever longer times, up to this. Milliseconds. */
const everyMs = 30_000;
const firstRetryMs = 50;
const checkTimeoutMs = 5000;

const statusResource = { group: "apiregistration.k8s.io", version: "v1", resource: "apiservices/status" };

type Outcome = Pick<ApiServiceCondition, "status" | "reason" | "message">;

export interface AvailabilityDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly context: () => RequestContext;
  /** Undefined: there is none of the name any more. */
  readonly remote: (name: string) => RemoteApi | undefined;
  /** A server has answered. */
  readonly answered: (remote: RemoteApi) => Promise<void>;
}

/** Whether the servers of APIServices answer, written into their condition Available in the words of upstream's availability controller. */
export class Availability {
  readonly #deps: AvailabilityDeps;
  readonly #timers = new Map<string, Timer>();
  /** How often in a row each did not answer. */
  readonly #failures = new Map<string, number>();

  constructor(deps: AvailabilityDeps) {
    this.#deps = deps;
  }

  /** Asks at once, and again from time to time. */
  check(name: string): void {
    this.#failures.delete(name);
    this.#schedule(name, 0);
  }

  forget(name: string): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
    this.#failures.delete(name);
  }

  close(): void {
    for (const name of [...this.#timers.keys()]) this.forget(name);
  }

  #schedule(name: string, milliseconds: number): void {
    this.#timers.get(name)?.cancel();
    const timer = this.#deps.clock.after(
      milliseconds,
      () =>
        void this.#check(name)
          .catch(() => false)
          .then((isAvailable) => {
            // Whoever asked meanwhile has its own turn.
            if (this.#timers.get(name) === timer) this.#schedule(name, this.#pause(name, isAvailable));
          }),
      { background: true },
    );
    this.#timers.set(name, timer);
  }

  #pause(name: string, isAvailable: boolean): number {
    if (isAvailable) {
      this.#failures.delete(name);
      return everyMs;
    }
    const failures = this.#failures.get(name) ?? 0;
    this.#failures.set(name, failures + 1);
    return Math.min(firstRetryMs * 2 ** failures, everyMs);
  }

  async #check(name: string): Promise<boolean> {
    const remote = this.#deps.remote(name);
    if (remote === undefined) return false;
    let outcome: Outcome;
    try {
      await remote.check(checkTimeoutMs);
      outcome = { status: "True", reason: "Passed", message: "all checks passed" };
    } catch (error) {
      const reason = error instanceof ServiceUnavailable ? error.reason : "FailedDiscoveryCheck";
      outcome = { status: "False", reason, message: (error as Error).message };
    }
    const isAvailable = outcome.status === "True";
    if (isAvailable) await this.#deps.answered(remote);
    await this.#report(name, outcome);
    return isAvailable;
  }

  async #report(name: string, outcome: Outcome): Promise<void> {
    const { registry, clock } = this.#deps;
    const handler = registry.resource(statusResource);
    const context = this.#deps.context();
    await handler?.update?.(
      name,
      (current) => {
        const live = current?.object as ApiService;
        const present = live.status?.conditions?.find(({ type }) => type === "Available");
        const next = structuredClone(live);
        if (
          present?.status === outcome.status &&
          present.reason === outcome.reason &&
          present.message === outcome.message
        )
          return next;
        const now = formatTime(clock.now());
        const since = present?.status === outcome.status ? (present.lastTransitionTime ?? now) : now;
        next.status = { conditions: [{ type: "Available", ...outcome, lastTransitionTime: since }] };
        return trackFields(live, next, {
          form: handler.form,
          subresource: "status",
          rules: handler.rules,
          context,
        });
      },
      context,
      {},
    );
  }
}
