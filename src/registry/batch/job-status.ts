import { deepEqual, type FieldError, field, parseTime } from "../../apimachinery/index.ts";
import { fieldIsImmutable, nonNegative } from "../rules/values.ts";
import { countIndexes, indexesOf } from "./indexes.ts";
import type { Job, JobStatus } from "./types.ts";

/**
 * What the status of a Job may become. Since others than the Job controller may write it (spec.managedBy), a status must make sense; but
 * most rules look only at what an update changes, so that one that was wrong before does not stand in the way of other changes.
 */
export function validateJobStatus(next: Job, old: Job): FieldError[] {
  const change = changesOf(next, old);
  return [
    ...validateCounts(next.status ?? {}),
    ...validateConditions(next, change),
    ...validateTimes(next, change),
    ...validateFinished(next, change),
    ...validateIndexes(next, change),
    ...validateReadyPods(next.status ?? {}, change),
    ...validateSuccess(next),
    ...validateSteps(next, old, change),
  ];
}

/** Which parts of the status are other than they were. */
type Changes = ReturnType<typeof changesOf>;

function changesOf(next: Job, old: Job) {
  const [after, before] = [next.status ?? {}, old.status ?? {}];
  const turns = (type: string): boolean => holds(after, type) !== holds(before, type);
  const differs = (name: keyof JobStatus): boolean => !deepEqual(after[name], before[name]);
  return {
    finished: isFinished(after) !== isFinished(before),
    complete: turns("Complete"),
    failed: turns("Failed"),
    failureTarget: turns("FailureTarget"),
    criteriaMet: turns("SuccessCriteriaMet"),
    completedIndexes: (after.completedIndexes ?? "") !== (before.completedIndexes ?? ""),
    failedIndexes: differs("failedIndexes"),
    active: (after.active ?? 0) !== (before.active ?? 0),
    ready: differs("ready"),
    terminating: differs("terminating"),
    startTime: differs("startTime"),
    completionTime: differs("completionTime"),
    uncounted: differs("uncountedTerminatedPods"),
  };
}

/** Whether a condition of this type is true. */
export function holds({ conditions = [] }: JobStatus, type: string): boolean {
  return conditions.some((condition) => condition.type === type && condition.status === "True");
}

const isFinished = (status: JobStatus): boolean => holds(status, "Complete") || holds(status, "Failed");

function validateCounts(status: JobStatus): FieldError[] {
  const names = ["active", "succeeded", "failed", "ready", "terminating"] as const;
  const errors = names.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  const seen = new Set<string>();
  for (const part of ["succeeded", "failed"] as const) {
    (status.uncountedTerminatedPods?.[part] ?? []).forEach((uid, i) => {
      const at = `status.uncountedTerminatedPods.${part}[${i}]`;
      if (uid === "") errors.push(field.invalid(at, uid, "must not be empty"));
      else if (seen.has(uid)) errors.push(field.duplicate(at, uid));
      seen.add(uid);
    });
  }
  return errors;
}

const ofConditions = (text: string): FieldError => field.invalid("status.conditions", field.omitted, text);

function validateConditions({ status = {} }: Job, change: Changes): FieldError[] {
  const errors: FieldError[] = [];
  const [complete, failed] = [holds(status, "Complete"), holds(status, "Failed")];
  if ((change.complete || change.failed) && complete && failed)
    errors.push(ofConditions("cannot set Complete=True and Failed=true conditions"));
  if ((change.complete || change.failureTarget) && complete && holds(status, "FailureTarget"))
    errors.push(ofConditions("cannot set Complete=True and FailureTarget=true conditions"));
  return errors;
}

function validateTimes({ status = {} }: Job, change: Changes): FieldError[] {
  const { startTime, completionTime } = status;
  const path = "status.completionTime";
  const errors: FieldError[] = [];
  if (change.complete || change.completionTime) {
    const complete = holds(status, "Complete");
    if (completionTime !== undefined && !complete) {
      const text = "cannot set completionTime when there is no Complete=True condition";
      errors.push(field.invalid(path, completionTime, text));
    }
    if (completionTime === undefined && complete)
      errors.push(field.required(path, "completionTime is required for Complete jobs"));
  }
  const [from, to] = [startTime, completionTime].map((time) =>
    time === undefined ? undefined : parseTime(time),
  );
  if ((change.startTime || change.completionTime) && from !== undefined && to !== undefined && to < from)
    errors.push(field.invalid(path, completionTime, "must be equal to or after `startTime`"));
  if ((change.failed || change.failedIndexes) && holds(status, "Failed") && !holds(status, "FailureTarget"))
    errors.push(ofConditions("cannot set Failed=True condition without the FailureTarget=true condition"));
  const isUnmet = holds(status, "Complete") && !holds(status, "SuccessCriteriaMet");
  if ((change.complete || change.criteriaMet) && isUnmet)
    errors.push(
      ofConditions("cannot set Complete=True condition without the SuccessCriteriaMet=true condition"),
    );
  return errors;
}

function validateFinished({ spec, status = {} }: Job, change: Changes): FieldError[] {
  if (!isFinished(status)) return [];
  const errors: FieldError[] = [];
  const { active = 0, startTime, uncountedTerminatedPods: uncounted, terminating = 0 } = status;
  if ((change.finished || change.active) && active > 0)
    errors.push(field.invalid("status.active", active, "active>0 is invalid for finished job"));
  const neverRan = spec.suspend === true && spec.completions === 0;
  if ((change.finished || change.startTime) && !neverRan && startTime === undefined)
    errors.push(field.required("status.startTime", "startTime is required for finished job"));
  const left = (uncounted?.failed?.length ?? 0) + (uncounted?.succeeded?.length ?? 0);
  if ((change.finished || change.uncounted) && left > 0) {
    const shown = { Succeeded: uncounted?.succeeded ?? null, Failed: uncounted?.failed ?? null };
    const path = "status.uncountedTerminatedPods";
    errors.push(field.invalid(path, shown, "must be empty for finished job"));
  }
  if ((change.finished || change.terminating) && terminating > 0)
    errors.push(
      field.invalid("status.terminating", terminating, "terminating>0 is invalid for finished job"),
    );
  return errors;
}

