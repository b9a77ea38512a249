import { setOwn } from "../json.ts";
import { isJsonObject } from "../json-types.ts";
import type { Json, JsonObject } from "../object.ts";
import type { SchemaNode } from "../structure.ts";
import type { FieldSet } from "./field-set.ts";
import { fieldElement, itemElement, type PathElement } from "./path-element.ts";
import { asList, asMap, itemsByElement, memberSchema, shapeOf } from "./typed-value.ts";

/** `live` with everything that `applied` says; what it does not mention stays. Neither is changed, parts are shared. */
export function mergeApplied(
  live: Json | undefined,
  applied: Json | undefined,
  schema: SchemaNode | undefined,
): Json {
  if (applied === undefined) return live as Json;
  if (live === undefined) return applied;
  const shape = shapeOf(schema, applied);
  if (shape === "leaf" || shape !== shapeOf(schema, live)) return applied;
  if (shape === "map") return mergeMaps(asMap(live), asMap(applied), schema);
  return mergeLists(asList(live), asList(applied), schema as SchemaNode);
}

function mergeMaps(live: JsonObject, applied: JsonObject, schema: SchemaNode | undefined): JsonObject {
  const merged: JsonObject = {};
  for (const key in live) {
    setOwn(merged, key, mergeApplied(live[key], own(applied, key), memberSchema(schema, key)));
  }
  for (const key in applied) {
    if (!Object.hasOwn(live, key)) setOwn(merged, key, applied[key] as Json);
  }
  return merged;
}

function own(map: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/**
 * Items that only one side has and items that both have, in one order: the applied order for what is applied, and before each of these the live
 * items that stood before it. So an item that is new goes behind the live ones.
 */
function mergeLists(live: readonly Json[], applied: readonly Json[], schema: SchemaNode): Json[] {
  const liveByElement = itemsByElement(live, schema);
  const elementOf = (item: Json, i: number): PathElement => itemElement(schema, item).element ?? `i:${i}`;
  const liveElements = live.map(elementOf);
  const appliedElements = applied.map(elementOf);
  const isApplied = new Set(appliedElements);
  const done = new Set<PathElement>();
  const shared = appliedElements.filter((element) => liveByElement.has(element));
  const merged: Json[] = [];
  const takeApplied = (index: number): void => {
    const element = appliedElements[index] as PathElement;
    done.add(element);
    merged.push(mergeApplied(liveByElement.get(element)?.[0], applied[index], schema.items));
    if (shared[0] === element) shared.shift();
  };
  for (let l = 0, a = 0; l < live.length || a < applied.length; ) {
    const element = liveElements[l];
    if (element !== undefined && !isApplied.has(element)) {
      merged.push(live[l++] as Json);
    } else if (element !== undefined && element === appliedElements[a]) {
      takeApplied(a++);
      l++;
    } else if (element !== undefined && a < applied.length && shared.length > 0 && shared[0] !== element) {
      // Both have it, but the applied order puts another one of these first.
      l++;
    } else {
      if (element !== undefined && done.has(element)) l++;
      if (a < applied.length) takeApplied(a++);
    }
  }
  return merged;
}

/** `value` without the paths of a set. */
export function removeItems(value: Json, removed: FieldSet, schema: SchemaNode | undefined): Json {
  const shape = shapeOf(schema, value);
  if (shape === "map" && isJsonObject(value)) return removeMembers(value, removed, schema);
  if (shape === "list" && Array.isArray(value)) {
    const kept: Json[] = [];
    value.forEach((item, i) => {
      const element = itemElement(schema as SchemaNode, item).element ?? `i:${i}`;
      if (removed.has(element)) return;
      const below = removed.below(element);
      kept.push(below === undefined ? item : removeItems(item, below, schema?.items));
    });
    return kept.length === 0 ? null : kept;
  }
  return value;
}

function removeMembers(map: JsonObject, removed: FieldSet, schema: SchemaNode | undefined): Json {
  const kept: JsonObject = {};
  let count = 0;
  for (const key of Object.keys(map)) {
    const element = fieldElement(key);
    if (removed.has(element)) continue;
    const below = removed.below(element);
    const member = map[key] as Json;
    setOwn(kept, key, below === undefined ? member : removeItems(member, below, memberSchema(schema, key)));
    count++;
  }
  return count === 0 ? null : kept;
}
