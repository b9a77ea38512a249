import { formatTime, type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { type Condition, conditionOf } from "../pods.ts";
import { isFailed, judgeFailure } from "./failure-policy.ts";
import { matchSuccess } from "./success-policy.ts";
import type { JobStatus, Tally } from "./tally.ts";

export function isFinished(job: KubeObject): boolean {
  return ["Complete", "Failed"].some((type) => conditionOf(job, type)?.status === "True");
}

/** How a Job ends. `target` is set as soon as that is known, `type` when all its pods have ended. */
export interface Verdict {
  readonly target: "SuccessCriteriaMet" | "FailureTarget";
  readonly type: "Complete" | "Failed";
  readonly reason: string;
  readonly message: string;
}

const failed = (reason: string, message: string): Verdict => ({
  target: "FailureTarget",
  type: "Failed",
  reason,
  message,
});

/** What ends the Job whatever its pods do from now on; undefined while it goes on. In upstream's order. */
export function verdictOf(
  job: KubeObject,
  status: JobStatus,
  owned: readonly KubeObject[],
  counted: Tally,
  nowMs: number,
): Verdict | undefined {
  for (const [target, type] of [
    ["SuccessCriteriaMet", "Complete"],
    ["FailureTarget", "Failed"],
  ] as const) {
    const known = conditionOf(job, target);
    if (known?.status !== "True") continue;
    return { target, type, reason: known.reason ?? "", message: known.message ?? "" };
  }
  const { completions, backoffLimit = 6, activeDeadlineSeconds } = job.spec;
  const fatal = owned
    .filter((pod) => isFailed(job, pod))
    .map((pod) => judgeFailure(job, pod))
    .find(({ action }) => action === "FailJob");
  if (fatal !== undefined) return failed("PodFailurePolicy", fatal.message);
  if (counted.failed > backoffLimit || restartedTooOften(job, owned, backoffLimit)) {
    return failed("BackoffLimitExceeded", "Job has reached the specified backoff limit");
  }
  const startedMs = status.startTime === undefined ? undefined : parseTime(status.startTime);
  if (
    activeDeadlineSeconds !== undefined &&
    startedMs !== undefined &&
    job.spec.suspend !== true &&
    nowMs - startedMs >= activeDeadlineSeconds * 1_000
  ) {
    return failed("DeadlineExceeded", "Job was active longer than specified deadline");
  }
  const failedIndexes = counted.failedIndexes?.size ?? 0;
  if (failedIndexes > (job.spec.maxFailedIndexes ?? Number.POSITIVE_INFINITY)) {
    const text = "Job has exceeded the specified maximal number of failed indexes";
    return failed("MaxFailedIndexesExceeded", text);
  }
  if (failedIndexes > 0 && failedIndexes + counted.succeededIndexes.size >= (completions ?? 0)) {
    return failed("FailedIndexes", "Job has failed indexes");
  }
  const matched = matchSuccess(job, counted.succeededIndexes);
  if (matched === undefined) return undefined;
  return { target: "SuccessCriteriaMet", type: "Complete", reason: "SuccessPolicy", message: matched };
}

/** The Job is complete when so many succeeded and nobody is at work any more. */
export function completionOf(job: KubeObject, succeeded: number, active: number): Verdict | undefined {
  const { completions } = job.spec;
  const complete = completions === undefined ? succeeded > 0 : succeeded >= completions;
  if (!complete || active > 0) return undefined;
  return {
    target: "SuccessCriteriaMet",
    type: "Complete",
    reason: "CompletionsReached",
    message: "Reached expected number of succeeded pods",
  };
}

/** Where containers are started again in their pod, each time counts. */
function restartedTooOften(job: KubeObject, owned: readonly KubeObject[], limit: number): boolean {
  if (job.spec.template?.spec?.restartPolicy !== "OnFailure") return false;
  let restarts = 0;
  for (const { status } of owned) {
    if (status?.phase !== "Running" && status?.phase !== "Pending") continue;
    const statuses = [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])];
    for (const { restartCount = 0 } of statuses as { restartCount?: number }[]) restarts += restartCount;
  }
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

export function setCondition(
  status: JobStatus,
  type: string,
  {
    reason,
    message,
    status: value = "True",
  }: { reason: string; message: string; status?: Condition["status"] },
  nowMs: number,
): void {
  const conditions = [...(status.conditions ?? [])];
  const index = conditions.findIndex((condition) => condition.type === type);
  if (conditions[index]?.status === value) return;
  const now = formatTime(nowMs);
  const condition: Condition = {
    type,
    status: value,
    lastProbeTime: now,
    lastTransitionTime: now,
    reason,
    message,
  };
  if (index === -1) conditions.push(condition);
  else conditions[index] = condition;
  status.conditions = conditions;
}

/** The Job is over. */
export function finish(status: JobStatus, verdict: Verdict, nowMs: number): void {
  setCondition(status, verdict.type, verdict, nowMs);
  if (verdict.type === "Complete") status.completionTime = formatTime(nowMs);
}
