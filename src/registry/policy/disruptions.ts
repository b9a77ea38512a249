import { errors, formatTime, type StatusError } from "../../apimachinery/index.ts";
import type { PodDisruptionBudget, PodDisruptionBudgetStatus } from "./pod-disruption-budget.ts";

/** What an eviction asks of a budget and leaves behind in it: pkg/registry/core/pod/storage eviction.go. */

/** Evictions that the disruption controller has not yet seen; beyond it does not run. */
const unconfirmedMax = 2000;
const budgets = { group: "policy", resource: "poddisruptionbudget" };

interface Condition {
  type?: string;
  status?: string;
  reason?: string;
  message?: string;
}

/** The budget with one disruption less. @throws StatusError 429 where it allows none now, 403 where it can't be trusted */
export function withDisruption(budget: PodDisruptionBudget, pod: string, now: number): PodDisruptionBudget {
  const { metadata } = budget;
  const name = metadata.name ?? "";
  const status: PodDisruptionBudgetStatus = budget.status ?? {};
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0)) throw stillProcessed(name);
  const { disruptionsAllowed: allowed = 0, disruptedPods = {} } = status;
  if (allowed < 0) throw errors.forbidden(budgets, name, "pdb disruptions allowed is negative");
  if (Object.keys(disruptedPods).length > unconfirmedMax) {
    const problem = "DisruptedPods map too big - too many evictions not confirmed by PDB controller";
    throw errors.forbidden(budgets, name, problem);
  }
  if (allowed === 0) throw refusal(whyNot(name, status), 0);
  return {
    ...budget,
    metadata: { ...metadata },
    status: {
      ...status,
      disruptionsAllowed: allowed - 1,
      disruptedPods: { ...disruptedPods, [pod]: formatTime(now) },
      ...(allowed > 1
        ? {}
        : { conditions: exhausted(status.conditions ?? [], now, status.observedGeneration) }),
    },
  };
}

/** 429: the budget does not yet say what holds. */
export function stillProcessed(name: string): StatusError {
  return refusal(`The disruption budget ${name} is still being processed by the server.`, 10);
}

function refusal(message: string, retryAfterSeconds: number): StatusError {
  return errors.tooManyRequests(
    "Cannot evict pod as it would violate the pod's disruption budget.",
    retryAfterSeconds,
    [{ reason: "DisruptionBudget", message }],
  );
}

function whyNot(name: string, status: PodDisruptionBudgetStatus): string {
  const { currentHealthy = 0, desiredHealthy = 0 } = status;
  const condition = (status.conditions as readonly Condition[] | undefined)?.find(
    ({ type }) => type === "DisruptionAllowed",
  );
  const detail = condition?.status === "False" ? (condition.message ?? "") : "";
  const subject = `The disruption budget ${name}`;
  if (detail !== "" && condition?.reason === "SyncFailed")
    return `${subject} does not allow evicting pods currently because it failed sync: ${detail}`;
  if (currentHealthy <= desiredHealthy)
    return `${subject} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`;
  if (detail !== "")
    return `${subject} does not allow evicting pods currently (${condition?.reason}): ${detail}`;
  return `${subject} does not allow evicting pods currently`;
}

function exhausted(
  conditions: readonly unknown[],
  now: number,
  observedGeneration: number | undefined,
): unknown[] {
  const type = "DisruptionAllowed";
  return [
    ...conditions.filter((condition) => (condition as Condition).type !== type),
    {
      type,
      status: "False",
      reason: "InsufficientPods",
      message: "",
      lastTransitionTime: formatTime(now),
      ...(observedGeneration === undefined ? {} : { observedGeneration }),
    },
  ];
}
