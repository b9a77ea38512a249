import { type FieldError, field, parseTime, regexError, validateLabelKey } from "../../apimachinery/index.ts";

/** meta/v1 Condition, as newer kinds carry it. */
interface Condition {
  type?: string;
  status?: string;
  observedGeneration?: number;
  lastTransitionTime?: string | null;
  reason?: string;
  message?: string;
}

const reasonBytesMax = 1024;
const messageBytesMax = 32 * 1024;
const statuses = ["False", "True", "Unknown"];
const reasonExpression = "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?";
const reasonPattern = new RegExp(`^${reasonExpression}$`);
const reasonRule =
  "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_'";

/** A status' conditions: one of each type, each in order. Upstream's meta/v1/validation ValidateConditions. */
export function validateConditions(conditions: readonly unknown[], path: string): FieldError[] {
  const types = new Set<string>();
  return (conditions as readonly Condition[]).flatMap((condition, i) => {
    const { type = "" } = condition;
    const errors = types.has(type) ? [field.duplicate(`${path}[${i}].type`, type)] : [];
    types.add(type);
    return [...errors, ...validateCondition(condition, `${path}[${i}]`)];
  });
}

function validateCondition(condition: Condition, path: string): FieldError[] {
  const { type = "", status = "", observedGeneration = 0, lastTransitionTime, message = "" } = condition;
  const errors = validateLabelKey(type, `${path}.type`);
  if (!statuses.includes(status)) errors.push(field.notSupported(`${path}.status`, status, statuses));
  if (observedGeneration < 0) {
    const rule = "must be greater than or equal to zero";
    errors.push(field.invalid(`${path}.observedGeneration`, observedGeneration, rule));
  }
  if (!lastTransitionTime || parseTime(lastTransitionTime) === undefined)
    errors.push(field.required(`${path}.lastTransitionTime`, ""));
  errors.push(...validateReason(condition.reason ?? "", `${path}.reason`));
  if (Buffer.byteLength(message) > messageBytesMax)
    errors.push(field.tooLong(`${path}.message`, messageBytesMax));
  return errors;
}

function validateReason(reason: string, path: string): FieldError[] {
  if (reason === "") return [field.required(path, "")];
  const errors: FieldError[] = [];
  if (!reasonPattern.test(reason)) {
    const examples = ["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"];
    errors.push(field.invalid(path, reason, regexError(reasonRule, reasonExpression, ...examples)));
  }
  if (Buffer.byteLength(reason) > reasonBytesMax) errors.push(field.tooLong(path, reasonBytesMax));
  return errors;
}
