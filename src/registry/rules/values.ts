import { deepEqual, type FieldError, field, parseQuantity } from "../../apimachinery/index.ts";

/** Checks of single values that many kinds share, with upstream's texts (k8s.io/kubernetes/pkg/apis/core/validation). */

export const fieldIsImmutable = "field is immutable";

/** Each of a check's complaints as an error of the field. */
export function complaints(path: string, value: unknown, messages: readonly string[]): FieldError[] {
  return messages.map((message) => field.invalid(path, value, message));
}

export function nonNegative(path: string, value: number | undefined): FieldError[] {
  if (value === undefined || value >= 0) return [];
  return [field.invalid(path, value, "must be greater than or equal to 0")];
}

export function positive(path: string, value: number): FieldError[] {
  return value > 0 ? [] : [field.invalid(path, value, "must be greater than 0")];
}

export function immutable(path: string, next: unknown, old: unknown): FieldError[] {
  return deepEqual(next, old) ? [] : [field.invalid(path, next ?? null, fieldIsImmutable)];
}

/** A value of a closed list; `supported` in the order it is told. */
export function oneOf(path: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  if (value === undefined || value === "") return [field.required(path, "")];
  return supported.includes(value) ? [] : [field.notSupported(path, value, supported)];
}

export const protocols = ["SCTP", "TCP", "UDP"] as const;

/** An amount that has passed the schema. */
export function nonNegativeQuantity(path: string, amount: string): FieldError[] {
  if (parseQuantity(amount).nano >= 0n) return [];
  return [field.invalid(path, amount, "must be greater than or equal to 0")];
}
