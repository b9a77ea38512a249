import {
  deepEqual,
  dns1123LabelErrors,
  type FieldError,
  field,
  formatLabelSelector,
  humanDuration,
  parseTime,
  SelectorError,
  selectorFromObject,
  validateLabelSelector,
} from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";
import { dropDisabledFields } from "../core/pod/disabled-fields.ts";
import type { PodTemplate } from "../core/pod/types.ts";
import { podWarnings } from "../core/pod/warnings.ts";
import { countWanted } from "../rules/replicas.ts";
import { fieldIsImmutable, immutable, nonNegative } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, nameOf } from "../tables/cells.ts";
import { validateJobSpec } from "./job-spec.ts";
import type { Job, JobSpec, JobStatus } from "./types.ts";

const uidLabel = "batch.kubernetes.io/controller-uid";
/** A Job's pods carry its uid and name, each under its name of today and the former one. */
const uidLabels = ["controller-uid", uidLabel];
const nameLabels = ["job-name", "batch.kubernetes.io/job-name"];

export const jobStrategy: Strategy<Job> = {
  namespaced: true,
  prepareForCreate: (job) => {
    dropDisabledFields(job.spec.template?.spec);
    job.status = {};
    job.metadata.generation = 1;
    return job.spec.manualSelector === true ? job : withGeneratedSelector(job);
  },
  prepareForUpdate: (next, old) => {
    dropDisabledFields(next.spec.template?.spec);
    next.status = old.status ?? {};
    return countWanted(next, old);
  },
  validate: validateJob,
  validateUpdate: (next, old) => [
    ...validateJob(next),
    ...validateWhole(next.spec),
    ...validateFixed(next.spec, old),
  ],
  warnings: ({ spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  warningsOnUpdate: ({ spec }) => podWarnings(spec.template ?? {}, "spec.template."),
  canonicalize: withTemplateLabels,
  defaultPropagation: "Orphan",
  defaultPropagationWarning:
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
  selectableFields: { "status.successful": ({ status }) => String(status?.succeeded ?? 0) },
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: (next, old) => validateStatus(next.status ?? {}, old.status ?? {}),
    resetFields: [["spec"]],
  },
  resetFields: [["status"]],
  tableRow: (job, now) => {
    const { spec, status = {} } = job;
    return [
      nameOf(job),
      stateOf(job),
      completionsCell(spec, status),
      durationCell(status, now),
      age(job, now),
      ...containerCells(spec.template?.spec),
      formatLabelSelector(spec.selector),
    ];
  },
};

/** What the person gave stays; validation finds what does not fit. */
function withGeneratedSelector(job: Job): Job {
  const { uid = "", name = "" } = job.metadata;
  const template: PodTemplate = { ...job.spec.template };
  // A Job without labels has those of its template, also those that are added now.
  const takesLabels = deepEqual(job.metadata.labels, template.metadata?.labels);
  const labels = { ...template.metadata?.labels };
  for (const label of nameLabels) labels[label] ??= name;
  for (const label of uidLabels) labels[label] ??= uid;
  template.metadata = { ...template.metadata, labels };
  template.metadata.labels = sorted(labels);
  const matchLabels = sorted({ [uidLabel]: uid, ...job.spec.selector?.matchLabels });
  const selector = { ...job.spec.selector, matchLabels };
  const metadata = takesLabels ? { ...job.metadata, labels: { ...template.metadata.labels } } : job.metadata;
  return { ...job, metadata, spec: { ...job.spec, selector, template } };
}

/** As Go writes maps: error texts quote them. */
function sorted(labels: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A Job without labels has those of its pods. */
function withTemplateLabels(job: Job): Job {
  const labels = job.spec.template?.metadata?.labels;
  if (labels === undefined || Object.keys(job.metadata.labels ?? {}).length > 0) return job;
  return { ...job, metadata: { ...job.metadata, labels: { ...labels } } };
}

function validateJob(job: Job): FieldError[] {
  return [...validateGeneratedSelector(job), ...validateWhole(job.spec), ...validateHostName(job)];
}

function validateGeneratedSelector({ metadata, spec }: Job): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const { uid = "", name = "" } = metadata;
  const labels = spec.template?.metadata?.labels ?? {};
  const errors: FieldError[] = [];
  const expected: [string, string][] = [
    ...uidLabels.map((label): [string, string] => [label, uid]),
    ...nameLabels.map((label): [string, string] => [label, name]),
  ];
  for (const [label, value] of expected) {
    const path = "spec.template.metadata.labels";
    if (labels[label] === undefined) errors.push(field.required(`${path}[${label}]`, `must be '${value}'`));
    else if (labels[label] !== value)
      errors.push(field.invalid(`${path}[${label}]`, labels, `must be '${value}'`));
  }
  if (!deepEqual(spec.selector, { matchLabels: { [uidLabel]: uid } })) {
    errors.push(field.invalid("spec.selector", spec.selector, "`selector` not auto-generated"));
  }
  return errors;
}

function validateWhole(spec: JobSpec): FieldError[] {
  const errors = validateJobSpec(spec, "spec");
  if (spec.selector === undefined) errors.push(field.required("spec.selector", ""));
  else errors.push(...validateLabelSelector(spec.selector, "spec.selector"));
  const labels = spec.template?.metadata?.labels;
  try {
    if (spec.selector === undefined || !selectorFromObject(spec.selector).matches(labels)) {
      const detail = "`selector` does not match template `labels`";
      errors.push(field.invalid("spec.template.metadata.labels", labels ?? null, detail));
    }
  } catch (error) {
    if (!(error instanceof SelectorError)) throw error;
  }
  return errors;
}

/** The pods of an Indexed Job are hosts of its name and their index. */
function validateHostName({ metadata, spec }: Job): FieldError[] {
  if (spec.completionMode !== "Indexed" || (spec.completions ?? 0) <= 0) return [];
  const host = `${metadata.name ?? ""}-${(spec.completions as number) - 1}`;
  if (dns1123LabelErrors(host).length === 0) return [];
  const detail = `will not able to create pod with invalid DNS label: ${host}`;
  return [field.invalid("metadata.name", metadata.name ?? "", detail)];
}

function validateFixed(next: JobSpec, old: Job): FieldError[] {
  return [
    ...validateCompletions(next, old.spec),
    ...immutable("spec.selector", next.selector, old.spec.selector),
    ...validateSameTemplate(next.template ?? {}, withMutableParts(old, next.template) ?? {}),
    ...immutable("spec.completionMode", next.completionMode, old.spec.completionMode),
    ...fixedPart(
      "spec.podFailurePolicy",
      "PodFailurePolicy",
      next.podFailurePolicy,
      old.spec.podFailurePolicy,
    ),
    ...immutable("spec.backoffLimitPerIndex", next.backoffLimitPerIndex, old.spec.backoffLimitPerIndex),
    ...immutable("spec.managedBy", next.managedBy, old.spec.managedBy),
    ...fixedPart("spec.successPolicy", "SuccessPolicy", next.successPolicy, old.spec.successPolicy),
  ];
}

/** Upstream prints its internal form. */
function fixedPart(
  path: string,
  type: "PodFailurePolicy" | "SuccessPolicy",
  next: object | undefined,
  old: object | undefined,
): FieldError[] {
  if (deepEqual(next, old)) return [];
  return [field.invalid(path, next === undefined ? null : internalForm(type, next), fieldIsImmutable)];
}

/** An Indexed Job may grow and shrink where both counts stay the same number. */
function validateCompletions(next: JobSpec, old: JobSpec): FieldError[] {
  const { completions, parallelism } = next;
  if (completions === old.completions) return [];
  if (next.completionMode !== "Indexed" || completions === undefined)
    return immutable("spec.completions", completions, old.completions);
  if (completions === parallelism) return [];
  const rule = "can only be modified in tandem with spec.parallelism";
  return [field.invalid("spec.completions", completions, rule)];
}

function validateSameTemplate(next: PodTemplate, old: PodTemplate): FieldError[] {
  if (deepEqual(next, old)) return [];
  return [field.invalid("spec.template", internalForm("PodTemplateSpec", next), fieldIsImmutable)];
}

/** Where the pods go may still be said while the Job is suspended and has never run. */
function withMutableParts({ spec, status }: Job, next: PodTemplate | undefined): PodTemplate | undefined {
  if (spec.suspend !== true || status?.startTime !== undefined || !next?.spec || !spec.template?.spec) {
    return spec.template;
  }
  const podSpec: Record<string, unknown> = { ...spec.template.spec };
  for (const name of ["affinity", "nodeSelector", "tolerations", "schedulingGates"] as const) {
    if (next.spec[name] === undefined) delete podSpec[name];
    else podSpec[name] = next.spec[name];
  }
  const { metadata, ...rest } = next;
  return {
    ...rest,
    ...(metadata === undefined ? {} : { metadata }),
    spec: podSpec as unknown as NonNullable<PodTemplate["spec"]>,
  };
}

function validateStatus(status: JobStatus, old: JobStatus): FieldError[] {
  const names = ["active", "ready", "succeeded", "failed", "terminating"] as const;
  const errors = names.flatMap((name) => nonNegative(`status.${name}`, status[name]));
  const complete = holds(status, "Complete");
  const failed = holds(status, "Failed");
  if (complete && failed) {
    const detail = "cannot set Complete=True and Failed=true conditions";
    errors.push(field.invalid("status.conditions", field.omitted, detail));
  }
  if ((complete || failed) && !holds(old, "Complete") && !holds(old, "Failed")) {
    if (status.startTime === undefined) {
      errors.push(field.required("status.startTime", "startTime is required for finished job"));
    }
    if ((status.active ?? 0) > 0) {
      errors.push(field.invalid("status.active", status.active, "active>0 is invalid for finished job"));
    }
  }
  if (status.completionTime !== undefined && !complete) {
    const detail = "cannot set completionTime when there is no Complete=True condition";
    errors.push(field.invalid("status.completionTime", status.completionTime, detail));
  }
  if (complete && status.completionTime === undefined) {
    errors.push(field.required("status.completionTime", "completionTime is required for Complete jobs"));
  }
  return errors;
}

function holds({ conditions = [] }: JobStatus, type: string): boolean {
  return conditions.some((condition) => condition.type === type && condition.status === "True");
}

function stateOf({ metadata, status = {} }: Job): string {
  if (holds(status, "Complete")) return "Complete";
  if (holds(status, "Failed")) return "Failed";
  if (metadata.deletionTimestamp) return "Terminating";
  if (holds(status, "Suspended")) return "Suspended";
  if (holds(status, "FailureTarget")) return "FailureTarget";
  return holds(status, "SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function completionsCell({ completions, parallelism = 0 }: JobSpec, { succeeded = 0 }: JobStatus): string {
  if (completions !== undefined) return `${succeeded}/${completions}`;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationCell({ startTime, completionTime }: JobStatus, now: number): string {
  const started = startTime === undefined ? undefined : parseTime(startTime);
  if (started === undefined) return "";
  const ended = completionTime === undefined ? undefined : parseTime(completionTime);
  return humanDuration((ended ?? now) - started);
}
