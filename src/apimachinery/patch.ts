import type { Json, JsonObject } from "./object.ts";
import type { SchemaNode } from "./structure.ts";

/** RFC 6902 with upstream's (evanphx/json-patch) deviations. @throws StatusError as the API server answers */
export function applyJsonPatch(document: Json, patch: Json): Json {
  void patch;
  return document;
}
/** RFC 7386. */
export function applyMergePatch(document: Json, patch: Json): Json {
  void patch;
  return document;
}
/** Strategic merge patch, driven by the kind's schema. @throws StatusError as the API server answers */
export function applyStrategicMergePatch(
  document: JsonObject,
  patch: JsonObject,
  schema: SchemaNode,
): JsonObject {
  void patch;
  void schema;
  return document;
}
