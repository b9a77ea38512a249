import { stringCharactersMax } from "./limits.ts";
import {
  ArrayList,
  compare,
  Duration,
  equal,
  Failure,
  fail,
  ListValue,
  MapValue,
  noSuchOverload,
  Optional,
  type Result,
  Timestamp,
  Uint,
  type Value,
} from "./values.ts";

const intMax = 2n ** 63n - 1n;
const intMin = -(2n ** 63n);
const uintMax = 2n ** 64n - 1n;

/** 0001-01-01 and 9999-12-31 in nanoseconds: timestamps outside are no timestamps. */
const timestampMin = -62_135_596_800_000_000_000n;
const timestampMax = 253_402_300_799_999_999_999n;

export function int(value: bigint): Result {
  return value > intMax || value < intMin ? fail("integer overflow") : value;
}

export function uint(value: bigint): Result {
  return value < 0n || value > uintMax ? fail("unsigned integer overflow") : new Uint(value);
}

export function duration(nanoseconds: bigint): Result {
  return nanoseconds > intMax || nanoseconds < intMin ? fail("duration overflow") : new Duration(nanoseconds);
}

export function timestamp(nanoseconds: bigint): Result {
  return nanoseconds < timestampMin || nanoseconds > timestampMax
    ? fail("timestamp overflow")
    : new Timestamp(nanoseconds);
}

type Operator = (a: Value, b: Value) => Result;

/** `in` and arithmetic, for whatever two values come: the checker has let through what may fit. */
export const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ["_==_", (a, b) => equal(a, b)],
  ["_!=_", (a, b) => !equal(a, b)],
  ["_<_", (a, b) => order(a, b, (by) => by < 0)],
  ["_<=_", (a, b) => order(a, b, (by) => by <= 0)],
  ["_>_", (a, b) => order(a, b, (by) => by > 0)],
  ["_>=_", (a, b) => order(a, b, (by) => by >= 0)],
  ["_+_", add],
  ["_-_", subtract],
  ["_*_", (a, b) => numeric(a, b, { big: (x, y) => x * y, double: (x, y) => x * y })],
  ["_/_", divide],
  ["_%_", remainder],
  ["!_", (a) => (typeof a === "boolean" ? !a : noSuchOverload)],
  ["-_", negate],
  ["@in", contains],
]);

function order(a: Value, b: Value, holds: (by: number) => boolean): Result {
  const by = compare(a, b);
  if (by === undefined) return noSuchOverload;
  return Number.isNaN(by) ? fail("NaN values cannot be ordered") : holds(by);
}

interface Arithmetic {
  readonly big: (x: bigint, y: bigint) => bigint;
  readonly double: (x: number, y: number) => number;
}

function numeric(a: Value, b: Value, { big, double }: Arithmetic): Result {
  if (typeof a === "bigint" && typeof b === "bigint") return int(big(a, b));
  if (typeof a === "number" && typeof b === "number") return double(a, b);
  if (a instanceof Uint && b instanceof Uint) return uint(big(a.value, b.value));
  return noSuchOverload;
}

function add(a: Value, b: Value): Result {
  if (typeof a === "string" && typeof b === "string") {
    return a.length + b.length > stringCharactersMax ? fail("string too long") : a + b;
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) {
    return a.length + b.length > stringCharactersMax ? fail("bytes too long") : Buffer.concat([a, b]);
  }
  if (a instanceof ListValue && b instanceof ListValue) return a.plus?.(b) ?? concatenate(a, b);
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanoseconds + b.nanoseconds);
  if (a instanceof Timestamp && b instanceof Duration) return timestamp(a.nanoseconds + b.nanoseconds);
  if (a instanceof Duration && b instanceof Timestamp) return timestamp(a.nanoseconds + b.nanoseconds);
  return numeric(a, b, { big: (x, y) => x + y, double: (x, y) => x + y });
}

function concatenate(a: ListValue, b: ListValue): Result {
  const elements: Value[] = [];
  for (const list of [a, b]) {
    for (let i = 0; i < list.size; i++) elements.push(list.at(i));
  }
  return new ArrayList(elements);
}

