import type { CelType } from "./types.ts";

/**
 * CEL's values: int is a bigint, double a number, bytes a Uint8Array; strings, booleans and null are JavaScript's. An evaluation
 * that fails gives a Failure, which `||` and `&&` may absorb: failures are values, as in cel-go.
 */
export type Value =
  | null
  | boolean
  | bigint
  | number
  | string
  | Uint8Array
  | Uint
  | Timestamp
  | Duration
  | TypeValue
  | Optional
  | ListValue
  | MapValue
  | Opaque;

export type Result = Value | Failure;

/** Why an expression has no value. */
export class Failure {
  readonly message: string;
  constructor(message: string) {
    this.message = message;
  }
}

export function fail(message: string): Failure {
  return new Failure(message);
}

/** What a function says to values that it is not for. */
export const noSuchOverload = new Failure("no such overload");

export class Uint {
  readonly value: bigint;
  constructor(value: bigint) {
    this.value = value;
  }
}

/** Nanoseconds since 1970. */
export class Timestamp {
  readonly nanoseconds: bigint;
  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds;
  }
}

/** Nanoseconds. */
export class Duration {
  readonly nanoseconds: bigint;
  constructor(nanoseconds: bigint) {
    this.nanoseconds = nanoseconds;
  }
}

export class TypeValue {
  readonly type: CelType;
  constructor(type: CelType) {
    this.type = type;
  }
}

export class Optional {
  static readonly none = new Optional(undefined);
  readonly value: Value | undefined;
  constructor(value: Value | undefined) {
    this.value = value;
  }
}

export abstract class ListValue {
  abstract readonly size: number;
  /** @param index 0 ≤ index < size */
  abstract at(index: number): Value;
  /** Equality of its own (lists that are sets or maps); undefined for element by element. */
  equals?(other: ListValue): boolean;
  /** Concatenation of its own. */
  plus?(other: ListValue): ListValue;
}

export class ArrayList extends ListValue {
  readonly elements: readonly Value[];
  constructor(elements: readonly Value[]) {
    super();
    this.elements = elements;
  }
  get size(): number {
    return this.elements.length;
  }
  override at(index: number): Value {
    return this.elements[index] as Value;
  }
}

export abstract class MapValue {
  /** The name of the message type where it is one, for `type()`. */
  readonly typeName: string | undefined = undefined;
  abstract readonly size: number;
  /** A value that has to be computed first may fail. Undefined where there is none. */
  abstract get(key: Value): Result | undefined;
  abstract has(key: Value): boolean;
  abstract keys(): readonly Value[];
}

/** A map that an expression made: any keys, in the order given. */
export class LiteralMap extends MapValue {
  readonly entries: ReadonlyMap<string, readonly [Value, Value]>;
  constructor(entries: ReadonlyMap<string, readonly [Value, Value]>) {
    super();
    this.entries = entries;
  }
  get size(): number {
    return this.entries.size;
  }
  override get(key: Value): Value | undefined {
    const text = keyText(key);
    return text === undefined ? undefined : this.entries.get(text)?.[1];
  }
  override has(key: Value): boolean {
    const text = keyText(key);
    return text !== undefined && this.entries.has(text);
  }
  override keys(): readonly Value[] {
    return [...this.entries.values()].map(([key]) => key);
  }
}

/** Keys are equal if their texts are: numbers of all types share one line. Undefined for what cannot be a key. */
export function keyText(key: Value): string | undefined {
  if (typeof key === "string") return `s${key}`;
  if (typeof key === "bigint") return `n${key}`;
  if (key instanceof Uint) return `n${key.value}`;
  if (typeof key === "boolean") return `b${key}`;
  if (typeof key === "number" && Number.isInteger(key)) return `n${BigInt(key)}`;
  return undefined;
}

/** A value of a library: a quantity, an address, an authorizer. */
export abstract class Opaque {
  abstract readonly typeName: string;
  abstract equals(other: Opaque): boolean;
  /** What reading it costs: its bytes where it has any. */
  readonly size: number;
  constructor(size = 1) {
    this.size = size;
  }
}

/** The name of a value's type, as `type(x)` prints it. */
export function typeNameOf(value: Value): string {
  if (value === null) return "null_type";
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "double";
    case "string":
      return "string";
  }
  if (value instanceof Uint8Array) return "bytes";
  if (value instanceof Uint) return "uint";
  if (value instanceof Timestamp) return "google.protobuf.Timestamp";
  if (value instanceof Duration) return "google.protobuf.Duration";
  if (value instanceof TypeValue) return "type";
  if (value instanceof Optional) return "optional_type";
  if (value instanceof ListValue) return "list";
  if (value instanceof MapValue) return value.typeName ?? "map";
  return value.typeName;
}

