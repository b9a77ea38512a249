import { badRequest } from "./errors.ts";
import { deepClone, setOwn } from "./json.ts";
import { isJsonObject, jsonTypeName } from "./json-types.ts";
import type { Json, JsonObject } from "./object.ts";

/**
 * RFC 7386 as upstream applies it: the patch must be an object, and null members are dropped from objects in lists too.
 * Neither argument is changed. @throws StatusError as the API server answers
 */
export function applyMergePatch(document: Json, patch: Json): Json {
  if (patch === null) throw badRequest("Invalid JSON Patch");
  if (!isJsonObject(patch)) {
    throw badRequest(
      `error decoding patch: json: cannot unmarshal ${jsonTypeName(patch)} into Go value of type map[string]interface {}`,
    );
  }
  return mergeObject(isJsonObject(document) ? document : {}, patch);
}

/** What the patch does not mention is shared with the document. */
function mergeObject(document: JsonObject, patch: JsonObject): JsonObject {
  const merged: JsonObject = {};
  for (const key of Object.keys(document)) {
    const change = Object.hasOwn(patch, key) ? patch[key] : undefined;
    const current = document[key] as Json;
    if (change === undefined) setOwn(merged, key, current);
    else if (change !== null) {
      setOwn(
        merged,
        key,
        isJsonObject(current) && isJsonObject(change) ? mergeObject(current, change) : pruned(change),
      );
    }
  }
  for (const key of Object.keys(patch)) {
    const change = patch[key] as Json;
    if (change !== null && !Object.hasOwn(document, key)) setOwn(merged, key, pruned(change));
  }
  return merged;
}

/** A copy without null members. */
function pruned(value: Json): Json {
  if (Array.isArray(value)) return value.map(pruned);
  if (!isJsonObject(value)) return deepClone(value);
  const kept: JsonObject = {};
  for (const key of Object.keys(value)) {
    const member = value[key] as Json;
    if (member !== null) setOwn(kept, key, pruned(member));
  }
  return kept;
}
