import { type FieldError, field } from "../../apimachinery/index.ts";
import { internalForm } from "../../schema/index.ts";
import { nonNegative } from "../rules/values.ts";
import { countIndexes } from "./indexes.ts";
import type { JobSpec } from "./types.ts";

/** When an Indexed Job has succeeded before all of its indexes have: successPolicy. */

const rulesMax = 20;
const indexesBytesMax = 64 * 1024;

/** `path`: of successPolicy. */
export function validateSuccessPolicy(
  { successPolicy, completionMode, completions = 0 }: JobSpec,
  path: string,
): FieldError[] {
  if (successPolicy === undefined) return [];
  const rules = successPolicy.rules ?? [];
  if (completionMode !== "Indexed") {
    // Upstream prints its internal form.
    const shown = internalForm("SuccessPolicy", successPolicy);
    return [field.invalid(path, shown, "requires indexed completion mode")];
  }
  const at = `${path}.rules`;
  const errors: FieldError[] = [];
  if (rules.length === 0)
    errors.push(
      field.required(at, "at least one rules must be specified when the successPolicy is specified"),
    );
  if (rules.length > rulesMax) errors.push(field.tooMany(at, rules.length, rulesMax));
  return [...errors, ...rules.flatMap((rule, i) => validateRule(rule, completions, `${at}[${i}]`))];
}

type SuccessRule = NonNullable<NonNullable<JobSpec["successPolicy"]>["rules"]>[number];

function validateRule(
  { succeededIndexes, succeededCount }: SuccessRule,
  completions: number,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (succeededIndexes === undefined && succeededCount === undefined)
    errors.push(field.required(path, "at least one of succeededCount or succeededIndexes must be specified"));
  let total = 0;
  if (succeededIndexes !== undefined) {
    const at = `${path}.succeededIndexes`;
    if (Buffer.byteLength(succeededIndexes) > indexesBytesMax)
      errors.push(field.tooLong(at, indexesBytesMax));
    const counted = countIndexes(succeededIndexes, completions);
    if (typeof counted === "number") total = counted;
    else errors.push(field.invalid(at, succeededIndexes, `error parsing succeededIndexes: ${counted}`));
  }
  if (succeededCount === undefined) return errors;
  const at = `${path}.succeededCount`;
  const atMost = (max: number, what: string): void => {
    if (succeededCount > max)
      errors.push(
        field.invalid(at, succeededCount, `must be less than or equal to ${max} (the number of ${what})`),
      );
  };
  errors.push(...nonNegative(at, succeededCount));
  atMost(completions, "specified completions");
  if (succeededIndexes !== undefined) atMost(total, "indexes in the specified succeededIndexes field");
  return errors;
}
