import { goTypeName, isJsonObject, printGoSyntax, printGoValue } from "../json-types.ts";
import type { Json } from "../object.ts";
import type { SchemaNode } from "../structure.ts";
import { fieldElement, itemElement, type PathElement, printElement, printPath } from "./path-element.ts";

/** What keeps an applied configuration from being read through its schema; texts as structured-merge-diff's. */
export function typedErrors(value: Json, schema: SchemaNode): string[] {
  const errors: string[] = [];
  check(value, schema, [], errors);
  return errors;
}

/** How several errors are joined. */
export function joinTypedErrors(errors: readonly string[]): string {
  return errors.length === 1
    ? (errors[0] as string)
    : ["errors:", ...errors.map((error) => `  ${error}`)].join("\n");
}

function check(value: Json, schema: SchemaNode | undefined, path: PathElement[], errors: string[]): void {
  if (value === null || schema === undefined || schema.type === "any") return;
  const fail = (text: string): void => {
    errors.push(`${printPath(path)}: ${text}`);
  };
  switch (schema.type) {
    case "object":
      if (!isJsonObject(value)) fail(`expected map, got &{${printGoValue(value)}}`);
      else checkMembers(value, schema, path, errors);
      return;
    case "array":
      if (!Array.isArray(value)) fail(`expected list, got &{${printGoValue(value)}}`);
      else checkItems(value, schema, path, errors);
      return;
    case "string":
      if (typeof value !== "string")
        fail(`expected string, got &value.valueUnstructured{Value:${printGoSyntax(value)}}`);
      return;
    case "boolean":
      if (typeof value !== "boolean") fail(`expected boolean, got &{${printGoValue(value)}}`);
      return;
    default:
      if (typeof value !== "number" && typeof value !== "bigint") {
        fail(`expected numeric (int or float), got ${goTypeName(value)}`);
      }
  }
}

function checkMembers(
  value: { readonly [key: string]: Json },
  schema: SchemaNode,
  path: PathElement[],
  errors: string[],
): void {
  for (const key of Object.keys(value).sort()) {
    const member = schema.fields.get(key)?.node ?? schema.values;
    path.push(fieldElement(key));
    const isDeclared = member !== undefined || schema.preservesUnknown === true;
    if (isDeclared) check(value[key] as Json, member, path, errors);
    else errors.push(`${printPath(path)}: field not declared in schema`);
    path.pop();
    // Upstream looks no further in a map that has one such, which in its case is any of them.
    if (!isDeclared) return;
  }
}

function checkItems(list: readonly Json[], schema: SchemaNode, path: PathElement[], errors: string[]): void {
  const seen = new Set<PathElement>();
  for (const [i, item] of list.entries()) {
    let element: PathElement = `i:${i}`;
    if (schema.listType !== "atomic") {
      const named = itemElement(schema, item);
      if (named.element === undefined) {
        // What has no name cannot be looked into, and upstream stops at the first.
        errors.push(`${printPath(path)}: element ${i}: ${named.error}`);
        return;
      }
      element = named.element;
      if (seen.has(element))
        errors.push(`${printPath(path)}: duplicate entries for key ${printElement(element)}`);
      seen.add(element);
    }
    path.push(element);
    check(item, schema.items, path, errors);
    path.pop();
  }
}