/** Strings, bytes, lists and maps: characters, bytes, elements; 1 for all else. What operations on a value cost. */
export function sizeOf(value: Value): number {
  if (typeof value === "string") return characters(value);
  if (value instanceof Uint8Array) return value.length;
  if (value instanceof ListValue || value instanceof MapValue || value instanceof Opaque) return value.size;
  if (value instanceof Optional && value.value !== undefined) return sizeOf(value.value);
  return 1;
}

/** Code points of a string. */
export function characters(text: string): number {
  let count = text.length;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0xd800 && code < 0xdc00 && i + 1 < text.length) {
      const next = text.charCodeAt(i + 1);
      if (next >= 0xdc00 && next < 0xe000) {
        count--;
        i++;
      }
    }
  }
  return count;
}

/** Equality across all types; numbers of different types are equal if their values are. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a === null || b === null) return false;
  if (typeof a === "string" || typeof b === "string" || typeof a === "boolean" || typeof b === "boolean")
    return false;
  if (isNumber(a)) return isNumber(b) && compareNumbers(a, b) === 0;
  if (isNumber(b)) return false;
  if (a instanceof Uint8Array) return b instanceof Uint8Array && Buffer.compare(a, b) === 0;
  if (a instanceof Timestamp) return b instanceof Timestamp && a.nanoseconds === b.nanoseconds;
  if (a instanceof Duration) return b instanceof Duration && a.nanoseconds === b.nanoseconds;
  if (a instanceof TypeValue) return b instanceof TypeValue && a.type.name === b.type.name;
  if (a instanceof Optional) {
    if (!(b instanceof Optional)) return false;
    if (a.value === undefined || b.value === undefined) return a.value === b.value;
    return equal(a.value, b.value);
  }
  if (a instanceof ListValue) return b instanceof ListValue && equalLists(a, b);
  if (a instanceof MapValue) return b instanceof MapValue && equalMaps(a, b);
  return b instanceof Opaque && a instanceof Opaque && a.typeName === b.typeName && a.equals(b);
}

function equalLists(a: ListValue, b: ListValue): boolean {
  if (a.equals !== undefined) return a.equals(b);
  if (b.equals !== undefined) return b.equals(a);
  if (a.size !== b.size) return false;
  for (let i = 0; i < a.size; i++) if (!equal(a.at(i), b.at(i))) return false;
  return true;
}

function equalMaps(a: MapValue, b: MapValue): boolean {
  if (a.size !== b.size) return false;
  for (const key of a.keys()) {
    const left = a.get(key);
    const right = b.get(key);
    if (left === undefined || right === undefined) return false;
    if (left instanceof Failure || right instanceof Failure || !equal(left, right)) return false;
  }
  return true;
}

type NumberValue = bigint | number | Uint;

function isNumber(value: Value): value is NumberValue {
  return typeof value === "bigint" || typeof value === "number" || value instanceof Uint;
}

/** Negative, 0, positive; NaN where one is. JavaScript compares bigints with doubles exactly. */
function compareNumbers(a: NumberValue, b: NumberValue): number {
  const left = a instanceof Uint ? a.value : a;
  const right = b instanceof Uint ? b.value : b;
  if (left < right) return -1;
  if (left > right) return 1;
  // biome-ignore lint/suspicious/noDoubleEquals: a bigint and a double are compared by value.
  return left == right ? 0 : Number.NaN;
}

const encoder = new TextEncoder();

/** Order of strings by their bytes. */
function compareStrings(a: string, b: string): number {
  if (a === b) return 0;
  // Code units order as bytes do as long as there are no surrogates.
  if (/[\ud800-\udfff]/.test(a) || /[\ud800-\udfff]/.test(b)) {
    return Buffer.compare(encoder.encode(a), encoder.encode(b));
  }
  return a < b ? -1 : 1;
}

/** Undefined where the two have no order. */
export function compare(a: Value, b: Value): number | undefined {
  if (typeof a === "string" && typeof b === "string") return compareStrings(a, b);
  if (isNumber(a) && isNumber(b)) return compareNumbers(a, b);
  if (typeof a === "boolean" && typeof b === "boolean") return Number(a) - Number(b);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if (
    (a instanceof Timestamp && b instanceof Timestamp) ||
    (a instanceof Duration && b instanceof Duration)
  ) {
    return a.nanoseconds < b.nanoseconds ? -1 : a.nanoseconds > b.nanoseconds ? 1 : 0;
  }
  return undefined;
}
