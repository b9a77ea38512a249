import { goTypeName, type Json, type JsonObject, printGoValue, setOwn } from "../../apimachinery/index.ts";

/** A value on a path such as `.spec.replicas` is of another type than it has to be; unstructured's words. */
export class AccessorError extends Error {
  override readonly name = "AccessorError";
}

function stepsOf(path: string): string[] {
  return path.replace(/^\./, "").split(".");
}

function nested(object: JsonObject, path: string): Json | undefined {
  let value: Json = object;
  const steps = stepsOf(path);
  for (const [index, step] of steps.entries()) {
    if (value === null) return undefined;
    if (typeof value !== "object" || Array.isArray(value)) {
      const at = steps.slice(0, index + 1).join(".");
      throw new AccessorError(`.${at} accessor error: ${described(value)}, expected map[string]interface{}`);
    }
    if (!Object.hasOwn(value, step)) return undefined;
    value = value[step] as Json;
  }
  return value;
}

const described = (value: Json): string => `${printGoValue(value)} is of the type ${goTypeName(value)}`;

/** Undefined where there is none. @throws AccessorError */
export function nestedInteger(object: JsonObject, path: string): number | bigint | undefined {
  const value = nested(object, path);
  if (value === undefined || typeof value === "bigint") return value;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  throw new AccessorError(`.${stepsOf(path).join(".")} accessor error: ${described(value)}, expected int64`);
}

/** Undefined where there is none. @throws AccessorError */
export function nestedText(object: JsonObject, path: string): string | undefined {
  const value = nested(object, path);
  if (value === undefined || typeof value === "string") return value;
  throw new AccessorError(`.${stepsOf(path).join(".")} accessor error: ${described(value)}, expected string`);
}

/** A copy of an object with a value set; maps on the way are made where they are missing. @throws AccessorError */
export function withNested(object: JsonObject, path: string, value: Json): JsonObject {
  const [step = "", ...rest] = stepsOf(path);
  const copy = { ...object };
  if (rest.length === 0) {
    setOwn(copy, step, value);
    return copy;
  }
  const inner = Object.hasOwn(object, step) ? (object[step] as Json) : {};
  if (typeof inner !== "object" || inner === null || Array.isArray(inner))
    throw new AccessorError(`value cannot be set because .${step} is not a map[string]interface{}`);
  setOwn(copy, step, withNested(inner, rest.join("."), value));
  return copy;
}
