import { badRequest, requestEntityTooLarge, unprocessablePatch } from "./errors.ts";
import { deepClone, setOwn, stringifyJson } from "./json.ts";
import { jsonTypeName } from "./json-types.ts";
import type { Json, JsonObject } from "./object.ts";

/**
 * RFC 6902 as upstream applies it (evanphx/json-patch), which deviates: `replace` of a missing member sets it, what stands before
 * the first "/" of a path is ignored, the whole document cannot be addressed, negative indices count from the end, `test` of a
 * missing member for null holds. Objects on the way of an operation end with their members sorted, as Go's maps do: errors
 * quote the patched text.
 */

const operationsMax = 10_000;
/** Copies may multiply a document; as many bytes as a request may have are enough. */
const copiedBytesMax = 3 * 1024 * 1024;

class PatchFailure extends Error {}

interface Operation {
  readonly op?: Json;
  readonly path?: Json;
  readonly from?: Json;
  readonly value?: Json;
}

/** Neither argument is changed. @throws StatusError as the API server answers */
export function applyJsonPatch(document: Json, patch: Json): Json {
  const operations = decodePatch(patch);
  const result = deepClone(document);
  const opened = new Set<JsonObject>();
  let copiedBytes = 0;
  try {
    for (const operation of operations)
      copiedBytes = applyOperation(result, operation, { copiedBytes, opened });
  } catch (error) {
    if (error instanceof PatchFailure) throw unprocessablePatch();
    throw error;
  }
  for (const object of opened) sortMembers(object);
  return result;
}

function sortMembers(object: JsonObject): void {
  const members = Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name] of members) delete object[name];
  for (const [name, value] of members) setOwn(object, name, value);
}

function decodePatch(patch: Json): Operation[] {
  if (patch === null) return [];
  if (!Array.isArray(patch)) throw decodingError(jsonTypeName(patch), "value of type []handlers.jsonPatchOp");
  if (patch.length > operationsMax) {
    throw requestEntityTooLarge(
      `The allowed maximum operations in a JSON patch is ${operationsMax}, got ${patch.length}`,
    );
  }
  return patch.map((operation) => {
    if (operation === null) return {};
    if (typeof operation !== "object" || Array.isArray(operation)) {
      throw decodingError(jsonTypeName(operation), "value of type handlers.jsonPatchOp");
    }
    for (const member of ["op", "from", "path"]) {
      const value = operation[member];
      if (value !== undefined && value !== null && typeof value !== "string") {
        throw decodingError(jsonTypeName(value), `struct field jsonPatchOp.${member} of type string`);
      }
    }
    return operation;
  });
}

function decodingError(found: string, wanted: string): Error {
  return badRequest(`error decoding patch: json: cannot unmarshal ${found} into Go ${wanted}`);
}

/** @returns how many bytes were copied by now. `opened` gathers the objects that were looked into. */
function applyOperation(
  document: Json,
  operation: Operation,
  { copiedBytes, opened }: { readonly copiedBytes: number; readonly opened: Set<JsonObject> },
): number {
  const target = (path: Json | undefined): [Json[] | JsonObject, string] => locate(document, path, opened);
  switch (operation.op) {
    case "add":
      add(...target(operation.path), deepClone(operation.value ?? null));
      return copiedBytes;
    case "remove":
      remove(...target(operation.path));
      return copiedBytes;
    case "replace":
      replace(...target(operation.path), deepClone(operation.value ?? null));
      return copiedBytes;
    case "move": {
      const [source, key] = target(operation.from);
      const value = get(source, key);
      remove(source, key);
      add(...target(operation.path), value ?? null);
      return copiedBytes;
    }
    case "copy": {
      const value = get(...target(operation.from)) ?? null;
      const copied = copiedBytes + stringifyJson(value).length;
      if (copied > copiedBytesMax) throw new PatchFailure("copied too much");
      add(...target(operation.path), deepClone(value));
      return copied;
    }
    case "test": {
      const found = get(...target(operation.path)) ?? null;
      if (!sameJson(found, operation.value ?? null)) throw new PatchFailure("test failed");
      return copiedBytes;
    }
    default:
      throw new PatchFailure("unexpected kind");
  }
}

/** The container of what a path addresses, and the last token. */
function locate(
  document: Json,
  path: Json | undefined,
  opened: Set<JsonObject>,
): [Json[] | JsonObject, string] {
  const tokens = typeof path === "string" ? path.split("/") : [];
  if (tokens.length < 2) throw new PatchFailure("missing path");
  let container = document;
  for (const token of tokens.slice(1, -1)) {
    if (typeof container !== "object" || container === null) throw new PatchFailure("missing path");
    if (!Array.isArray(container)) opened.add(container);
    container = get(container, unescapeToken(token)) ?? null;
  }
  if (typeof container !== "object" || container === null) throw new PatchFailure("missing path");
  if (!Array.isArray(container)) opened.add(container);
  return [container, unescapeToken(tokens.at(-1) as string)];
}

function unescapeToken(token: string): string {
  return token.replace(/~1/g, "/").replace(/~0/g, "~");
}

/** An index from 0 up to, not including, `length`; negative ones count from the end. */
function indexOf(key: string, length: number): number {
  if (!/^[+-]?\d{1,9}$/.test(key)) throw new PatchFailure("not an index");
  const given = Number(key);
  const index = given < 0 ? given + length : given;
  if (index < 0 || index >= length) throw new PatchFailure("index out of bounds");
  return index;
}

function get(container: Json[] | JsonObject, key: string): Json | undefined {
  if (Array.isArray(container)) return container[indexOf(key, container.length)];
  return Object.hasOwn(container, key) ? container[key] : undefined;
}

function add(container: Json[] | JsonObject, key: string, value: Json): void {
  if (!Array.isArray(container)) setOwn(container, key, value);
  else if (key === "-") container.push(value);
  else container.splice(indexOf(key, container.length + 1), 0, value);
}

function replace(container: Json[] | JsonObject, key: string, value: Json): void {
  if (Array.isArray(container)) container[indexOf(key, container.length)] = value;
  else setOwn(container, key, value);
}

function remove(container: Json[] | JsonObject, key: string): void {
  if (Array.isArray(container)) container.splice(indexOf(key, container.length), 1);
  else if (Object.hasOwn(container, key)) delete container[key];
  else throw new PatchFailure("missing member");
}

/** Equality of documents, the order of members aside. */
function sameJson(a: Json, b: Json): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    return a.every((item, i) => sameJson(item, b[i] as Json));
  }
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key] as Json, b[key] as Json));
}
