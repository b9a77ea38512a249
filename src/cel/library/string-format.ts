/** `"%s: %d".format([name, count])` as cel-go's ext/formatting.go (strings library 1 to 3) has it, in the locale en_US. */
import { field } from "../../apimachinery/index.ts";
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
import { formatDouble, plainDouble } from "./conversions.ts";

/** A clause of a format, `%%` included: the digits behind a point, where there is one, and the verb. */
export const clausePattern = /%(?:%|(?:\.(\d*))?(.?))/gsu;

const precisionDefault = 6;
/** How many decimals a clause gets at most. */
const precisionMax = 100;
const notHexadecimal = "only integers, byte buffers, and strings can be formatted as hex";

/** What each verb says of a value that it does not take. */
export const refusals = {
  s: "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps",
  d: "decimal clause can only be used on integers",
  f: "fixed-point clause can only be used on doubles",
  e: "scientific clause can only be used on doubles",
  b: "only integers and bools can be formatted as binary",
  x: notHexadecimal,
  X: notHexadecimal,
  o: "octal clause can only be used on integers",
} as const;

export type Verb = keyof typeof refusals;

/** Why a clause cannot be read, whatever value it gets. */
export function unreadable(precision: string | undefined, verb: string | undefined): string | undefined {
  const because = (why: string) => `could not parse formatting clause: ${why}`;
  const inPrecision = (why: string) => because(`error while parsing precision: ${why}`);
  if (verb === undefined || verb === "") return inPrecision("could not find end of precision specifier");
  if (precision === "")
    return inPrecision(
      'error while converting precision to integer: strconv.Atoi: parsing "": invalid syntax',
    );
  return Object.hasOwn(refusals, verb) ? undefined : because(`unrecognized formatting clause "${verb}"`);
}

export function formatString(format: string, list: ListValue): Result {
  let next = 0;
  let failure: Failure | undefined;
  const give = (clause: string, precision: string | undefined, verb: string): string | Failure => {
    if (clause === "%%") return "%";
    if (next >= list.size) return fail(`index ${next} out of range`);
    if (clause === "%") return fail("unexpected end of string");
    const problem = unreadable(precision, verb);
    if (problem !== undefined) return fail(problem);
    return render(list.at(next++), verb as Verb, precision);
  };
  const text = format.replace(clausePattern, (clause, precision: string | undefined, verb: string) => {
    const given = failure ?? give(clause, precision, verb);
    if (typeof given === "string") return given;
    failure = given;
    return "";
  });
  return failure ?? text;
}

function render(value: Value, verb: Verb, precisionText: string | undefined): string | Failure {
  const precision =
    precisionText === undefined ? precisionDefault : Math.min(Number(precisionText), precisionMax);
  const text = convert(value, verb, precision);
  if (typeof text === "string") return text;
  const why = text instanceof Failure ? text.message : `${refusals[verb]}, was given ${typeNameOf(value)}`;
  return fail(`error during formatting: ${why}`);
}

/** Undefined: the verb does not take such values. */
function convert(value: Value, verb: Verb, precision: number): string | Failure | undefined {
  switch (verb) {
    case "s":
      return show(value);
    case "d":
      return integer(value, 10);
    case "f": {
      const number = double(value);
      return number === undefined ? undefined : fixed(number, precision, true);
    }
    case "e": {
      const number = double(value);
      return number === undefined ? undefined : scientific(number, precision);
    }
    case "b":
      return typeof value === "boolean" ? String(Number(value)) : integer(value, 2);
    case "o":
      return integer(value, 8);
    case "x":
      return hexadecimal(value);
    case "X":
      return hexadecimal(value)?.toUpperCase();
  }
}

function show(value: Value): string | Failure | undefined {
  if (value === null) return "null";
  switch (typeof value) {
    case "string":
      return value;
    case "boolean":
    case "bigint":
      return String(value);
    case "number":
      return formatDouble(value);
  }
  if (value instanceof Uint) return String(value.value);
  if (value instanceof Uint8Array) return new TextDecoder().decode(value);
  if (value instanceof Timestamp) return formatTimestamp(value.nanoseconds);
  if (value instanceof Duration) return `${plainDouble(Number(value.nanoseconds) / 1e9)}s`;
  if (value instanceof TypeValue) return formatType(value.type);
  if (value instanceof ListValue) return showList(value);
  return value instanceof MapValue && value.typeName === undefined ? showMap(value) : undefined;
}

function showList(list: ListValue): string | Failure {
  const parts: string[] = [];
  for (let i = 0; i < list.size; i++) {
    const part = showElement(list.at(i));
    if (part instanceof Failure) return part;
    parts.push(part);
  }
  return `[${parts.join(", ")}]`;
}

function showMap(map: MapValue): string | Failure {
  const parts: [key: string, text: string][] = [];
  for (const key of map.keys()) {
    const value = map.get(key) ?? null;
    const shownKey = showElement(key);
    if (shownKey instanceof Failure) return shownKey;
    const shown = value instanceof Failure ? value : showElement(value);
    if (shown instanceof Failure) return shown;
    parts.push([shownKey, `${shownKey}:${shown}`]);
  }
  parts.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${parts.map(([, text]) => text).join(", ")}}`;
}

/** In a list or map a value is written much as a literal would be. */
function showElement(value: Value): string | Failure {
  if (typeof value === "number") {
    if (Number.isFinite(value)) return fixed(value, precisionDefault, false);
    return field.quoteGo(formatDouble(value));
  }
  const text = show(value);
  if (text === undefined) return fail(`no formatting function for ${typeNameOf(value)}`);
  if (text instanceof Failure) return text;
  if (typeof value === "string") return field.quoteGo(text);
  if (value instanceof Uint8Array) return `b${field.quoteGo(text)}`;
  if (value instanceof Timestamp) return `timestamp(${field.quoteGo(text)})`;
  return value instanceof Duration ? `duration(${field.quoteGo(text)})` : text;
}

/** Doubles, and the texts that stand for those which have no digits. */
function double(value: Value): number | undefined {
  if (typeof value === "number") return value;
  return value === "NaN" || value === "Infinity" || value === "-Infinity" ? Number(value) : undefined;
}

/** Rounded to even, as Go does; `1,234.5` if `isGrouped`. */
function fixed(value: number, digits: number, isGrouped: boolean): string {
  const options: Intl.NumberFormatOptions & { roundingMode: string } = {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    useGrouping: isGrouped,
    roundingMode: "halfEven",
  };
  return new Intl.NumberFormat("en-US", options as Intl.NumberFormatOptions).format(value);
}

/** `1.234500×10⁰³`. Upstream takes the precision for a width. */
function scientific(value: number, width: number): string {
  if (!Number.isFinite(value)) return fixed(value, 0, false).padStart(width);
  const [mantissa = "", exponent = ""] = value.toExponential(precisionDefault).split("e");
  const digits = [...String(Math.abs(Number(exponent))).padStart(2, "0")];
  const raised = digits.map((digit) => superscripts[Number(digit)]).join("");
  return `${mantissa}×10${Number(exponent) < 0 ? "⁻" : ""}${raised}`.padStart(width);
}

const superscripts = [..."⁰¹²³⁴⁵⁶⁷⁸⁹"];

function integer(value: Value, base: number): string | undefined {
  if (typeof value === "bigint") return value.toString(base);
  return value instanceof Uint ? value.value.toString(base) : undefined;
}

function hexadecimal(value: Value): string | undefined {
  if (typeof value === "string") return Buffer.from(value).toString("hex");
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : integer(value, 16);
}