function subtract(a: Value, b: Value): Result {
  if (a instanceof Duration && b instanceof Duration) return duration(a.nanoseconds - b.nanoseconds);
  if (a instanceof Timestamp && b instanceof Duration) return timestamp(a.nanoseconds - b.nanoseconds);
  if (a instanceof Timestamp && b instanceof Timestamp) return duration(a.nanoseconds - b.nanoseconds);
  return numeric(a, b, { big: (x, y) => x - y, double: (x, y) => x - y });
}

function divide(a: Value, b: Value): Result {
  if (isZero(b)) return fail("division by zero");
  return numeric(a, b, { big: (x, y) => x / y, double: (x, y) => x / y });
}

function remainder(a: Value, b: Value): Result {
  if (typeof a === "number") return noSuchOverload;
  if (isZero(b)) return fail("modulus by zero");
  return numeric(a, b, { big: (x, y) => x % y, double: (x, y) => x % y });
}

function isZero(value: Value): boolean {
  return value === 0n || (value instanceof Uint && value.value === 0n);
}

function negate(a: Value): Result {
  if (typeof a === "bigint") return int(-a);
  return typeof a === "number" ? -a : noSuchOverload;
}

function contains(element: Value, within: Value): Result {
  if (within instanceof MapValue) return within.has(element);
  if (!(within instanceof ListValue)) return noSuchOverload;
  for (let i = 0; i < within.size; i++) if (equal(element, within.at(i))) return true;
  return false;
}

/** `target.field`, or whether it is there. */
export function select(target: Value, field: string, isTest: boolean): Result {
  if (target instanceof Optional) {
    if (isTest) return target.value !== undefined && select(target.value, field, true);
    return selectOptional(target, field);
  }
  if (!(target instanceof MapValue))
    return isTest || target === null ? noSuchKey(field, target) : noSuchOverload;
  if (isTest) return target.has(field);
  const value = target.get(field);
  return value === undefined ? fail(`no such key: ${field}`) : value;
}

/** has(x.y) of a null or of a value without fields. */
function noSuchKey(field: string, target: Value): Result {
  return target === null ? fail(`no such key: ${field}`) : noSuchOverload;
}

export function index(target: Value, key: Value): Result {
  if (target instanceof Optional) return indexOptional(target, key);
  if (target instanceof MapValue) {
    const value = target.get(key);
    return value === undefined ? fail(`no such key: ${keyName(key)}`) : value;
  }
  if (!(target instanceof ListValue)) return noSuchOverload;
  const at = listIndex(key);
  if (at === undefined) return fail(`unsupported index value ${keyName(key)} in list`);
  if (at >= 0 && at < target.size) return target.at(at);
  return target instanceof ArrayList
    ? fail(`index '${at}' out of range in list size '${target.size}'`)
    : fail(`index out of bounds: ${at}`);
}

function listIndex(key: Value): number | undefined {
  if (typeof key === "bigint") return Number(key);
  if (key instanceof Uint) return Number(key.value);
  return typeof key === "number" && Number.isInteger(key) ? key : undefined;
}

function keyName(key: Value): string {
  if (key instanceof Uint) return String(key.value);
  return typeof key === "object" && key !== null ? "" : String(key);
}

export function selectOptional(target: Value, field: Value): Result {
  const inner = target instanceof Optional ? target.value : target;
  if (inner === undefined || inner === null) return Optional.none;
  if (!(inner instanceof MapValue)) return noSuchOverload;
  return wrap(inner.get(field));
}

export function indexOptional(target: Value, key: Value): Result {
  const inner = target instanceof Optional ? target.value : target;
  if (inner === undefined) return Optional.none;
  if (inner instanceof MapValue) return wrap(inner.get(key));
  if (!(inner instanceof ListValue)) return noSuchOverload;
  const at = listIndex(key);
  return at === undefined || at < 0 || at >= inner.size ? Optional.none : new Optional(inner.at(at));
}

function wrap(value: Result | undefined): Result {
  if (value instanceof Failure) return value;
  return value === undefined ? Optional.none : new Optional(value);
}
