import { type FieldError, field } from "../../apimachinery/index.ts";
import { validatePodTemplate } from "../core/pod/pod-spec.ts";
import { nonNegative } from "../rules/values.ts";
import type { JobSpec, PodFailureRule } from "./types.ts";

/** What holds for a Job's spec and for that of a CronJob's template: validateJobSpec of pkg/apis/batch/validation. */

const counts = [
  "parallelism",
  "completions",
  "activeDeadlineSeconds",
  "backoffLimit",
  "ttlSecondsAfterFinished",
  "backoffLimitPerIndex",
  "maxFailedIndexes",
] as const;

/** Upstream's bound on what an Indexed Job runs at once. */
const indexedParallelismMax = 100_000;
const requiresIndexed = "requires indexed completion mode";

export function validateJobSpec(spec: JobSpec, path: string): FieldError[] {
  return [
    ...counts.flatMap((name) => nonNegative(`${path}.${name}`, spec[name])),
    ...validateIndexes(spec, path),
    ...(spec.podFailurePolicy?.rules ?? []).flatMap((rule, i) =>
      validateFailureRule(rule, `${path}.podFailurePolicy.rules[${i}]`),
    ),
    ...validateReplacement(spec, `${path}.podReplacementPolicy`),
    ...validatePodTemplate(spec.template ?? {}, `${path}.template`),
    ...validateRestart(spec, `${path}.template.spec.restartPolicy`),
  ];
}

function validateIndexes(spec: JobSpec, path: string): FieldError[] {
  const { completionMode = "NonIndexed", completions, parallelism = 0 } = spec;
  const errors: FieldError[] = [];
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined) {
    errors.push(field.required(`${path}.backoffLimitPerIndex`, "when maxFailedIndexes is specified"));
  }
  if (completionMode !== "NonIndexed" && completionMode !== "Indexed") {
    return [
      ...errors,
      field.notSupported(`${path}.completionMode`, completionMode, ["NonIndexed", "Indexed"]),
    ];
  }
  if (completionMode === "NonIndexed") {
    for (const name of ["backoffLimitPerIndex", "maxFailedIndexes"] as const) {
      if (spec[name] !== undefined)
        errors.push(field.invalid(`${path}.${name}`, spec[name], requiresIndexed));
    }
    if (spec.successPolicy !== undefined) {
      errors.push(field.invalid(`${path}.successPolicy`, spec.successPolicy, requiresIndexed));
    }
    return errors;
  }
  if (completions === undefined) {
    errors.push(field.required(`${path}.completions`, "when completion mode is Indexed"));
  }
  if (parallelism > indexedParallelismMax) {
    const detail = `must be less than or equal to ${indexedParallelismMax} when completion mode is Indexed`;
    errors.push(field.invalid(`${path}.parallelism`, parallelism, detail));
  }
  if ((spec.maxFailedIndexes ?? 0) > (completions ?? 0)) {
    errors.push(
      field.invalid(
        `${path}.maxFailedIndexes`,
        spec.maxFailedIndexes,
        "must be less than or equal to completions",
      ),
    );
  }
  if (spec.successPolicy !== undefined && (spec.successPolicy.rules?.length ?? 0) === 0) {
    const detail = "at least one rules must be specified when the successPolicy is specified";
    errors.push(field.required(`${path}.successPolicy.rules`, detail));
  }
  return errors;
}

const failureActions = ["Count", "FailIndex", "FailJob", "Ignore"];

function validateFailureRule(rule: PodFailureRule, path: string): FieldError[] {
  const { action = "", onExitCodes, onPodConditions = [] } = rule;
  const errors: FieldError[] = [];
  if (action === "") {
    errors.push(
      field.required(`${path}.action`, `valid values: [${failureActions.map((a) => `"${a}"`).join(" ")}]`),
    );
  } else if (!failureActions.includes(action)) {
    errors.push(field.notSupported(`${path}.action`, action, failureActions));
  }
  if (onExitCodes !== undefined) {
    const { operator = "", values = [] } = onExitCodes;
    const at = `${path}.onExitCodes`;
    if (operator !== "In" && operator !== "NotIn") {
      errors.push(field.notSupported(`${at}.operator`, operator, ["In", "NotIn"]));
    }
    if (values.length === 0)
      errors.push(field.invalid(`${at}.values`, values, "at least one value is required"));
    values.forEach((value, i) => {
      if (value === 0 && operator === "In") {
        errors.push(field.invalid(`${at}.values[${i}]`, value, "must not be 0 for the In operator"));
      }
    });
  }
  if (onExitCodes !== undefined && onPodConditions.length > 0) {
    const detail = "specifying both OnExitCodes and OnPodConditions is not supported";
    errors.push(field.invalid(path, field.omitted, detail));
  }
  if (onExitCodes === undefined && onPodConditions.length === 0) {
    const detail = "specifying one of OnExitCodes and OnPodConditions is required";
    errors.push(field.invalid(path, field.omitted, detail));
  }
  return errors;
}

function validateReplacement(spec: JobSpec, path: string): FieldError[] {
  const { podReplacementPolicy: policy } = spec;
  if (policy === undefined) return [];
  const supported = spec.podFailurePolicy === undefined ? ["Failed", "TerminatingOrFailed"] : ["Failed"];
  return supported.includes(policy) ? [] : [field.notSupported(path, policy, supported)];
}

function validateRestart({ template, podFailurePolicy }: JobSpec, path: string): FieldError[] {
  const restartPolicy = template?.spec?.restartPolicy ?? "";
  const errors: FieldError[] = [];
  if (restartPolicy === "" || restartPolicy === "Always") {
    errors.push(field.required(path, 'valid values: "OnFailure", "Never"'));
  } else if (restartPolicy !== "OnFailure" && restartPolicy !== "Never") {
    errors.push(field.notSupported(path, restartPolicy, ["OnFailure", "Never"]));
  }
  if (podFailurePolicy !== undefined && restartPolicy !== "Never") {
    const detail = 'only "Never" is supported when podFailurePolicy is specified';
    errors.push(field.invalid(path, restartPolicy, detail));
  }
  return errors;
}
