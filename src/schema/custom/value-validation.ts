import type { FieldError, Json, JsonObject } from "../../apimachinery/index.ts";
import type { Correlation } from "./correlation.ts";
import { formatCheck } from "./formats.ts";
import { itemsSchema, type JsonSchemaProps, valuesSchema } from "./json-schema.ts";
import { compilePattern, type Pattern } from "./pattern.ts";
import * as failures from "./value-errors.ts";
import { ValueResult } from "./value-result.ts";

/**
 * Whether a value fits a CRD's schema, in the words and with the choices of upstream's validator (kube-openapi/pkg/validation/validate): an
 * ajv validator would be quicker, but tells other things in other words, and clients compare them.
 * `correlation`: the value that an update replaces; what is wrong but was so before is let pass.
 */
export function valueProblems(
  value: Json,
  schema: JsonSchemaProps,
  options: { readonly base?: string; readonly correlation?: Correlation | undefined } = {},
): FieldError[] {
  const { base = "", correlation } = options;
  const result = ratcheted(value, schema, { path: "", base }, correlation);
  return result.errors.map(({ error }) => error);
}

type Place = failures.Place;

/** What is made of a schema once, for all values. */
interface Prepared {
  readonly types: readonly string[];
  /** "" where the schema has none, or one that is not known. */
  readonly format: string;
  readonly fits: ((text: string) => boolean) | undefined;
  readonly pattern: Pattern | undefined;
  readonly properties: readonly (readonly [name: string, schema: JsonSchemaProps])[];
}

const prepared = new WeakMap<JsonSchemaProps, Prepared>();

function prepare(schema: JsonSchemaProps): Prepared {
  let made = prepared.get(schema);
  if (made === undefined) {
    const fits = formatCheck(schema.format ?? "");
    made = {
      types:
        schema["x-kubernetes-int-or-string"] === true
          ? ["integer", "string"]
          : schema.type === undefined
            ? []
            : [schema.type],
      format: fits === undefined ? "" : (schema.format ?? ""),
      fits,
      pattern: schema.pattern === undefined ? undefined : compilePattern(schema.pattern),
      properties: Object.entries(schema.properties ?? {}),
    };
    prepared.set(schema, made);
  }
  return made;
}

/** A value that an update leaves as it was may stay wrong. */
function ratcheted(
  value: Json,
  schema: JsonSchemaProps,
  place: Place,
  correlation: Correlation | undefined,
): ValueResult {
  const result = validate(value, schema, place, correlation);
  if (result.isValid || correlation?.unchanged !== true) return result;
  const passed = new ValueResult();
  passed.matches = result.matches;
  return passed;
}

function validate(
  value: Json,
  schema: JsonSchemaProps,
  place: Place,
  correlation: Correlation | undefined,
): ValueResult {
  const result = new ValueResult();
  const { types, format, fits } = prepare(schema);
  if (value === null) {
    result.merge(nullType(schema, types, place));
    result.merge(inEnum(value, schema, place));
    return result;
  }
  const check = (found: ValueResult | undefined): void => {
    result.merge(found);
    result.matches++;
  };
  if (types.length > 0 || format !== "") check(typeOf(value, types, format, place));
  check(combined(value, schema, place, correlation));
  if (typeof value === "string") {
    check(text(value, schema, place));
    if (fits !== undefined && !fits(value)) check(ValueResult.of(failures.wrongType(place, format, value)));
    else if (fits !== undefined) check(undefined);
  } else if (typeof value === "number" || typeof value === "bigint") {
    check(amount(value, schema, place));
  } else if (Array.isArray(value)) {
    check(list(value, schema, place, correlation));
  }
  check(inEnum(value, schema, place));
  if (typeof value === "object" && !Array.isArray(value)) check(members(value, schema, place, correlation));
  result.matches++;
  return result;
}

function passed(): ValueResult {
  const result = new ValueResult();
  result.matches = 1;
  return result;
}

function nullType(schema: JsonSchemaProps, types: readonly string[], place: Place): ValueResult {
  if (types.length === 0 || types.includes("null") || schema.nullable === true) return passed();
  return ValueResult.of(failures.wrongType(place, types.join(","), "null"));
}

