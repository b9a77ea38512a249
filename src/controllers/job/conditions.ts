import { formatTime, type KubeObject, parseTime } from "../../apimachinery/index.ts";
import { type Condition, conditionOf } from "../pods.ts";
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

/** Undefined while the Job goes on. */
export function verdictOf(
  job: KubeObject,
  status: JobStatus,
  counted: Tally,
  active: number,
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
  const failed = (reason: string, message: string): Verdict => ({
    target: "FailureTarget",
    type: "Failed",
    reason,
    message,
  });
  if (counted.failJob !== undefined) return failed("PodFailurePolicy", counted.failJob);
  if (counted.failed > backoffLimit) {
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
  const failedIndexes = counted.failedIndexes.size;
  if (failedIndexes > (job.spec.maxFailedIndexes ?? Number.POSITIVE_INFINITY)) {
    const text = "Job has exceeded the specified maximal number of failed indexes";
    return failed("MaxFailedIndexesExceeded", text);
  }
  if (failedIndexes > 0 && failedIndexes + counted.succeededIndexes.size >= (completions ?? 0)) {
    return failed("FailedIndexes", "Job has failed indexes");
  }
  const matched = matchSuccess(job, counted.succeededIndexes);
  if (matched !== undefined) {
    return { target: "SuccessCriteriaMet", type: "Complete", reason: "SuccessPolicy", message: matched };
  }
  const complete =
    completions === undefined
      ? counted.succeeded > 0 && active === 0
      : counted.succeeded >= completions && job.spec.suspend !== true;
  if (!complete) return undefined;
  return {
    target: "SuccessCriteriaMet",
    type: "Complete",
    reason: "CompletionsReached",
    message: "Reached expected number of succeeded pods",
  };
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
  if (status.startTime === undefined) status.startTime = formatTime(nowMs);
}
