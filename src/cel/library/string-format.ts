import { formatTimestamp } from "../timestamps.ts";
import { formatType } from "../types.ts";
import {
  Duration,
  Failure,
  fail,
  ListValue,
  MapValue,
  type Result,
  Timestamp,
  TypeValue,
  typeNameOf,
  Uint,
  type Value,
} from "../values.ts";
import { plainDouble } from "./conversions.ts";

/** How many decimals a clause asks for at most. */
const precisionMax = 100;
const clause = /%(?:\.(\d+))?(.?)/gsu;

/** `"%s: %d".format([name, count])`: cel-go's clauses %s %d %f %e %b %x %X %o. */
export function formatString(format: string, list: ListValue): Result {
  let next = 0;
  let failure: Failure | undefined;
  const text = format.replace(clause, (_all, precisionText: string | undefined, verb: string) => {
    if (failure !== undefined) return "";
    if (verb === "%" && precisionText === undefined) return "%";
    if (verb === "") {
      failure = fail("unexpected end of string");
      return "";
    }
    if (!"sdfebxXo".includes(verb)) {
      failure = fail(`could not parse formatting clause: unrecognized formatting clause "${verb}"`);
      return "";
    }
    if (next >= list.size) {
      failure = fail(`index ${next} out of range`);
      return "";
    }
    const precision = precisionText === undefined ? 6 : Math.min(Number(precisionText), precisionMax);
    const shown = render(list.at(next++), verb, precision);
    if (typeof shown === "string") return shown;
    failure = shown;
    return "";
  });
  return failure ?? text;
}

function render(value: Value, verb: string, precision: number): string | Failure {
  switch (verb) {
    case "s":
      return show(value);
    case "d":
      return decimal(value) ?? wrong("decimal", "integers and doubles", value);
    case "f":
      return fixed(value, precision) ?? wrong("fixed-point", "integers and doubles", value);
    case "e":
      return scientific(value, precision) ?? wrong("scientific", "integers and doubles", value);
    case "b":
      if (typeof value === "boolean") return value ? "1" : "0";
      return radix(value, 2) ?? wrong("binary", "integers and bools", value);
    case "o":
      return radix(value, 8) ?? wrong("octal", "integers", value);
    default: {
      const hex = hexadecimal(value);
      if (hex === undefined) return wrong("hex", "integers, byte buffers, and strings", value);
      return verb === "X" ? hex.toUpperCase() : hex;
    }
  }
}

function wrong(name: string, allowed: string, value: Value): Failure {
  return fail(
    `error during formatting: ${name} clause can only be used on ${allowed}, was given ${typeNameOf(value)}`,
  );
}

function special(value: number): string | undefined {
  if (Number.isNaN(value)) return "NaN";
  return Number.isFinite(value) ? undefined : value > 0 ? "Infinity" : "-Infinity";
}

function show(value: Value): string | Failure {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      return special(value) ?? plainDouble(value);
  }
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof Timestamp) return formatTimestamp(value.nanoseconds);
  if (value instanceof Duration) return `${plainDouble(Number(value.nanoseconds) / 1e9)}s`;
  if (value instanceof TypeValue) return formatType(value.type);
  if (value instanceof ListValue) {
    const parts: string[] = [];
    for (let i = 0; i < value.size; i++) {
      const part = show(value.at(i));
      if (part instanceof Failure) return part;
      parts.push(part);
    }
    return `[${parts.join(", ")}]`;
  }
  if (value instanceof MapValue) {
    const parts: [string, string][] = [];
    for (const key of value.keys()) {
      const inner = value.get(key) ?? null;
      const shownKey = show(key);
      const shown = inner instanceof Failure ? inner : show(inner);
      if (shownKey instanceof Failure) return shownKey;
      if (shown instanceof Failure) return shown;
      parts.push([shownKey, shown]);
    }
    parts.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${parts.map(([key, inner]) => `${key}: ${inner}`).join(", ")}}`;
  }
  return fail(
    `error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps, was given ${typeNameOf(value)}`,
  );
}

function decimal(value: Value): string | undefined {
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint) return String(value.value);
  return typeof value === "number" ? (special(value) ?? plainDouble(value)) : undefined;
}

function toNumber(value: Value): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  return value instanceof Uint ? Number(value.value) : undefined;
}

function fixed(value: Value, precision: number): string | undefined {
  const number = toNumber(value);
  if (number === undefined) return undefined;
  return special(number) ?? number.toFixed(precision);
}

function scientific(value: Value, precision: number): string | undefined {
  const number = toNumber(value);
  if (number === undefined) return undefined;
  return (
    special(number) ??
    number.toExponential(precision).replace(/e([+-])(\d)$/, (_all, sign, digit) => `e${sign}0${digit}`)
  );
}

function radix(value: Value, base: number): string | undefined {
  if (typeof value === "bigint") return value.toString(base);
  return value instanceof Uint ? value.value.toString(base) : undefined;
}

function hexadecimal(value: Value): string | undefined {
  if (typeof value === "string") return Buffer.from(value).toString("hex");
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : radix(value, 16);
}
