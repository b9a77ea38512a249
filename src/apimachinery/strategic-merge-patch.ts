import { badRequest, plainError, unprocessablePatch } from "./errors.ts";
import { deepClone, setOwn } from "./json.ts";
import { goTypeName, isJsonObject, jsonTypeName, printGoValue } from "./json-types.ts";
import type { Json, JsonObject } from "./object.ts";
import {
  deleteFromPrimitives,
  inServerOrder,
  keyedItem,
  noMergeKey,
  partitionByPresence,
  uniqueScalars,
} from "./strategic-merge-lists.ts";
import type { SchemaField, SchemaNode } from "./structure.ts";

/**
 * Strategic merge patch (k8s.io/apimachinery/pkg/util/strategicpatch): a merge patch that knows from the schema which lists are
 * merged by a key, and takes directives:
 *
 *   $patch: replace | delete        on an object, or on an item of a keyed list
 *   $retainKeys: [...]              drop members that are not listed
 *   $deleteFromPrimitiveList/NAME   remove these values from a list of scalars
 *   $setElementOrder/NAME           order of the items afterwards
 */

const patchMarker = "$patch";
const retainKeysMarker = "$retainKeys";
const deletePrefix = "$deleteFromPrimitiveList";
const orderPrefix = "$setElementOrder";

/** Neither argument is changed. @throws StatusError as the API server answers */
export function applyStrategicMergePatch(document: JsonObject, patch: Json, schema: SchemaNode): JsonObject {
  if (!isJsonObject(patch) && patch !== null) {
    throw badRequest(
      `json: cannot unmarshal ${jsonTypeName(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return mergeObject(deepClone(document), deepClone(patch ?? {}), schema);
}

/** Consumes both arguments. */
function mergeObject(original: JsonObject, patch: JsonObject, schema: SchemaNode | undefined): JsonObject {
  if (Object.hasOwn(patch, patchMarker)) return applyPatchMarker(patch);
  applyRetainKeys(original, patch);
  applyElementOrders(original, patch, schema);
  for (const key of Object.keys(patch)) {
    const isDeletion = key.startsWith(deletePrefix);
    mergeMember(
      original,
      isDeletion ? nameAfter(key, deletePrefix) : key,
      patch[key] as Json,
      schema,
      isDeletion,
    );
  }
  return original;
}

function mergeMember(
  original: JsonObject,
  key: string,
  change: Json,
  schema: SchemaNode | undefined,
  isDeletion: boolean,
): void {
  if (change === null) {
    delete original[key];
    return;
  }
  const current = Object.hasOwn(original, key) ? (original[key] as Json) : undefined;
  if (current === undefined || jsonTypeName(current) !== jsonTypeName(change)) {
    if (!isDeletion) setUnlessDeleted(original, key, withoutNulls(change));
    return;
  }
  const field = schema?.fields.get(key);
  if (isJsonObject(current) && isJsonObject(change)) {
    const node = field?.node ?? schema?.values;
    setOwn(original, key, strategyOf(field) === "replace" ? change : mergeObject(current, change, node));
  } else if (Array.isArray(current) && Array.isArray(change)) {
    setOwn(original, key, mergeList(current, change, field, isDeletion));
  } else setUnlessDeleted(original, key, change);
}

function setUnlessDeleted(target: JsonObject, key: string, change: Json): void {
  const kept = withoutDirectives(change);
  if (kept === undefined) delete target[key];
  else setOwn(target, key, kept);
}

function applyPatchMarker(patch: JsonObject): JsonObject {
  const directive = patch[patchMarker] as Json;
  if (directive === "delete") return {};
  if (directive !== "replace") throw badPatchType(directive, patch);
  delete patch[patchMarker];
  return patch;
}

function badPatchType(directive: Json, patch: JsonObject): Error {
  return plainError(`unknown patch type: ${printGoValue(directive)} in map: ${printGoValue(patch)}`);
}

function applyRetainKeys(original: JsonObject, patch: JsonObject): void {
  if (!Object.hasOwn(patch, retainKeysMarker)) return;
  const listed = patch[retainKeysMarker];
  delete patch[retainKeysMarker];
  if (!Array.isArray(listed)) throw badRequest("invalid patch format of retainKeys");
  const kept = new Set<Json>(listed);
  for (const key of Object.keys(patch)) {
    if (patch[key] === null || key.startsWith(deletePrefix) || key.startsWith(orderPrefix)) continue;
    if (!kept.has(key)) throw badRequest("invalid patch format of retainKeys");
  }
  for (const key of Object.keys(original)) if (!kept.has(key)) delete original[key];
}

/** `args` of `$deleteFromPrimitiveList/args`. */
function nameAfter(key: string, prefix: string): string {
  if (key[prefix.length] === "/") return key.slice(prefix.length + 1);
  throw badRequest(
    `invalid patch format of ${prefix === deletePrefix ? "primitive list" : "setElementOrder list"}`,
  );
}

/** Merges the lists that have an order directive here, and takes them out of the patch. */
function applyElementOrders(original: JsonObject, patch: JsonObject, schema: SchemaNode | undefined): void {
  for (const key of Object.keys(patch).filter((name) => name.startsWith(orderPrefix))) {
    const order = patch[key] as Json;
    delete patch[key];
    const name = nameAfter(key, orderPrefix);
    const current = listMember(original, name);
    const change = listMember(patch, name);
    if (!Array.isArray(order)) throw badArgumentType(order);
    const field = schema?.fields.get(name);
    const mergeKey = field?.patchMergeKey;
    checkOrderListed(change ?? [], order, mergeKey);
    if (current === undefined && change === undefined) continue;
    let merged: Json[];
    if (change === undefined) merged = current as Json[];
    else if (current === undefined) merged = withoutDirectives(change) as Json[];
    else merged = mergeList(current, change, field, false);
    const { present, absent } = partitionByPresence(merged, order, mergeKey);
    setOwn(
      original,
      name,
      inServerOrder({
        patched: present,
        kept: absent,
        patchOrder: order,
        serverOrder: current ?? [],
        mergeKey,
      }),
    );
    delete patch[name];
  }
}

function listMember(holder: JsonObject, name: string): Json[] | undefined {
  const list = Object.hasOwn(holder, name) ? (holder[name] as Json) : undefined;
  if (list === undefined || Array.isArray(list)) return list;
  throw badArgumentType(list);
}

function badArgumentType(found: Json): Error {
  return plainError(`expected a []interface {}, but received a ${goTypeName(found)}`);
}

/** What the patch changes must be listed in the order, in that order. */
function checkOrderListed(
  change: readonly Json[],
  order: readonly Json[],
  mergeKey: string | undefined,
): void {
  if (change.length === 0 || order.length === 0) return;
  const listed = change.filter((item) => !(isJsonObject(item) && Object.hasOwn(item, patchMarker)));
  let next = 0;
  for (const place of order) {
    if (next === listed.length) return;
    if (keyedItem(listed[next] as Json, mergeKey) === keyedItem(place, mergeKey)) next++;
  }
  if (next < listed.length) {
    throw plainError(
      `The order in patch list:\n${printGoValue([...change])}\n doesn't match ${orderPrefix} list:\n${printGoValue([...order])}\n`,
    );
  }
}

