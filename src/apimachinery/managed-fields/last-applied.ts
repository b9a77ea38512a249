import { JsonError, parseJson, setOwn, stringifyJson } from "../json.ts";
import { isJsonObject } from "../json-types.ts";
import { annotationBytes, annotationBytesMax } from "../meta.ts";
import type { Json, JsonObject, KubeObject } from "../object.ts";
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

/**
 * What kubectl remembers, if it remembers anything, is what the server applied for it: so that a later apply without the server's help
 * knows what to remove. Whoever does not want this applies under another name than kubectl's.
 */
export function rememberApplied(merged: KubeObject, applied: KubeObject, manager: string): KubeObject {
  const { annotations } = merged.metadata;
  if (manager !== "kubectl" || !annotations?.[annotation]) return merged;
  const { [annotation]: _old, ...others } = annotations;
  const next = { ...others, [annotation]: `${stringifyJson(sorted(withoutAnnotation(applied)))}\n` };
  const tooLarge = annotationBytes(next) > annotationBytesMax;
  return { ...merged, metadata: { ...merged.metadata, annotations: tooLarge ? others : next } };
}

function withoutAnnotation(applied: KubeObject): Json {
  const annotations = applied.metadata?.annotations;
  if (annotations === undefined) return applied as unknown as Json;
  const { [annotation]: _old, ...others } = annotations;
  return { ...applied, metadata: { ...applied.metadata, annotations: others } } as unknown as Json;
}

/** Members in the order in which Go writes maps. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isJsonObject(value)) return value;
  const copy: JsonObject = {};
  for (const name of Object.keys(value).sort()) setOwn(copy, name, sorted(value[name] as Json));
  return copy;
}
