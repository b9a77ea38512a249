import { field, type Json, stringifyJson } from "../../apimachinery/index.ts";
import type { ValueError } from "./value-result.ts";

/**
 * Failures of values in the words of kube-openapi's validator, and as the field errors that upstream makes of them. `path` is where the
 * value stands, "" at the root; `base` what upstream puts in front of it.
 */
export interface Place {
  readonly path: string;
  readonly base: string;
}

/** Of an error without a field. */
const noField = "<nil>";

function fieldOf({ path, base }: Place): string {
  const name = path.startsWith(".") ? path.slice(1) : path;
  if (name === "") return base === "" ? noField : base;
  return base === "" ? name : `${base}.${name}`;
}

function said(place: Place, what: string): string {
  return `${place.path} in body ${what}`;
}

function invalid(place: Place, value: unknown, text: string): ValueError {
  return { text, error: field.invalid(fieldOf(place), value, text) };
}

/** About a whole: upstream knows no field for these. */
export function unplaced(place: Place, text: string): ValueError {
  return { text, error: field.invalid(place.base === "" ? noField : place.base, "", text) };
}

export function wrongType(place: Place, wanted: string, found: string): ValueError {
  const text = said(place, `must be of type ${wanted}: ${field.quoteGo(found)}`);
  return { text, error: field.typeInvalid(fieldOf(place), found, text) };
}

export function missing(place: Place, name: string): ValueError {
  const path = `${place.path}.${name}`;
  return {
    text: said({ ...place, path }, "is required"),
    error: field.required(fieldOf({ ...place, path }), ""),
  };
}

export function notInEnum(place: Place, value: Json, allowed: readonly Json[]): ValueError {
  const supported = allowed.map((item) => (typeof item === "string" ? item : stringifyJson(item)));
  return {
    text: said(place, `should be one of [${supported.join(" ")}]`),
    error: field.notSupported(fieldOf(place), value, supported),
  };
}

export function tooLong(place: Place, max: number): ValueError {
  return {
    text: said(place, `should be at most ${max} chars long`),
    error: field.tooLong(fieldOf(place), max),
  };
}

export function tooShort(place: Place, value: string, min: number): ValueError {
  return invalid(place, value, said(place, `should be at least ${min} chars long`));
}

export function noMatch(place: Place, value: string, pattern: string): ValueError {
  return invalid(place, value, said(place, `should match '${pattern}'`));
}

export function notMultiple(place: Place, value: number | bigint, factor: number): ValueError {
  if (factor <= 0) {
    const text = `factor MultipleOf declared for ${place.path} must be positive: ${goFloat(factor)}`;
    return invalid(place, factor, text);
  }
  return invalid(place, value, said(place, `should be a multiple of ${goFloat(factor)}`));
}

export function tooLarge(place: Place, value: number | bigint, max: number, exclusive: boolean): ValueError {
  return invalid(
    place,
    value,
    said(place, `should be less than ${exclusive ? "" : "or equal to "}${goFloat(max)}`),
  );
}

export function tooSmall(place: Place, value: number | bigint, min: number, exclusive: boolean): ValueError {
  return invalid(
    place,
    value,
    said(place, `should be greater than ${exclusive ? "" : "or equal to "}${goFloat(min)}`),
  );
}

export function tooManyItems(place: Place, count: number, max: number): ValueError {
  return {
    text: said(place, `should have at most ${max} items`),
    error: field.tooMany(fieldOf(place), count, max),
  };
}

export function tooFewItems(place: Place, count: number, min: number): ValueError {
  return invalid(place, count, said(place, `should have at least ${min} items`));
}

export function repeatedItems(place: Place): ValueError {
  return invalid(place, "", said(place, "shouldn't contain duplicates"));
}

export function tooManyProperties(place: Place, count: number, max: number): ValueError {
  return {
    text: said(place, `should have at most ${max} properties`),
    error: field.tooMany(fieldOf(place), count, max),
  };
}

export function tooFewProperties(place: Place, count: number, min: number): ValueError {
  return invalid(place, count, said(place, `should have at least ${min} properties`));
}

export function forbiddenProperty(place: Place, name: string): ValueError {
  return invalid(place, name, `${place.path}.${name} in body is a forbidden property`);
}

/** A float as Go's %v prints it: with an exponent below 1e-4, and of two digits at least. */
function goFloat(value: number): string {
  const text = value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}
