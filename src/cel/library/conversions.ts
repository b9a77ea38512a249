import { parseDuration } from "../../apimachinery/index.ts";
import type { Library } from "../functions.ts";
import { duration, int, timestamp, uint } from "../operators.ts";
import { formatTimestamp, readTimestamp } from "../timestamps.ts";
import { types } from "../types.ts";
import {
  type Duration,
  fail,
  type Result,
  type Timestamp,
  TypeValue,
  typeNameOf,
  type Uint,
  type Value,
} from "../values.ts";

const same = (value: Value): Value => value;

const booleans: ReadonlyMap<string, boolean> = new Map(
  ["1", "t", "T", "true", "TRUE", "True"]
    .map((text) => [text, true] as [string, boolean])
    .concat(["0", "f", "F", "false", "FALSE", "False"].map((text) => [text, false])),
);

function notConvertible(from: string, to: string): Result {
  return fail(`type conversion error from '${from}' to '${to}'`);
}

export const conversions: Library = {
  type: { "(A) -> type(A)": (value: Value) => new TypeValue({ ...types.dyn, name: typeNameOf(value) }) },
  dyn: { "(A) -> dyn": same },
  bool: {
    "(bool) -> bool": same,
    "(string) -> bool": (text: string) => booleans.get(text) ?? notConvertible("string", "bool"),
  },
  bytes: {
    "(bytes) -> bytes": same,
    "(string) -> bytes": (text: string) => new TextEncoder().encode(text),
  },
  double: {
    "(double) -> double": same,
    "(int) -> double": (value: bigint) => Number(value),
    "(string) -> double": (text: string) => {
      if (!/^[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|Inf|Infinity|NaN)$/i.test(text)) {
        return notConvertible("string", "double");
      }
      return Number(text.replace(/inf(inity)?$/i, "Infinity"));
    },
    "(uint) -> double": (value: Uint) => Number(value.value),
  },
  duration: {
    "(duration) -> duration": same,
    "(int) -> duration": (value: bigint) => duration(value),
    "(string) -> duration": (text: string) => {
      const nanoseconds = parseDuration(text);
      return nanoseconds === undefined
        ? notConvertible("string", "google.protobuf.Duration")
        : duration(nanoseconds);
    },
  },
  int: {
    "(int) -> int": same,
    "(double) -> int": (value: number) =>
      Number.isFinite(value) && Math.abs(value) < 2 ** 63
        ? BigInt(Math.trunc(value))
        : fail("integer overflow"),
    "(duration) -> int": (value: Duration) => value.nanoseconds,
    "(string) -> int": (text: string) =>
      /^[+-]?\d{1,20}$/.test(text) ? int(BigInt(text.replace(/^\+/, ""))) : notConvertible("string", "int"),
    "(timestamp) -> int": (value: Timestamp) => floorDivide(value.nanoseconds, 1_000_000_000n),
    "(uint) -> int": (value: Uint) => int(value.value),
  },
  string: {
    "(string) -> string": same,
    "(bool) -> string": (value: boolean) => String(value),
    "(bytes) -> string": (value: Uint8Array) => {
      try {
        return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
      } catch {
        return fail("invalid UTF-8 in bytes, cannot convert to string");
      }
    },
    "(double) -> string": (value: number) => formatDouble(value),
    "(duration) -> string": (value: Duration) => formatSeconds(value.nanoseconds),
    "(int) -> string": (value: bigint) => String(value),
    "(timestamp) -> string": (value: Timestamp) => formatTimestamp(value.nanoseconds),
    "(uint) -> string": (value: Uint) => String(value.value),
  },
  timestamp: {
    "(timestamp) -> timestamp": same,
    "(int) -> timestamp": (seconds: bigint) => timestamp(seconds * 1_000_000_000n),
    "(string) -> timestamp": (text: string) => {
      const nanoseconds = readTimestamp(text);
      return nanoseconds === undefined
        ? notConvertible("string", "google.protobuf.Timestamp")
        : timestamp(nanoseconds);
    },
  },
  uint: {
    "(uint) -> uint": same,
    "(double) -> uint": (value: number) =>
      Number.isFinite(value) && value >= 0 && value < 2 ** 64
        ? uint(BigInt(Math.trunc(value)))
        : fail("unsigned integer overflow"),
    "(int) -> uint": (value: bigint) => uint(value),
    "(string) -> uint": (text: string) =>
      /^\d{1,20}$/.test(text) ? uint(BigInt(text)) : notConvertible("string", "uint"),
  },
};

function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value < 0n && value % divisor !== 0n ? quotient - 1n : quotient;
}

/** As Go's strconv has it with 'g' and the fewest digits: `1.5`, `1.234567e+06`, `1e-07`, `+Inf`. */
export function formatDouble(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "+Inf" : "-Inf";
  const [mantissa = "0", exponentText = "0"] = value.toExponential().split("e");
  const exponent = Number(exponentText);
  if (exponent >= -4 && exponent < 6) return plainDouble(value);
  const sign = exponent < 0 ? "-" : "+";
  return `${mantissa}e${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

/** Without an exponent, however small or large. */
export function plainDouble(value: number): string {
  const text = String(value);
  const match = /^(-?)(\d+)(?:\.(\d+))?e([+-]\d+)$/.exec(text);
  if (match === null) return text;
  const [, sign = "", whole = "", fraction = "", exponentText = "0"] = match;
  const exponent = Number(exponentText);
  const digits = whole + fraction;
  const point = whole.length + exponent;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

/** A duration as protobuf's JSON has it: `5400s`, `1.5s`. */
function formatSeconds(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? "-" : "";
  const value = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  const fraction = String(value % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${sign}${value / 1_000_000_000n}${fraction === "" ? "" : `.${fraction}`}s`;
}
