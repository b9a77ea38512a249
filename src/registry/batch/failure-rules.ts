import { type FieldError, field, qualifiedNameErrors } from "../../apimachinery/index.ts";
import { complaints } from "../rules/values.ts";
import type { JobSpec, PodFailureRule } from "./types.ts";

/** What failed pods of a Job mean: podFailurePolicy. */

const failureActions = ["Count", "FailIndex", "FailJob", "Ignore"];
const operators = ["In", "NotIn"];
const statuses = ["False", "True", "Unknown"];
const rulesMax = 20;
const exitCodesMax = 255;
const conditionsMax = 20;

const listed = (values: readonly string[]): string =>
  `valid values: [${values.map((value) => `"${value}"`).join(" ")}]`;

/** A closed list whose empty value is told apart. */
function choice(path: string, value: string, supported: readonly string[]): FieldError[] {
  if (value === "") return [field.required(path, listed(supported))];
  return supported.includes(value) ? [] : [field.notSupported(path, value, supported)];
}

/** `path`: of podFailurePolicy. */
export function validateFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const at = `${path}.rules`;
  const errors = rules.length > rulesMax ? [field.tooMany(at, rules.length, rulesMax)] : [];
  return [...errors, ...rules.flatMap((rule, i) => validateRule(rule, spec, `${at}[${i}]`))];
}

function validateRule(rule: PodFailureRule, spec: JobSpec, path: string): FieldError[] {
  const { action = "", onExitCodes, onPodConditions: conditions } = rule;
  const onPodConditions = conditions ?? [];
  const errors: FieldError[] = [];
  if (action !== "FailIndex") errors.push(...choice(`${path}.action`, action, failureActions));
  else if (spec.backoffLimitPerIndex === undefined)
    errors.push(field.invalid(`${path}.action`, action, "requires the backoffLimitPerIndex to be set"));
  if (onExitCodes !== undefined) errors.push(...validateExitCodes(onExitCodes, spec, `${path}.onExitCodes`));
  const at = `${path}.onPodConditions`;
  if (onPodConditions.length > conditionsMax)
    errors.push(field.tooMany(at, onPodConditions.length, conditionsMax));
  onPodConditions.forEach(({ type = "", status = "" }, i) => {
    errors.push(...complaints(`${at}[${i}].type`, type, qualifiedNameErrors(type)));
    errors.push(...choice(`${at}[${i}].status`, status, statuses));
  });
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

type ExitCodes = NonNullable<PodFailureRule["onExitCodes"]>;

function validateExitCodes(codes: ExitCodes, { template }: JobSpec, path: string): FieldError[] {
  const { containerName, operator = "" } = codes;
  const values = codes.values ?? [];
  const at = `${path}.values`;
  const errors = choice(`${path}.operator`, operator, operators);
  const containers = [...(template?.spec?.containers ?? []), ...(template?.spec?.initContainers ?? [])];
  if (containerName !== undefined && !containers.some(({ name }) => name === containerName)) {
    const rule = "must be one of the container or initContainer names in the pod template";
    errors.push(field.invalid(`${path}.containerName`, containerName, rule));
  }
  if (values.length === 0)
    errors.push(field.invalid(at, codes.values ?? null, "at least one value is required"));
  else if (values.length > exitCodesMax) errors.push(field.tooMany(at, values.length, exitCodesMax));
  values.forEach((value, i) => {
    if (value === 0 && operator === "In")
      errors.push(field.invalid(`${at}[${i}]`, value, "must not be 0 for the In operator"));
    if (values.indexOf(value) < i) errors.push(field.duplicate(`${at}[${i}]`, value));
  });
  const isOrdered = values.every((value, i) => i === 0 || (values[i - 1] as number) <= value);
  return isOrdered ? errors : [...errors, field.invalid(at, values, "must be ordered")];
}
