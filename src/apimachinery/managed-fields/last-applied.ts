import { JsonError, parseJson } from "../json.ts";
import { isJsonObject } from "../json-types.ts";
import type { Json, KubeObject } from "../object.ts";
import type { SchemaNode } from "../structure.ts";
import type { FieldSet } from "./field-set.ts";
import { typedErrors } from "./typed-errors.ts";
import { compare, fieldSetOf } from "./typed-value.ts";

/** Where `kubectl apply` without the server's help remembers what it applied. */
const annotation = "kubectl.kubernetes.io/last-applied-configuration";

/**
 * The fields that a client-side apply set and that still are as it set them. Undefined where there was none, or of another version, or what
 * it left is no configuration of this kind.
 */
export function lastAppliedSet(
  live: KubeObject,
  { schema, apiVersion }: { readonly schema: SchemaNode; readonly apiVersion: string },
): FieldSet | undefined {
  const text = live.metadata.annotations?.[annotation];
  if (!text) return undefined;
  let applied: Json;
  try {
    applied = parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
  if (!isJsonObject(applied) || applied["apiVersion"] !== apiVersion) return undefined;
  if (typedErrors(applied, schema).length > 0) return undefined;
  const { added, modified, removed } = compare(applied, live as unknown as Json, schema);
  return fieldSetOf(applied, schema).difference(modified).difference(added).difference(removed);
}
