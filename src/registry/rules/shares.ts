import { type FieldError, field, type IntOrString } from "../../apimachinery/index.ts";
import { nonNegative } from "./values.ts";

/** The number of a count or a percentage; undefined for another text. */
export function numberOf(value: IntOrString): number | undefined {
  if (typeof value === "number") return value;
  return /^[0-9]{1,9}%$/.test(value) ? Number(value.slice(0, -1)) : undefined;
}

/** A count of pods, or a share of them as `25%`. */
export function validateShare(value: IntOrString, path: string): FieldError[] {
  if (typeof value === "number") return nonNegative(path, value);
  if (numberOf(value) !== undefined) return [];
  const rule = "a valid percent string must be a numeric string followed by an ending '%'";
  return [
    field.invalid(path, value, `${rule} (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')`),
  ];
}
