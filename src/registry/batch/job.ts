import {
  deepEqual,
  dns1123LabelErrors,
  type FieldError,
  field,
  formatLabelSelector,
  humanDuration,
  parseTime,
  usableSelector,
  validateLabelSelector,
  writtenSelector,
} from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";
import { dropDisabledFields } from "../core/pod/disabled-fields.ts";
import type { PodTemplate } from "../core/pod/types.ts";
import { podWarnings } from "../core/pod/warnings.ts";
import { countWanted } from "../rules/replicas.ts";
import { fieldIsImmutable, immutable } from "../rules/values.ts";
import type { Strategy } from "../strategy.ts";
import { age, containerCells, nameOf } from "../tables/cells.ts";
import { validateJobSpec } from "./job-spec.ts";
import { holds, validateJobStatus } from "./job-status.ts";
import type { Job, JobSpec, JobStatus } from "./types.ts";

const uidLabel = "batch.kubernetes.io/controller-uid";
/** A Job's pods carry its uid and name, each under its name of today and the former one. */
const [formerUidLabel, formerNameLabel] = ["controller-uid", "job-name"];
const uidLabels = [formerUidLabel, uidLabel];
const nameLabels = [formerNameLabel, "batch.kubernetes.io/job-name"];

export const jobStrategy: Strategy<Job> = {
  namespaced: true,
  metadataOnUpdate: ["object", "changes"],
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
  validate: (job) => validateJob(job, { prefixed: true }),
  validateUpdate: (next, old) => [
    ...validateJob(next, { prefixed: hasPrefixedLabels(old) }),
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
  unknownFieldText: (name) => `field label ${JSON.stringify(name)} not supported for Job`,
  status: {
    prepareForUpdate: (next, old) => {
      next.spec = old.spec;
      return next;
    },
    validateUpdate: validateJobStatus,
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

/** A Job of before 1.27 has only the labels of that time. */
function hasPrefixedLabels({ spec }: Job): boolean {
  const labels = spec.template?.metadata?.labels ?? {};
  return uidLabel in labels && "batch.kubernetes.io/job-name" in labels;
}

/** `prefixed`: the pods must carry the labels of today. */
function validateJob(job: Job, needs: { readonly prefixed: boolean }): FieldError[] {
  return [...validateGeneratedSelector(job, needs), ...validateWhole(job.spec), ...validateHostName(job)];
}

function validateGeneratedSelector(
  { metadata, spec }: Job,
  { prefixed }: { readonly prefixed: boolean },
): FieldError[] {
  if (spec.manualSelector === true || spec.selector === undefined) return [];
  const { uid = "", name = "" } = metadata;
  const labels = spec.template?.metadata?.labels ?? {};
  const errors: FieldError[] = [];
  const expected: [string, string][] = [
    [formerUidLabel, uid],
    [formerNameLabel, name],
    ...(prefixed
      ? ([
          [uidLabel, uid],
          ["batch.kubernetes.io/job-name", name],
        ] as [string, string][])
      : []),
  ];
  for (const [label, value] of expected) {
    const path = "spec.template.metadata.labels";
    if (labels[label] === undefined) errors.push(field.required(`${path}[${label}]`, `must be '${value}'`));
    else if (labels[label] !== value)
      errors.push(field.invalid(`${path}[${label}]`, labels, `must be '${value}'`));
  }
  const matcher = usableSelector(spec.selector);
  if (matcher !== undefined && !matcher.matches(Object.fromEntries(expected))) {
    const shown = writtenSelector(spec.selector);
    errors.push(field.invalid("spec.selector", shown, "`selector` not auto-generated"));
  }
  return errors;
}

function validateWhole(spec: JobSpec): FieldError[] {
  const errors = validateJobSpec(spec, "spec");
  if (spec.selector === undefined) errors.push(field.required("spec.selector", ""));
  else errors.push(...validateLabelSelector(spec.selector, "spec.selector"));
  const labels = spec.template?.metadata?.labels;
  const matcher = usableSelector(spec.selector);
  if (spec.selector === undefined || matcher?.matches(labels) === false) {
    const detail = "`selector` does not match template `labels`";
    errors.push(field.invalid("spec.template.metadata.labels", labels ?? null, detail));
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
    ...immutable("spec.selector", writtenSelector(next.selector), old.spec.selector),
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
  const take = (into: Record<string, unknown>, from: object | undefined, name: string): void => {
    const value = (from as Record<string, unknown> | undefined)?.[name];
    if (value === undefined) delete into[name];
    else into[name] = value;
  };
  for (const name of ["nodeSelector", "tolerations", "schedulingGates"]) take(podSpec, next.spec, name);
  const affinity: Record<string, unknown> = { ...spec.template.spec.affinity };
  take(affinity, next.spec.affinity, "nodeAffinity");
  if (next.spec.affinity === undefined && Object.keys(affinity).length === 0) delete podSpec["affinity"];
  else podSpec["affinity"] = affinity;
  const metadata: Record<string, unknown> = { ...spec.template.metadata };
  for (const name of ["annotations", "labels"]) take(metadata, next.metadata, name);
  return { metadata, spec: podSpec as unknown as NonNullable<PodTemplate["spec"]> };
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
