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
  for (const key of new Set([...Object.keys(live), ...Object.keys(applied)])) {
    setOwn(merged, key, mergeApplied(own(live, key), own(applied, key), memberSchema(schema, key)));
  }
  return merged;
}

function own(map: JsonObject, key: string): Json | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/**
 * Applied items in the applied order; a live item of its own stands where it stood among the live ones, before the next one that
 * both have.
 */
function mergeLists(live: readonly Json[], applied: readonly Json[], schema: SchemaNode): Json[] {
  const liveByElement = itemsByElement(live, schema);
  const appliedElements = applied.map((item, i) => itemElement(schema, item).element ?? `i:${i}`);
  const isApplied = new Set(appliedElements);
  const merged: Json[] = [];
  const liveOrder = [...liveByElement.keys()];
  let next = 0;
  const takeLiveOnly = (until: PathElement | undefined): void => {
    while (next < liveOrder.length && liveOrder[next] !== until) {
      const element = liveOrder[next++] as PathElement;
      if (!isApplied.has(element)) merged.push(...(liveByElement.get(element) as Json[]));
      else if (until === undefined) continue;
      else {
        // A shared item that the applied order puts later: live items behind it keep following it.
        next--;
        return;
      }
    }
    if (until !== undefined) next++;
  };
  applied.forEach((item, i) => {
    const element = appliedElements[i] as PathElement;
    const counterpart = liveByElement.get(element);
    if (counterpart !== undefined && liveOrder.indexOf(element) >= next) takeLiveOnly(element);
    merged.push(mergeApplied(counterpart?.[0], item, schema.items));
  });
  takeLiveOnly(undefined);
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
      if (removed.members.has(element)) return;
      const below = removed.children.get(element);
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
    if (removed.members.has(element)) continue;
    const below = removed.children.get(element);
    const member = map[key] as Json;
    setOwn(kept, key, below === undefined ? member : removeItems(member, below, memberSchema(schema, key)));
    count++;
  }
  return count === 0 ? null : kept;
}
