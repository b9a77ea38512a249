import { JsonError, JsonScanner, readNumber } from "./json-scanner.ts";
import type { Json } from "./object.ts";
import { setOwn } from "./own.ts";

export { JsonError, setOwn };

/** The request body limit bounds bytes; depth is what recursive readers of the value need bounded. */
const depthMaxDefault = 1_000;

export interface ParseJsonOptions {
  /**
   * Called with the path (`spec.replicas`, `items[0].name`) of every key that stands twice in one object; of its values objects are
   * merged, of others the last wins, as in Go. Without it the last value wins outright.
   */
  readonly onDuplicate?: (path: string) => void;
  readonly depthMax?: number;
}

/** Reviver context of JSON.parse with source text access (ECMA-262, 2025). */
interface ReviverContext {
  readonly source?: string;
}

/**
 * JSON text to values. Integers that a double cannot hold become bigint, so that 64 bits survive; keys such as
 * `__proto__` are plain own properties.
 * @throws JsonError with Go's words
 */
export function parseJson(text: string, options: ParseJsonOptions = {}): Json {
  const depthMax = options.depthMax ?? depthMaxDefault;
  let value: Json;
  try {
    value = parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    new JsonScanner(text, depthMax).read();
    throw new JsonError(error.message);
  }
  if (mayBeDeeperThan(text, depthMax) && isDeeperThan(value, depthMax))
    throw new JsonError("exceeded max depth");
  if (options.onDuplicate !== undefined && countKeyColons(text) !== countKeys(value)) {
    const { onDuplicate } = options;
    const onKey = (path: string, isRepeated: boolean): void => {
      if (isRepeated) onDuplicate(path);
    };
    return new JsonScanner(text, depthMax, onKey).read();
  }
  return value;
}

/** Calls `visit` with the path of every key of a text that parseJson has read, in their order. */
export function visitKeys(text: string, visit: (path: string, isRepeated: boolean) => void): void {
  new JsonScanner(text, depthMaxDefault, visit).read();
}

function parse(text: string): Json {
  // A reviver makes parsing several times slower; only long runs of digits need one.
  if (!/\d{16}/.test(text)) return JSON.parse(text) as Json;
  const reviver = (_key: string, value: unknown, context?: ReviverContext): unknown =>
    typeof value === "number" && context?.source !== undefined ? readNumber(context.source) : value;
  return JSON.parse(text, reviver as (key: string, value: unknown) => unknown) as Json;
}

/** Each level opens a bracket and closes it, so a text of few characters or few brackets cannot be too deep. Cheaper than a walk. */
function mayBeDeeperThan(text: string, depth: number): boolean {
  if (text.length <= 2 * depth) return false;
  let left = depth;
  for (const bracket of ["{", "["]) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1))
      if (--left < 0) return true;
  }
  return false;
}

function isDeeperThan(value: Json, depth: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (depth === 0) return true;
  for (const key in value)
    if (isDeeperThan((value as Record<string, Json>)[key] as Json, depth - 1)) return true;
  return false;
}

/** Keys in a valid text: colons outside of strings. */
function countKeyColons(text: string): number {
  let colons = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (inString) {
      if (code === 0x5c) i++;
      else if (code === 0x22) inString = false;
    } else if (code === 0x22) inString = true;
    else if (code === 0x3a) colons++;
  }
  return colons;
}

function countKeys(value: Json): number {
  if (typeof value !== "object" || value === null) return 0;
  let keys = 0;
  if (Array.isArray(value)) for (const item of value) keys += countKeys(item);
  else for (const key in value) keys += 1 + countKeys(value[key] as Json);
  return keys;
}

/** Values to JSON text. Bigints are written as integers; undefined members are left out. */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "null";
  } catch (error) {
    // The only cheap way to learn that a bigint is in there.
    if (!(error instanceof TypeError)) throw error;
    return (
      JSON.stringify(value, (_key, inner) => (typeof inner === "bigint" ? rawJson(String(inner)) : inner)) ??
      "null"
    );
  }
}

/** JSON.rawJSON (ECMA-262, 2025), which TypeScript's library does not know yet. */
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/**
 * Equality of two JSON values as apimachinery's equality.Semantic has it for decoded objects: an absent, null or empty list
 * equals another; an empty object is not an absent one.
 */
export function deepEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (isAbsent(a)) return isAbsent(b);
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a)) {
    if (!Array.isArray(b) || a.length !== b.length) return false;
    for (let i = 0; i < a.length; i++) if (!deepEqual(a[i], b[i])) return false;
    return true;
  }
  if (Array.isArray(b)) return false;
  const left = a as Record<string, unknown>;
  const right = b as Record<string, unknown>;
  for (const key in left) {
    if (!deepEqual(left[key], Object.hasOwn(right, key) ? right[key] : undefined)) return false;
  }
  for (const key in right) if (!Object.hasOwn(left, key) && !isAbsent(right[key])) return false;
  return true;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** A copy that shares nothing. For JSON values; several times faster than structuredClone. */
export function deepClone<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(deepClone) as T;
  const copy: Record<string, unknown> = {};
  for (const key in value) setOwn(copy, key, deepClone(value[key]));
  return copy as T;
}