function validateIndexes({ spec, status = {} }: Job, change: Changes): FieldError[] {
  const { completions, backoffLimitPerIndex, completionMode } = spec;
  const { completedIndexes = "", failedIndexes } = status;
  const errors: FieldError[] = [];
  const badCompleted = (text: string): void =>
    void errors.push(field.invalid("status.completedIndexes", completedIndexes, text));
  const badFailed = (text: string): void =>
    void errors.push(field.invalid("status.failedIndexes", failedIndexes, text));
  if (change.completedIndexes && completions !== undefined) {
    const counted = countIndexes(completedIndexes, completions);
    if (typeof counted === "string") badCompleted(`error parsing completedIndexes: ${counted}`);
  }
  const isLimited = completions !== undefined && backoffLimitPerIndex !== undefined;
  if (change.failedIndexes && isLimited && failedIndexes !== undefined) {
    const counted = countIndexes(failedIndexes, completions);
    if (typeof counted === "string") badFailed(`error parsing failedIndexes: ${counted}`);
  }
  if (change.completedIndexes && completedIndexes !== "" && completionMode !== "Indexed")
    badCompleted("cannot set non-empty completedIndexes when non-indexed completion mode");
  if (change.failedIndexes && backoffLimitPerIndex === undefined && failedIndexes !== undefined)
    badFailed("cannot set non-null failedIndexes when backoffLimitPerIndex is null");
  if ((change.failedIndexes || change.completedIndexes) && completions !== undefined) {
    const both = overlap(completedIndexes, failedIndexes ?? "", completions);
    if (both !== undefined) badFailed(`failedIndexes and completedIndexes overlap at index: ${both}`);
  }
  return errors;
}

/** The first index that is in both lists; undefined for none, and for what is no list. */
function overlap(completed: string, failed: string, completions: number): number | undefined {
  const isList = (text: string): boolean => typeof countIndexes(text, completions) === "number";
  if (failed === "" || !isList(completed) || !isList(failed)) return undefined;
  const done = indexesOf(completed);
  for (const [from, to] of indexesOf(failed)) {
    const met = done.find(([first, last]) => first <= to && last >= from);
    if (met !== undefined) return Math.max(from, met[0]);
  }
  return undefined;
}

function validateReadyPods({ ready, active = 0 }: JobStatus, change: Changes): FieldError[] {
  if (!(change.ready || change.active) || ready === undefined || ready <= active) return [];
  return [field.invalid("status.ready", ready, "cannot set more ready pods than active")];
}

function validateSuccess({ spec, status = {} }: Job): FieldError[] {
  const errors: FieldError[] = [];
  const met = holds(status, "SuccessCriteriaMet");
  if (met && holds(status, "Failed"))
    errors.push(ofConditions("cannot set SuccessCriteriaMet=True and Failed=true conditions"));
  if (met && holds(status, "FailureTarget"))
    errors.push(ofConditions("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions"));
  if (spec.successPolicy !== undefined && !met && holds(status, "Complete")) {
    const text = "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True";
    errors.push(ofConditions(text));
  }
  return errors;
}

/** What may not be undone. */
function validateSteps(next: Job, old: Job, change: Changes): FieldError[] {
  const { spec, status = {} } = next;
  const before = old.status ?? {};
  const errors: FieldError[] = [];
  for (const type of ["Failed", "Complete", "FailureTarget"])
    if (holds(before, type) && !holds(status, type))
      errors.push(ofConditions(`cannot disable the terminal ${type}=True condition`));
  const { failed = 0, succeeded = 0, completionTime, startTime } = status;
  if (failed < (before.failed ?? 0))
    errors.push(field.invalid("status.failed", failed, "cannot decrease the failed counter"));
  const mayShrink = spec.completionMode === "Indexed" && spec.completions === spec.parallelism;
  if (!mayShrink && succeeded < (before.succeeded ?? 0))
    errors.push(field.invalid("status.succeeded", succeeded, "cannot decrease the succeeded counter"));
  const isOther =
    completionTime !== undefined && before.completionTime !== undefined && change.completionTime;
  if (isOther) errors.push(field.invalid("status.completionTime", completionTime, fieldIsImmutable));
  const isUnsuspended = spec.suspend !== true && !isResuming(before, status);
  if (isUnsuspended && before.startTime !== undefined && startTime !== before.startTime)
    errors.push(field.required("status.startTime", "startTime cannot be removed for unsuspended job"));
  const [met, wasMet] = [holds(status, "SuccessCriteriaMet"), holds(before, "SuccessCriteriaMet")];
  if (wasMet && !met) errors.push(ofConditions("cannot disable the SuccessCriteriaMet=True condition"));
  if (holds(before, "Complete") && !wasMet && met) {
    const text = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions";
    errors.push(ofConditions(text));
  }
  return errors;
}

/** The controller says so after a person has. */
function isResuming(before: JobStatus, { conditions = [] }: JobStatus): boolean {
  const isFalse = conditions.some(({ type, status }) => type === "Suspended" && status === "False");
  return holds(before, "Suspended") && isFalse;
}