/** JSON's type of a value, and the format that Go's type for it has. */
function typeAndFormat(value: Json): [type: string, format: string] {
  if (Array.isArray(value)) return ["array", ""];
  switch (typeof value) {
    case "string":
      return ["string", ""];
    case "boolean":
      return ["boolean", ""];
    case "bigint":
      return ["integer", "int64"];
    case "number":
      return Number.isSafeInteger(value) ? ["integer", "int64"] : ["number", "float64"];
    default:
      return ["object", ""];
  }
}

function typeOf(value: Json, types: readonly string[], format: string, place: Place): ValueResult {
  const [type, itsFormat] = typeAndFormat(value);
  const isIntFloat = type === "integer" && types.includes("number");
  const fits = types.includes(type) || isIntFloat;
  const isText = type === "string" || type === "array";
  if (!isText && format !== "" && !fits && itsFormat !== format)
    return ValueResult.of(failures.wrongType(place, format, itsFormat));
  const wantsNumber = types.includes("number") || types.includes("integer");
  if (!wantsNumber && format !== "" && isText) return passed();
  return fits ? passed() : ValueResult.of(failures.wrongType(place, types.join(","), type));
}

function inEnum(value: Json, schema: JsonSchemaProps, place: Place): ValueResult | undefined {
  const allowed = schema.enum;
  if (allowed === undefined || allowed.length === 0) return undefined;
  if (allowed.some((item) => item !== null && equal(item, value))) return undefined;
  return ValueResult.of(failures.notInEnum(place, value, allowed));
}

function equal(a: Json, b: Json): boolean {
  return a === b || (typeof a === "object" && typeof b === "object" && sortedText(a) === sortedText(b));
}

function sortedText(value: Json): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === "bigint") return `${inner}n`;
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** Characters as Go counts them; only texts that could be too long or too short are counted. */
function codePoints(value: string): number {
  let count = 0;
  for (const _character of value) count++;
  return count;
}

function text(value: string, schema: JsonSchemaProps, place: Place): ValueResult | undefined {
  const { maxLength, minLength } = schema;
  if (maxLength !== undefined && value.length > maxLength && codePoints(value) > maxLength)
    return ValueResult.of(failures.tooLong(place, maxLength));
  if (minLength !== undefined && value.length < 2 * minLength && codePoints(value) < minLength)
    return ValueResult.of(failures.tooShort(place, value, minLength));
  const { pattern } = prepare(schema);
  if (pattern !== undefined && !pattern.matches(value))
    return ValueResult.of(failures.noMatch(place, value, schema.pattern as string));
  return undefined;
}

function amount(value: number | bigint, schema: JsonSchemaProps, place: Place): ValueResult {
  const result = new ValueResult();
  const { multipleOf, maximum, minimum } = schema;
  // Go compares integers as integers: bounds lose their fraction.
  const isInteger = typeof value === "bigint" || Number.isSafeInteger(value);
  const bound = (limit: number): number => (isInteger ? Math.trunc(limit) : limit);
  if (multipleOf !== undefined && !isMultiple(value, bound(multipleOf)))
    result.add(failures.notMultiple(place, value, bound(multipleOf)));
  if (minimum !== undefined) {
    const exclusive = schema.exclusiveMinimum === true;
    const limit = bound(minimum);
    if (value < limit || (exclusive && Number(value) === limit))
      result.add(failures.tooSmall(place, value, limit, exclusive));
  }
  if (maximum !== undefined) {
    const exclusive = schema.exclusiveMaximum === true;
    const limit = bound(maximum);
    if (value > limit || (exclusive && Number(value) === limit))
      result.add(failures.tooLarge(place, value, limit, exclusive));
  }
  result.matches++;
  return result;
}

function isMultiple(value: number | bigint, factor: number): boolean {
  if (factor <= 0) return false;
  if (typeof value === "bigint") return Number.isInteger(factor) && value % BigInt(factor) === 0n;
  if (Math.abs(value) > Number.MAX_SAFE_INTEGER) return false;
  const times = factor < 1 ? (1 / factor) * value : value / factor;
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
}

function list(
  value: readonly Json[],
  schema: JsonSchemaProps,
  place: Place,
  correlation: Correlation | undefined,
): ValueResult {
  const result = new ValueResult();
  const items = itemsSchema(schema);
  if (items !== undefined) {
    value.forEach((item, index) => {
      const at = { ...place, path: `${place.path}[${index}]` };
      result.merge(ratcheted(item, items, at, correlation?.item(index)));
    });
  }
  const { minItems, maxItems, uniqueItems } = schema;
  if (minItems !== undefined && value.length < minItems)
    result.add(failures.tooFewItems(place, value.length, minItems));
  if (maxItems !== undefined && value.length > maxItems)
    result.add(failures.tooManyItems(place, value.length, maxItems));
  if (uniqueItems === true && new Set(value.map(sortedText)).size < value.length)
    result.add(failures.repeatedItems(place));
  result.matches++;
  return result;
}

