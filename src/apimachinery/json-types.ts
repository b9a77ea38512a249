import type { Json, JsonObject } from "./object.ts";

/** encoding/json's name for the type of a value. */
export function jsonTypeName(value: Json): "null" | "array" | "object" | "string" | "bool" | "number" {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "object":
      return "object";
    default:
      return "number";
  }
}

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A decoded JSON value as Go's `%v` prints it: `map[a:1 b:[x y]]`, nil as `<nil>`. */
export function printGoValue(value: Json): string {
  if (value === null) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(printGoValue).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const members = Object.keys(value).sort();
  return `map[${members.map((key) => `${key}:${printGoValue(value[key] as Json)}`).join(" ")}]`;
}

/** The same as Go's `%#v` prints it: `map[string]interface {}{"a":1, "b":[]interface {}{"x"}}`. */
export function printGoSyntax(value: Json): string {
  if (value === null) return "interface {}(nil)";
  if (Array.isArray(value)) return `[]interface {}{${value.map(printGoSyntax).join(", ")}}`;
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value !== "object") return String(value);
  const members = Object.keys(value).sort();
  const shown = members.map((key) => `${JSON.stringify(key)}:${printGoSyntax(value[key] as Json)}`);
  return `map[string]interface {}{${shown.join(", ")}}`;
}

/** reflect's name for the type of a decoded JSON value. */
export function goTypeName(value: Json): string {
  switch (jsonTypeName(value)) {
    case "null":
      return "%!s(<nil>)";
    case "array":
      return "[]interface {}";
    case "object":
      return "map[string]interface {}";
    case "number":
      return Number.isInteger(value) || typeof value === "bigint" ? "int64" : "float64";
    default:
      return typeof value === "boolean" ? "bool" : "string";
  }
}
