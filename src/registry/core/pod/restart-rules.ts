import { type FieldError, field } from "../../../apimachinery/index.ts";
import type { Container, ContainerRestartRule, PodSpec } from "./types.ts";

/** When a single container is started again, whatever its pod's policy says, and what resizing it takes. */

const policies = ["Always", "Never", "OnFailure"];
const actions = ["Restart"];
const operators = ["In", "NotIn"];
const rulesMax = 20;
const exitCodesMax = 255;

export function validateRestartPolicy(container: Container, path: string): FieldError[] {
  const { restartPolicy: policy, restartPolicyRules: rules = [] } = container;
  const at = `${path}.restartPolicy`;
  const errors: FieldError[] = [];
  if (policy === undefined) {
    if (rules.length === 0) return [];
    errors.push(field.required(at, "must specify restartPolicy when restart rules are used"));
  } else if (!policies.includes(policy)) errors.push(field.notSupported(at, policy, policies));
  if (rules.length > rulesMax) errors.push(field.tooLong(`${path}.restartPolicyRules`, rulesMax));
  return [...errors, ...rules.flatMap((rule, i) => validateRule(rule, `${path}.restartPolicyRules[${i}]`))];
}

/** A container that runs before the others cannot have rules when it always runs beside them. */
export function validateInitRestartPolicy(container: Container, path: string): FieldError[] {
  const { restartPolicy: policy, restartPolicyRules: rules = [] } = container;
  if (policy === undefined && rules.length > 0)
    return [
      field.required(`${path}.restartPolicy`, "must specify restartPolicy when restart rules are used"),
    ];
  if (policy !== "Always") return validateRestartPolicy(container, path);
  if (rules.length === 0) return [];
  const rule = "restartPolicyRules are not allowed for init containers with restart policy Always";
  return [field.forbidden(`${path}.restartPolicyRules`, rule)];
}

function validateRule({ action = "", exitCodes }: ContainerRestartRule, path: string): FieldError[] {
  const errors = actions.includes(action) ? [] : [field.notSupported(`${path}.action`, action, actions)];
  const at = `${path}.exitCodes`;
  if (exitCodes === undefined) return [...errors, field.required(at, "must be specified")];
  const { operator = "", values = [] } = exitCodes;
  if (!operators.includes(operator)) errors.push(field.notSupported(`${at}.operator`, operator, operators));
  if (values.length > exitCodesMax) errors.push(field.tooLong(`${at}.values`, exitCodesMax));
  return errors;
}

/** Whether a container that ended so is started again: by its rules, its own policy or its pod's. */
export function mayRestart(
  { restartPolicy, restartPolicyRules = [] }: Container,
  pod: PodSpec,
  exitCode: number,
): boolean {
  if (restartPolicy !== undefined && restartPolicyRules.some((rule) => restarts(rule, exitCode))) return true;
  switch (restartPolicy ?? pod.restartPolicy) {
    case "Never":
      return false;
    case "OnFailure":
      return exitCode !== 0;
    default:
      return true;
  }
}

function restarts({ action, exitCodes = {} }: ContainerRestartRule, exitCode: number): boolean {
  const isListed = exitCodes.values?.includes(exitCode) === true;
  return action === "Restart" && (exitCodes.operator === "NotIn" ? !isListed : isListed);
}

const resizable = ["cpu", "memory"];
const resizePolicies = ["NotRequired", "RestartContainer"];

export function validateResizePolicy(
  { resizePolicy = [] }: Container,
  podRestartPolicy: string | undefined,
  path: string,
): FieldError[] {
  const seen = new Set<string>();
  const known = (value: string, supported: readonly string[]): FieldError[] => {
    if (value === "") return [field.required(path, "")];
    return supported.includes(value) ? [] : [field.notSupported(path, value, supported)];
  };
  return resizePolicy.flatMap(({ resourceName, restartPolicy }, i) => {
    const errors = seen.has(resourceName) ? [field.duplicate(`${path}[${i}]`, resourceName)] : [];
    seen.add(resourceName);
    errors.push(...known(resourceName, resizable), ...known(restartPolicy, resizePolicies));
    if (podRestartPolicy === "Never" && restartPolicy !== "NotRequired") {
      const rule = "must be 'NotRequired' when `restartPolicy` is 'Never'";
      errors.push(field.invalid(path, restartPolicy, rule));
    }
    return errors;
  });
}