function members(
  value: JsonObject,
  schema: JsonSchemaProps,
  place: Place,
  correlation: Correlation | undefined,
): ValueResult {
  const result = new ValueResult();
  const keys = Object.keys(value);
  const { minProperties, maxProperties, properties = {}, additionalProperties, required = [] } = schema;
  if (minProperties !== undefined && keys.length < minProperties)
    result.add(failures.tooFewProperties(place, keys.length, minProperties));
  if (maxProperties !== undefined && keys.length > maxProperties)
    result.add(failures.tooManyProperties(place, keys.length, maxProperties));
  const atMember = (name: string): Correlation | undefined =>
    place.path === "" && (name === "kind" || name === "apiVersion") ? undefined : correlation?.member(name);
  const values = valuesSchema(schema);
  if (additionalProperties === false || values !== undefined) {
    for (const key of keys) {
      if (Object.hasOwn(properties, key)) continue;
      if (values === undefined) result.add(failures.forbiddenProperty(place, key));
      else {
        const at = { ...place, path: `${place.path}.${key}` };
        result.merge(ratcheted(value[key] as Json, values, at, atMember(key)));
      }
    }
  }
  for (const [name, member] of prepare(schema).properties) {
    if (!Object.hasOwn(value, name)) continue;
    const at = { ...place, path: place.path === "" ? name : `${place.path}.${name}` };
    result.merge(ratcheted(value[name] as Json, member, at, atMember(name)));
  }
  for (const name of required) if (!Object.hasOwn(value, name)) result.add(failures.missing(place, name));
  return result;
}

/** anyOf, oneOf, allOf, not. Of alternatives that all fail the one that came furthest is told. */
function combined(
  value: Json,
  schema: JsonSchemaProps,
  place: Place,
  correlation: Correlation | undefined,
): ValueResult {
  const result = new ValueResult();
  const { anyOf = [], oneOf = [], allOf = [], not } = schema;
  const against = (inner: JsonSchemaProps): ValueResult => validate(value, inner, place, correlation);
  const quoted = `"${place.path}"`;
  if (anyOf.length > 0) {
    const found = bestOf(anyOf, against, true);
    if (found.valid === 0)
      result.add(failures.unplaced(place, `${quoted} must validate at least one schema (anyOf)`));
    result.merge(found.best);
  }
  if (oneOf.length > 0) {
    const found = bestOf(oneOf, against, false);
    if (found.valid !== 1) {
      const how = found.valid === 0 ? "Found none valid" : `Found ${found.valid} valid alternatives`;
      result.add(failures.unplaced(place, `${quoted} must validate one and only one schema (oneOf). ${how}`));
    }
    if (found.valid <= 1) result.merge(found.best);
  }
  if (allOf.length > 0) {
    let valid = 0;
    for (const inner of allOf) {
      const found = against(inner);
      if (found.isValid) valid++;
      result.merge(found);
    }
    if (valid < allOf.length) {
      const none = valid === 0 ? ". None validated" : "";
      result.add(failures.unplaced(place, `${quoted} must validate all the schemas (allOf)${none}`));
    }
  }
  if (not !== undefined && against(not).isValid)
    result.add(failures.unplaced(place, `${quoted} must not validate the schema (not)`));
  result.matches++;
  return result;
}

/** `best`: the first that is valid, else the failure with most checks passed. */
function bestOf(
  alternatives: readonly JsonSchemaProps[],
  against: (schema: JsonSchemaProps) => ValueResult,
  stopAtFirst: boolean,
): { valid: number; best: ValueResult | undefined } {
  let valid = 0;
  let success: ValueResult | undefined;
  let failure: ValueResult | undefined;
  for (const alternative of alternatives) {
    const found = against(alternative);
    if (found.isValid) {
      valid++;
      success ??= found;
      if (stopAtFirst) break;
    } else if (valid === 0 && (failure === undefined || found.matches > failure.matches)) {
      failure = found;
    }
  }
  return { valid, best: success ?? failure };
}
