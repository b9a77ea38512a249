import { quoteGo } from "../field.ts";
import { stringifyJson } from "../json.ts";
import { isJsonObject } from "../json-types.ts";
import type { Json } from "../object.ts";
import type { SchemaNode } from "../structure.ts";

/**
 * One step into an object, written as FieldsV1 writes it: `f:name` a field or map key, `k:{…}` the item of a keyed list with these
 * keys, `v:…` the item of a set, `i:N` an index.
 */
export type PathElement = string;

export function fieldElement(name: string): PathElement {
  return `f:${name}`;
}

export function fieldName(element: PathElement): string | undefined {
  return element.startsWith("f:") ? element.slice(2) : undefined;
}

/** What names an item in its list: its keys, or its value. Undefined, with why, where it has no such name. */
export function itemElement(
  list: SchemaNode,
  item: Json,
): { readonly element: PathElement } | { readonly element: undefined; readonly error: string } {
  if (list.listType === "set") {
    if (typeof item === "object" && item !== null) {
      return { element: undefined, error: "associative list without keys has an element that's a map type" };
    }
    return { element: `v:${stringifyJson(item)}` };
  }
  if (!isJsonObject(item)) {
    return { element: undefined, error: "associative list with keys may not have non-map elements" };
  }
  const keys: Record<string, Json> = {};
  let found = false;
  for (const key of sortedKeys(list)) {
    const given = Object.hasOwn(item, key) ? item[key] : undefined;
    const value = given ?? (list.items?.fields.get(key)?.default as Json | undefined);
    if (value === undefined) continue;
    keys[key] = value;
    found = true;
  }
  if (!found) {
    return {
      element: undefined,
      error: `associative list with keys has an element that omits all key fields ${printKeys(list.listKeys)} (and doesn't have default values for any key fields)`,
    };
  }
  return { element: `k:${stringifyJson(keys)}` };
}

const keysInOrder = new WeakMap<SchemaNode, readonly string[]>();

function sortedKeys(list: SchemaNode): readonly string[] {
  let keys = keysInOrder.get(list);
  if (keys === undefined) {
    keys = [...list.listKeys].sort();
    keysInOrder.set(list, keys);
  }
  return keys;
}

function printKeys(keys: readonly string[]): string {
  return `[${keys.map(quoteGo).join(" ")}]`;
}

/** A path as conflicts name it: `.spec.containers[name="app"].image`. */
export function printPath(path: readonly PathElement[]): string {
  return path.map(printElement).join("");
}

export function printElement(element: PathElement): string {
  const content = element.slice(2);
  switch (element[0]) {
    case "f":
      return `.${content}`;
    case "k": {
      const keys = JSON.parse(content) as Record<string, Json>;
      const pairs = Object.entries(keys).map(([key, value]) => `${key}=${printScalar(value)}`);
      return `[${pairs.join(",")}]`;
    }
    case "v":
      return `[=${printScalar(JSON.parse(content) as Json)}]`;
    default:
      return `[${content}]`;
  }
}

function printScalar(value: Json): string {
  return typeof value === "string" ? quoteGo(value) : stringifyJson(value);
}

const kindOrder = "fkvi";

/** Fields before keys before values before indices, each sorted. */
export function comparePathElements(a: PathElement, b: PathElement): number {
  if (a[0] !== b[0]) return kindOrder.indexOf(a.charAt(0)) - kindOrder.indexOf(b.charAt(0));
  return a < b ? -1 : a > b ? 1 : 0;
}
