import type { Json, JsonObject } from "../apimachinery/index.ts";
import { explainMismatch } from "./decode-errors.ts";
import type { TypeNode } from "./types.ts";

/**
 * What upstream says of a value that does not fit where it does not read JSON text but converts what it has read already, as after a
 * strategic merge patch (k8s.io/apimachinery/pkg/runtime.DefaultUnstructuredConverter): the first error in the order of Go's
 * fields, without a path. Undefined: everything fits.
 */
export function explainConversion(type: TypeNode, value: Json): string | undefined {
  if (value === null) return undefined;
  const kind = kindOf(value);
  switch (type.codec) {
    case "struct":
      return kind === "map"
        ? explainFields(type, value as JsonObject)
        : `cannot restore struct from: ${kind}`;
    case "map":
      if (kind !== "map") return `cannot restore map from ${kind}`;
      return first(Object.values(value as JsonObject), type.values as TypeNode);
    case "list":
      if (!Array.isArray(value)) return `cannot restore slice from ${kind}`;
      return first(value, type.items as TypeNode);
    case "bytes":
      if (kind !== "string") return `cannot restore slice from ${kind}`;
      return fits(type, value) ? undefined : `error decoding from json: ${explainMismatch(type, value)}`;
    case "string":
      if (kind === "string") return undefined;
      // Go converts integers to strings of one character, which the converter does not take for the same.
      return kind === "int64" ? cannotConvert(kind, type) : "unrecognized type: string";
    case "bool":
      return kind === "bool" ? undefined : "unrecognized type: bool";
    case "int32":
    case "int64":
      if (kind === "int64") return undefined;
      return kind === "float64" ? cannotConvert(kind, type) : `unrecognized type: ${type.codec}`;
    case "float":
      return kind === "int64" || kind === "float64" ? undefined : "unrecognized type: float64";
    default:
      return fits(type, value) ? undefined : explainMismatch(type, value);
  }
}

function explainFields(type: TypeNode, value: JsonObject): string | undefined {
  for (const [name, { node }] of type.fields) {
    if (!Object.hasOwn(value, name)) continue;
    const problem = explainConversion(node, value[name] as Json);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function first(values: readonly Json[], type: TypeNode): string | undefined {
  for (const value of values) {
    const problem = explainConversion(type, value);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

/** Types that read themselves say the same either way. */
function fits(type: TypeNode, value: Json): boolean {
  return explainMismatch(type, value) === explainMismatch(type, null);
}

const cannotConvert = (kind: string, { goType }: TypeNode): string => `cannot convert ${kind} to ${goType}`;

/** Go's kind of a value that was read from JSON. */
function kindOf(value: Json): string {
  if (Array.isArray(value)) return "slice";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return "int64";
    case "number":
      return Number.isInteger(value) ? "int64" : "float64";
    default:
      return "map";
  }
}
