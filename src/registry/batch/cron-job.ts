import {
  CronError,
  dns1123LabelErrors,
  type FieldError,
  field,
  isTimeZone,
  parseCron,
} from "../../apimachinery/index.ts";
import { dropDisabledFields } from "../core/pod/disabled-fields.ts";
import { podWarnings } from "../core/pod/warnings.ts";
import { countWanted } from "../rules/replicas.ts";
import { nonNegative, oneOf } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, nameOf, none, since } from "../tables/cells.ts";
import { validateJobSpec } from "./job-spec.ts";
import type { CronJob } from "./types.ts";

/** A Job's name is the CronJob's, a dash and ten digits, and must leave room for the end of its pods' names. */
const nameCharactersMax = 52;

export const cronJobStrategy: Strategy<CronJob> = {
  namespaced: true,
  prepareForCreate: (cronJob) => {
    dropDisabledFields(cronJob.spec.jobTemplate?.spec?.template?.spec);
    cronJob.status = {};
    cronJob.metadata.generation = 1;
    return cronJob;
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec.jobTemplate?.spec?.template?.spec);
    next.status = old.status ?? {};
    return countWanted(next, old);
  },
  validate: (cronJob) => [...validateNameLength(cronJob), ...validateSpec(cronJob.spec)],
  validateUpdate: (next) => validateSpec(next.spec),
  warnings: (cronJob) => [...nameWarnings(cronJob), ...templateWarnings(cronJob)],
  warningsOnUpdate: templateWarnings,
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    resetFields: [["spec"]],
  },
  resetFields: [["status"]],
  tableRow: (cronJob, now) => {
    const { spec, status = {} } = cronJob;
    return [
      nameOf(cronJob),
      spec.schedule ?? "",
      spec.timeZone ?? none,
      spec.suspend === true ? "True" : "False",
      status.active?.length ?? 0,
      status.lastScheduleTime === undefined ? none : since(status.lastScheduleTime, now),
      age(cronJob, now),
      ...containerCells(spec.jobTemplate?.spec?.template?.spec),
      none,
    ];
  },
};

function nameWarnings({ metadata }: CronJob): string[] {
  const problems = dns1123LabelErrors(metadata.name ?? "");
  if (problems.length === 0) return [];
  const text =
    "this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended";
  return [`metadata.name: ${text}: [${problems.join(" ")}]`];
}

function templateWarnings({ spec }: CronJob): string[] {
  return podWarnings(spec.jobTemplate?.spec?.template ?? {}, "spec.jobTemplate.spec.template.");
}

function validateNameLength({ metadata }: CronJob): FieldError[] {
  const { name = "" } = metadata;
  if (name.length <= nameCharactersMax) return [];
  return [field.invalid("metadata.name", name, `must be no more than ${nameCharactersMax} characters`)];
}

function validateSpec(spec: CronJob["spec"]): FieldError[] {
  const job = spec.jobTemplate?.spec ?? {};
  const at = "spec.jobTemplate.spec";
  const errors = [
    ...validateSchedule(spec.schedule ?? ""),
    ...nonNegative("spec.startingDeadlineSeconds", spec.startingDeadlineSeconds),
    ...validateTimeZone(spec.timeZone),
    ...oneOf("spec.concurrencyPolicy", spec.concurrencyPolicy, ["Allow", "Forbid", "Replace"]),
    ...validateJobSpec(job, at),
  ];
  if (job.selector !== undefined) {
    errors.push(field.invalid(`${at}.selector`, job.selector, "`selector` will be auto-generated"));
  }
  if (job.manualSelector === true) {
    errors.push(field.notSupported(`${at}.manualSelector`, true, ["nil", "false"]));
  }
  return [
    ...errors,
    ...nonNegative("spec.successfulJobsHistoryLimit", spec.successfulJobsHistoryLimit),
    ...nonNegative("spec.failedJobsHistoryLimit", spec.failedJobsHistoryLimit),
  ];
}

function validateSchedule(schedule: string): FieldError[] {
  const path = "spec.schedule";
  if (schedule === "") return [field.required(path, "")];
  if (schedule.includes("TZ")) {
    const detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
    return [field.invalid(path, schedule, detail)];
  }
  try {
    parseCron(schedule);
    return [];
  } catch (error) {
    if (!(error instanceof CronError)) throw error;
    return [field.invalid(path, schedule, error.message)];
  }
}

function validateTimeZone(timeZone: string | undefined): FieldError[] {
  const path = "spec.timeZone";
  if (timeZone === undefined) return [];
  if (timeZone === "") return [field.invalid(path, timeZone, "timeZone must be nil or non-empty string")];
  if (timeZone.toLowerCase() === "local") {
    return [
      field.invalid(
        path,
        timeZone,
        "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones",
      ),
    ];
  }
  return isTimeZone(timeZone) ? [] : [field.invalid(path, timeZone, `unknown time zone ${timeZone}`)];
}
