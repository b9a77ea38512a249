import { stringifyJson } from "./json.ts";

/**
 * Validation errors of fields: k8s.io/apimachinery/pkg/util/validation/field. A path is a plain text such as
 * `spec.ports[0].port` or `metadata.labels[a/b]`; it is printed as it is.
 */
export type CauseType =
  | "FieldValueNotFound"
  | "FieldValueRequired"
  | "FieldValueDuplicate"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueForbidden"
  | "FieldValueTooLong"
  | "FieldValueTooMany"
  | "InternalError"
  | "FieldValueTypeInvalid";

/** A value that the message leaves out. */
export const omitted = Symbol("omitted");

export interface FieldError {
  readonly type: CauseType;
  /** Where; "" for the whole object. */
  readonly field: string;
  /** What was found there, as JSON would hold it. Ignored by types that print no value. */
  readonly badValue: unknown;
  /** Why, for a person; "" for nothing to add. */
  readonly detail: string;
}

/** A value that must be there is not. */
export function required(field: string, detail: string): FieldError {
  return { type: "FieldValueRequired", field, badValue: "", detail };
}

/** A value that is malformed, out of bounds or otherwise not allowed. */
export function invalid(field: string, badValue: unknown, detail: string): FieldError {
  return { type: "FieldValueInvalid", field, badValue, detail };
}

/** A value outside a closed list; the supported values are printed quoted, in the order given. */
export function notSupported(field: string, badValue: unknown, supported: readonly string[]): FieldError {
  const listed = supported.map(quoteGo).join(", ");
  return {
    type: "FieldValueNotSupported",
    field,
    badValue,
    detail: listed === "" ? "" : `supported values: ${listed}`,
  };
}

/** A value that is well-formed but may not be given here or by this user. */
export function forbidden(field: string, detail: string): FieldError {
  return { type: "FieldValueForbidden", field, badValue: "", detail };
}

/** A value that must be unique and is not. */
export function duplicate(field: string, badValue: unknown): FieldError {
  return { type: "FieldValueDuplicate", field, badValue, detail: "" };
}

/** A text longer than `max` bytes. A negative `max` leaves the number out of the message. */
export function tooLong(field: string, max: number): FieldError {
  return {
    type: "FieldValueTooLong",
    field,
    badValue: "<value omitted>",
    detail: max >= 0 ? `may not be more than ${max} ${max === 1 ? "byte" : "bytes"}` : "value is too long",
  };
}

/** A list of `actual` items where at most `max` may stand. */
export function tooMany(field: string, actual: number, max: number): FieldError {
  return {
    type: "FieldValueTooMany",
    field,
    badValue: actual,
    detail: max >= 0 ? `must have at most ${max} ${max === 1 ? "item" : "items"}` : "has too many items",
  };
}

/** A reference to something that does not exist. */
export function notFound(field: string, badValue: unknown): FieldError {
  return { type: "FieldValueNotFound", field, badValue, detail: "" };
}

/** A value of another type than the field's. */
export function typeInvalid(field: string, badValue: unknown, detail: string): FieldError {
  return { type: "FieldValueTypeInvalid", field, badValue, detail };
}

/** Validation itself failed. */
export function internalError(field: string, message: string): FieldError {
  return { type: "InternalError", field, badValue: undefined, detail: message };
}

const titles: Record<CauseType, string> = {
  FieldValueNotFound: "Not found",
  FieldValueRequired: "Required value",
  FieldValueDuplicate: "Duplicate value",
  FieldValueInvalid: "Invalid value",
  FieldValueNotSupported: "Unsupported value",
  FieldValueForbidden: "Forbidden",
  FieldValueTooLong: "Too long",
  FieldValueTooMany: "Too many",
  InternalError: "Internal error",
  FieldValueTypeInvalid: "Invalid value",
};

/** The error without its path: the message of a Status cause. */
export function fieldErrorBody(error: FieldError): string {
  const title = titles[error.type];
  const showsValue =
    error.type !== "FieldValueRequired" &&
    error.type !== "FieldValueForbidden" &&
    error.type !== "FieldValueTooLong" &&
    error.type !== "InternalError";
  if (error.badValue === omitted) return `${title}: ${error.detail}`;
  const head = showsValue ? `${title}: ${printValue(error.badValue)}` : title;
  return error.detail === "" ? head : `${head}: ${error.detail}`;
}

/** The error with its path: `spec.ports[0].port: Invalid value: 80000: must be between 1 and 65535, inclusive`. */
export function fieldErrorText(error: FieldError): string {
  return `${error.field}: ${fieldErrorBody(error)}`;
}

/** Messages of several errors as upstream aggregates them: one as it is, more in brackets, equal ones once. */
export function aggregateMessages(messages: readonly string[]): string {
  const unique = [...new Set(messages)];
  return unique.length === 1 ? (unique[0] as string) : `[${unique.join(", ")}]`;
}

/** strconv.Quote for what appears in API texts: JSON's escapes but for control characters, which Go writes as \x. */
export function quoteGo(text: string): string {
  let quoted = '"';
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (character === '"' || character === "\\") quoted += `\\${character}`;
    else if (code >= 0x20 && code !== 0x7f)
      quoted += isPrintable(character) ? character : escapeUnicode(code);
    else quoted += controlEscapes[code] ?? `\\x${code.toString(16).padStart(2, "0")}`;
  }
  return `${quoted}"`;
}

const controlEscapes: Record<number, string> = {
  7: "\\a",
  8: "\\b",
  9: "\\t",
  10: "\\n",
  11: "\\v",
  12: "\\f",
  13: "\\r",
};

function isPrintable(character: string): boolean {
  return character === " " || /^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character);
}

function escapeUnicode(code: number): string {
  return code > 0xffff
    ? `\\U${code.toString(16).padStart(8, "0")}`
    : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** Values as field.Error prints them: texts quoted, numbers and booleans plain, the rest as JSON. */
function printValue(value: unknown): string {
  if (value === undefined || value === null) return "null";
  if (typeof value === "string") return quoteGo(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint")
    return String(value);
  return stringifyJson(value).replace(
    htmlSensitive,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** What encoding/json of Go writes as escapes, so that JSON may stand in a page. */
const htmlSensitive = /[&<>\u2028\u2029]/g;
