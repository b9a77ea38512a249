import { deepEqual, isJsonObject, type Json, type JsonObject, parseJson } from "../../apimachinery/index.ts";
import type { RemoteApi, RemoteDocument } from "./remote-api.ts";

/** What another server's OpenAPI 2 document says of its version: paths, and the definitions that these speak of. */
export interface SwaggerPart {
  readonly etag: string;
  readonly paths: JsonObject;
  readonly definitions: JsonObject;
}

const prefix = "#/definitions/";
const kindsKey = "x-kubernetes-group-version-kind";

/** @throws JsonError */
export function swaggerPart(
  { group, version }: Pick<RemoteApi, "group" | "version">,
  { text, etag }: Pick<RemoteDocument, "text" | "etag">,
): SwaggerPart {
  const document = parseJson(text);
  const { paths, definitions } = isJsonObject(document) ? document : {};
  const own = Object.entries(isJsonObject(paths) ? paths : {}).filter(([path]) =>
    path.startsWith(`/apis/${group}/${version}/`),
  );
  const all = isJsonObject(definitions) ? definitions : {};
  const needed = new Map<string, Json>();
  const collect = (value: Json): void => {
    for (const name of references(value)) {
      const definition = Object.hasOwn(all, name) ? all[name] : undefined;
      if (definition === undefined || needed.has(name)) continue;
      needed.set(name, definition);
      collect(definition);
    }
  };
  for (const [, item] of own) collect(item as Json);
  return { etag, paths: Object.fromEntries(own), definitions: Object.fromEntries(needed) };
}

function* references(value: Json): Generator<string> {
  if (Array.isArray(value)) for (const each of value) yield* references(each);
  if (!isJsonObject(value)) return;
  for (const [key, inner] of Object.entries(value)) {
    if (key === "$ref" && typeof inner === "string") yield inner.slice(prefix.length);
    else yield* references(inner as Json);
  }
}

/**
 * This server's document with what others have: theirs under its own paths is left out, a definition of the same name that says something
 * else gets another name, and of those that are the same but for the kinds they stand for the kinds are joined.
 */
export function mergeSwagger(document: JsonObject, parts: readonly SwaggerPart[]): JsonObject {
  const paths = new Map(Object.entries(document["paths"] as JsonObject));
  const definitions = new Map(Object.entries(document["definitions"] as JsonObject));
  for (const part of parts) {
    const names = new Map<string, string>();
    for (const [name, definition] of Object.entries(part.definitions))
      names.set(name, nameFor(name, definition as Json, definitions));
    for (const [name, definition] of Object.entries(part.definitions)) {
      const given = names.get(name) as string;
      const present = definitions.get(given);
      const next =
        present === undefined ? renamed(definition as Json, names) : withKinds(present, definition as Json);
      definitions.set(given, next);
    }
    for (const [path, item] of Object.entries(part.paths))
      if (!paths.has(path)) paths.set(path, renamed(item as Json, names));
  }
  return { ...document, paths: sorted(paths), definitions: sorted(definitions) };
}

/** `name`, or the first of `name_v2`, `name_v3` … that is free or has the same content. */
function nameFor(name: string, definition: Json, definitions: ReadonlyMap<string, Json>): string {
  for (let count = 1; ; count++) {
    const candidate = count === 1 ? name : `${name}_v${count}`;
    const present = definitions.get(candidate);
    if (present === undefined || deepEqual(content(present), content(definition))) return candidate;
  }
}

/** What clients go by: this server describes the fields that everybody has in its own words. */
function content(value: Json): Json {
  if (Array.isArray(value)) return value.map(content);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => key !== kindsKey && (key !== "description" || isJsonObject(inner)))
      .map(([key, inner]) => [key, content(inner as Json)]),
  );
}

function withKinds(present: Json, other: Json): Json {
  if (!isJsonObject(present) || !isJsonObject(other)) return present;
  const [mine, theirs] = [present[kindsKey], other[kindsKey]];
  if (!Array.isArray(mine) || !Array.isArray(theirs)) return present;
  const added = theirs.filter((kind) => !mine.some((known) => deepEqual(known, kind)));
  return added.length === 0 ? present : { ...present, [kindsKey]: [...mine, ...added] };
}

function renamed(value: Json, names: ReadonlyMap<string, string>): Json {
  if (Array.isArray(value)) return value.map((each) => renamed(each, names));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      if (key !== "$ref" || typeof inner !== "string") return [key, renamed(inner as Json, names)];
      const name = inner.slice(prefix.length);
      return [key, prefix + (names.get(name) ?? name)];
    }),
  );
}

function sorted(members: ReadonlyMap<string, Json>): JsonObject {
  return Object.fromEntries([...members].sort(([a], [b]) => (a < b ? -1 : 1)));
}