/** The strategy of a list or object; retainKeys is announced by the patch itself. */
function strategyOf(field: SchemaField | undefined): string | undefined {
  return field?.patchStrategy.find((strategy) => strategy !== "retainKeys");
}

function mergeList(
  current: Json[],
  change: Json[],
  field: SchemaField | undefined,
  isDeletion: boolean,
): Json[] {
  if (!isDeletion && strategyOf(field) !== "merge") return change;
  if (current.length === 0 && change.length === 0) return current;
  const mergeKey = field?.patchMergeKey;
  const types = new Set([...current, ...change].map((item) => jsonTypeName(item)));
  if (types.has("array")) throw unprocessablePatch();
  if (types.size > 1) {
    throw plainError(`list element types are not identical: ${printGoValue([[...current], [...change]])}`);
  }
  if (!types.has("object")) {
    if (isDeletion) return deleteFromPrimitives(current, change);
    const merged = uniqueScalars([...current, ...change]);
    const { present, absent } = partitionByPresence(merged, change, undefined);
    return inServerOrder({
      patched: present,
      kept: absent,
      patchOrder: change,
      serverOrder: current,
      mergeKey: undefined,
    });
  }
  if (mergeKey === undefined)
    throw plainError(`cannot merge lists without merge key for ${field?.name ?? ""}`);
  return mergeKeyedList(current as JsonObject[], change as JsonObject[], mergeKey, field?.node.items);
}

function mergeKeyedList(
  current: JsonObject[],
  change: JsonObject[],
  mergeKey: string,
  items: SchemaNode | undefined,
): Json[] {
  let server: JsonObject[] = current;
  let plain: JsonObject[] = [];
  let isReplaced = false;
  for (const item of change) {
    const directive = Object.hasOwn(item, patchMarker) ? (item[patchMarker] as Json) : undefined;
    if (directive === undefined) plain.push(item);
    else if (directive === "replace") isReplaced = true;
    else if (directive === "delete") {
      if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
      server = server.filter((one) => one[mergeKey] !== item[mergeKey]);
    } else if (directive === "merge") throw plainError("merging lists cannot yet be specified in the patch");
    else throw badPatchType(directive, item);
  }
  if (isReplaced) {
    server = plain;
    plain = [];
  }
  const merged: JsonObject[] = [...server];
  for (const item of plain) {
    if (!Object.hasOwn(item, mergeKey)) throw noMergeKey(item, mergeKey);
    const at = merged.findIndex((one) => one[mergeKey] === item[mergeKey]);
    if (at === -1) merged.push(item);
    else merged[at] = mergeObject(merged[at] as JsonObject, item, items);
  }
  const { present, absent } = partitionByPresence(merged, plain, mergeKey);
  return inServerOrder({ patched: present, kept: absent, patchOrder: plain, serverOrder: server, mergeKey });
}

/** Nulls in new values have nothing to delete. */
function withoutNulls(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    if (value[key] !== null) setOwn(kept, key, withoutNulls(value[key] as Json));
  }
  return kept;
}

/** Objects marked with a directive have nothing to act on in a new value and go; undefined when this one does. */
function withoutDirectives(value: Json): Json | undefined {
  if (Array.isArray(value)) return value.map(withoutDirectives).filter((item) => item !== undefined);
  if (!isJsonObject(value)) return value;
  if (Object.hasOwn(value, patchMarker)) return undefined;
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    const member = withoutDirectives(value[key] as Json);
    if (member !== undefined) setOwn(kept, key, member);
  }
  return kept;
}
