import {
  type FieldError,
  field,
  type Json,
  type JsonObject,
  stringifyJson,
} from "../../apimachinery/index.ts";
import type { CustomNode } from "./custom-node.ts";
import { childPath } from "./pruning.ts";

/** Repeated items of sets and repeated keys of list maps, everywhere in an object. */
export function listTypeProblems(object: JsonObject, node: CustomNode): FieldError[] {
  const problems: FieldError[] = [];
  visitMap(object, node, "", problems);
  return problems;
}

function visitMap(object: JsonObject, node: CustomNode, path: string, problems: FieldError[]): void {
  const { values, properties } = node;
  for (const [key, value] of Object.entries(object)) {
    const member = properties.get(key);
    if (member !== undefined) visit(value, member, childPath(path, key), problems);
    else if (values !== undefined) visit(value, values, `${path}[${key}]`, problems);
  }
}

function visit(value: Json, node: CustomNode, path: string, problems: FieldError[]): void {
  if (typeof value !== "object" || value === null) return;
  if (!Array.isArray(value)) return visitMap(value, node, path, problems);
  if (node.listType === "set") {
    for (const index of repeated(value)) problems.push(field.duplicate(`${path}[${index}]`, value[index]));
  } else if (node.listType === "map") {
    problems.push(...mapProblems(value, node.listKeys, path));
  }
  const { items } = node;
  if (items !== undefined)
    value.forEach((item, index) => {
      visit(item, items, `${path}[${index}]`, problems);
    });
}

/** Where a value stands for the second time; a third time is not told again. */
function repeated(list: readonly Json[]): number[] {
  const times = new Map<string, number>();
  const indexes: number[] = [];
  list.forEach((item, index) => {
    const text = stringifyJson(item);
    const seen = (times.get(text) ?? 0) + 1;
    times.set(text, seen);
    if (seen === 2) indexes.push(index);
  });
  return indexes;
}

function mapProblems(list: readonly Json[], keys: readonly string[], path: string): FieldError[] {
  const identities: JsonObject[] = [];
  for (const [index, item] of list.entries()) {
    if (item !== null && (typeof item !== "object" || Array.isArray(item)))
      return [field.invalid(`${path}[${index}]`, item, "must be an object for an array of list-type map")];
    const identity: JsonObject = {};
    // In the order in which Go prints them.
    for (const key of [...keys].sort()) {
      if (item !== null && Object.hasOwn(item, key)) identity[key] = item[key] as Json;
    }
    identities.push(identity);
  }
  return repeated(identities).map((index) => field.duplicate(`${path}[${index}]`, identities[index]));
}
