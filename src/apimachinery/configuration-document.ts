import { isJsonObject } from "./json-types.ts";
import type { Json, JsonObject } from "./object.ts";

/** Kinds of documents that configure a server; the first version is the one that is asked for. */
export interface ConfigurationKind {
  readonly group: string;
  readonly versions: readonly [string, ...string[]];
  readonly kind: string;
}

/** The fields of a document, when its `apiVersion` and `kind` are those of the expected one. @throws Error that names both */
export function configurationDocument(value: Json | undefined, expected: ConfigurationKind): JsonObject {
  const { group, versions, kind } = expected;
  const wanted = `${group}/${versions[0]} ${kind}`;
  if (!isJsonObject(value)) throw new Error(`a YAML object was expected: ${wanted}`);
  const found = { kind: value["kind"] ?? "", version: value["apiVersion"] ?? "" };
  if (found.kind !== kind || !versions.some((version) => found.version === `${group}/${version}`))
    throw new Error(
      `no kind ${JSON.stringify(found.kind)} is registered for version ${JSON.stringify(found.version)}: ${wanted} was expected`,
    );
  return value;
}
