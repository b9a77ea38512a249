import { deepEqual, parseDuration } from "../apimachinery/index.ts";
import { readTimestamp } from "./timestamps.ts";
import { type CelType, types } from "./types.ts";
import {
  ArrayList,
  Duration,
  equal,
  ListValue,
  MapValue,
  type Result,
  Timestamp,
  Uint,
  type Value,
} from "./values.ts";

const int64Max = 2n ** 63n;

/**
 * A decoded JSON value as expressions see it. Objects and lists are looked into only where an expression does; nothing is copied.
 * The type tells doubles from ints, and strings from times.
 */
export function fromJson(json: unknown, type: CelType = types.dyn): Value {
  switch (typeof json) {
    case "string":
      return fromText(json, type);
    case "number":
      if (type.kind === "double" || !Number.isInteger(json)) return json;
      return BigInt(json);
    case "bigint":
      return type.kind === "double" || json >= int64Max || json < -int64Max ? Number(json) : json;
    case "boolean":
      return json;
    case "object":
      if (json === null) return null;
      if (Array.isArray(json)) {
        return type.list === undefined
          ? new JsonList(json, type.params[0] ?? types.dyn)
          : new KeyedList(json, type.params[0] ?? types.dyn, type.list);
      }
      return new JsonMap(json as Readonly<Record<string, unknown>>, type);
    default:
      return null;
  }
}

/** What schemas have not checked stays a string. */
function fromText(text: string, type: CelType): Value {
  switch (type.kind) {
    case "timestamp": {
      const nanoseconds = readTimestamp(text.length === 10 ? `${text}T00:00:00Z` : text);
      return nanoseconds === undefined ? text : new Timestamp(nanoseconds);
    }
    case "duration": {
      const nanoseconds = parseDuration(text);
      return nanoseconds === undefined ? text : new Duration(nanoseconds);
    }
    case "bytes":
      return new Uint8Array(Buffer.from(text, "base64"));
    default:
      return text;
  }
}

class JsonList extends ListValue {
  readonly json: readonly unknown[];
  readonly element: CelType;
  constructor(json: readonly unknown[], element: CelType) {
    super();
    this.json = json;
    this.element = element;
  }
  override get size(): number {
    return this.json.length;
  }
  override at(index: number): Value {
    return fromJson(this.json[index], this.element);
  }
}

/** A list whose elements are a set, or known by some of their fields: order does not count, and adding replaces. */
class KeyedList extends JsonList {
  readonly #kind: NonNullable<CelType["list"]>;

  constructor(json: readonly unknown[], element: CelType, kind: NonNullable<CelType["list"]>) {
    super(json, element);
    this.#kind = kind;
  }

  #isSame(a: unknown, b: unknown): boolean {
    if (this.#kind.type === "set") return equal(fromJson(a, this.element), fromJson(b, this.element));
    const left = (a ?? {}) as Record<string, unknown>;
    const right = (b ?? {}) as Record<string, unknown>;
    return this.#kind.keys.every((key) => deepEqual(left[key], right[key]));
  }

  override equals(other: ListValue): boolean {
    if (other.size !== this.size) return false;
    if (!(other instanceof JsonList)) return this.#equalsAny(other);
    return this.json.every((item) => {
      const match = other.json.find((each) => this.#isSame(item, each));
      return match !== undefined && equal(fromJson(item, this.element), fromJson(match, this.element));
    });
  }

  #equalsAny(other: ListValue): boolean {
    const left = Array.from({ length: this.size }, (_, at) => this.at(at));
    const right = Array.from({ length: other.size }, (_, at) => other.at(at));
    return left.every((a) => right.some((b) => equal(a, b)));
  }

  override plus(other: ListValue): ListValue {
    if (other instanceof JsonList) {
      const merged = [...this.json];
      for (const item of other.json) {
        const at = merged.findIndex((each) => this.#isSame(each, item));
        if (at === -1) merged.push(item);
        else if (this.#kind.type === "map") merged[at] = item;
      }
      return new KeyedList(merged, this.element, this.#kind);
    }
    const elements = Array.from({ length: this.size }, (_, at) => this.at(at));
    for (let i = 0; i < other.size; i++) {
      const item = other.at(i);
      if (!elements.some((each) => equal(each, item))) elements.push(item);
    }
    return new ArrayList(elements);
  }
}

class JsonMap extends MapValue {
  override readonly typeName: string | undefined;
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #type: CelType;

  constructor(json: Readonly<Record<string, unknown>>, type: CelType) {
    super();
    this.#json = json;
    this.#type = type;
    this.typeName = type.kind === "message" ? type.name : undefined;
  }

  override get size(): number {
    return Object.keys(this.#json).length;
  }

  override get(key: Value): Value | undefined {
    if (typeof key !== "string") return undefined;
    let property = key;
    let type = types.dyn;
    if (this.#type.kind === "message") {
      const field = this.#type.fields?.().get(key);
      if (field === undefined) return undefined;
      property = field.property;
      type = field.type;
    } else if (this.#type.kind === "map") type = this.#type.params[1] ?? types.dyn;
    const value = Object.hasOwn(this.#json, property) ? this.#json[property] : undefined;
    return value === undefined ? undefined : fromJson(value, type);
  }

  override has(key: Value): boolean {
    return this.get(key) !== undefined;
  }

  override keys(): readonly Value[] {
    return Object.keys(this.#json).filter((key) => this.#json[key] !== undefined);
  }
}

/** A value as JSON; undefined where it has none (types, opaque values). */
export function toJson(value: Result): unknown {
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Uint) return value.value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString("base64");
  if (value instanceof ListValue) return Array.from({ length: value.size }, (_, at) => toJson(value.at(at)));
  if (value instanceof MapValue) {
    const entries = value.keys().map((key) => [String(key), toJson(value.get(key) ?? null)] as const);
    return Object.fromEntries(entries);
  }
  return undefined;
}

/** A map of the text keys given, whose values are computed when first asked for. */
export class LazyMap extends MapValue {
  override readonly typeName: string;
  readonly #compute: ReadonlyMap<string, () => Result>;
  readonly #known = new Map<string, Result>();

  constructor(typeName: string, compute: ReadonlyMap<string, () => Result>) {
    super();
    this.typeName = typeName;
    this.#compute = compute;
  }

  override get size(): number {
    return this.#compute.size;
  }

  override get(key: Value): Result | undefined {
    if (typeof key !== "string") return undefined;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const value = this.#compute.get(key)?.();
    if (value !== undefined) this.#known.set(key, value);
    return value;
  }

  override has(key: Value): boolean {
    return typeof key === "string" && this.#compute.has(key);
  }

  override keys(): readonly Value[] {
    return [...this.#compute.keys()];
  }
}
