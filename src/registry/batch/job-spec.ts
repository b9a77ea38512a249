import { type FieldError, field } from "../../apimachinery/index.ts";
import { validatePodTemplate } from "../core/pod/pod-spec.ts";
import { validateDomainPrefixedPath } from "../rules/domain-path.ts";
import { nonNegative } from "../rules/values.ts";
import { validateFailurePolicy } from "./failure-rules.ts";
import { validateSuccessPolicy } from "./success-rules.ts";
import type { JobSpec } from "./types.ts";

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
    ...validateManager(spec.managedBy, `${path}.managedBy`),
    ...validateIndexes(spec, path),
    ...validateFailurePolicy(spec, `${path}.podFailurePolicy`),
    ...validateSuccessPolicy(spec, `${path}.successPolicy`),
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
    return errors;
  }
  if (completions === undefined) {
    errors.push(field.required(`${path}.completions`, "when completion mode is Indexed"));
  }
  if (parallelism > indexedParallelismMax) {
    const detail = `must be less than or equal to ${indexedParallelismMax} when completion mode is Indexed`;
    errors.push(field.invalid(`${path}.parallelism`, parallelism, detail));
  }
  if (completions !== undefined && (spec.maxFailedIndexes ?? 0) > completions) {
    errors.push(
      field.invalid(
        `${path}.maxFailedIndexes`,
        spec.maxFailedIndexes,
        "must be less than or equal to completions",
      ),
    );
  }
  return errors;
}

function validateReplacement(spec: JobSpec, path: string): FieldError[] {
  const { podReplacementPolicy: policy } = spec;
  if (policy === undefined) return [];
  const supported = spec.podFailurePolicy === undefined ? ["Failed", "TerminatingOrFailed"] : ["Failed"];
  return supported.includes(policy) ? [] : [field.notSupported(path, policy, supported)];
}

const managerBytesMax = 63;

/** `domain/path` of a controller that is not ours. */
function validateManager(manager: string | undefined, path: string): FieldError[] {
  if (manager === undefined) return [];
  if (manager === "") return [field.required(path, "")];
  const errors = validateDomainPrefixedPath(path, manager);
  if (Buffer.byteLength(manager) > managerBytesMax) errors.push(field.tooLong(path, managerBytesMax));
  return errors;
}

function validateRestart({ template, podFailurePolicy }: JobSpec, path: string): FieldError[] {
  const restartPolicy = template?.spec?.restartPolicy ?? "";
  if (restartPolicy === "" || restartPolicy === "Always")
    return [field.required(path, 'valid values: "OnFailure", "Never"')];
  if (restartPolicy !== "OnFailure" && restartPolicy !== "Never")
    return [field.notSupported(path, restartPolicy, ["OnFailure", "Never"])];
  if (podFailurePolicy === undefined || restartPolicy === "Never") return [];
  const detail = 'only "Never" is supported when podFailurePolicy is specified';
  return [field.invalid(path, restartPolicy, detail)];
}
