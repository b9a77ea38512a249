import {
  field,
  type GroupVersionKind,
  isJsonObject,
  type Json,
  type JsonObject,
  type KubeObject,
  setOwn,
} from "../../apimachinery/index.ts";
import { type Decoded, DecodeError } from "../decode.ts";
import type { KindForm } from "../form.ts";
import type { CustomNode } from "./custom-node.ts";
import { dropNulls, fillDefaults } from "./defaulting.ts";
import { coerceEmbedded, FieldProblem, readMetadata } from "./object-meta.ts";
import { prune } from "./pruning.ts";

/**
 * The form of a kind that a CRD defines, in one of its versions: what formOfKind is for built-in kinds. Decoding prunes; it checks only what
 * every object has, for the rest is the validation's to tell.
 */
export function customForm(kind: GroupVersionKind, listKind: string, schema: CustomNode): KindForm {
  const apiVersion = `${kind.group}/${kind.version}`;
  return {
    kind,
    listKind,
    schema,
    custom: true,
    empty: { apiVersion, kind: kind.kind, metadata: {} },
    decode: (body) => decodeCustom(body, schema),
    applyDefaults(object) {
      fillDefaults(object as unknown as Json, schema);
      return object;
    },
    canonicalize: (object) => sorted(object as unknown as Json) as unknown as KubeObject,
  };
}

/** The body is not changed. @throws DecodeError */
function decodeCustom(body: Json, schema: CustomNode): Decoded {
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new DecodeError("the object is no JSON object");
  const object = ofGo(body) as JsonObject;
  const unknownMetadata: string[] = [];
  const unknownFields: string[] = [];
  const unknownEmbedded: string[] = [];
  for (const name of ["kind", "apiVersion"]) {
    const text = object[name];
    if (Object.hasOwn(object, name) && typeof text !== "string")
      throw new DecodeError(`.${name} accessor error: ${String(text)} is not a string`);
  }
  const metadata = Object.hasOwn(object, "metadata")
    ? readMetadata(object["metadata"] as Json, "metadata", unknownMetadata)
    : {};
  prune(object, schema, unknownFields);
  dropNulls(object, schema);
  try {
    coerceEmbedded(object, schema, unknownEmbedded);
  } catch (error) {
    if (error instanceof FieldProblem) throw new DecodeError(field.fieldErrorText(error.problem));
    throw error;
  }
  object["metadata"] = metadata;
  keepForgetting(body, object);
  return {
    object: object as unknown as KubeObject,
    unknownFields: [...unknownMetadata, ...unknownFields.sort(), ...unknownEmbedded.sort()],
  };
}

/** An empty list of managed fields is the one empty list that says something: all managers are to be forgotten (`trackUpdate`). */
function keepForgetting(body: Json, object: Json): void {
  const sent = memberOf(memberOf(body, "metadata"), "managedFields");
  const metadata = memberOf(object, "metadata");
  if (Array.isArray(sent) && sent.length === 0 && metadata !== undefined)
    (metadata as JsonObject)["managedFields"] = [];
}

function memberOf(value: Json | undefined, name: string): Json | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** A copy in which an integer that 64 bits do not hold is a double, which is all that Go makes of one. */
function ofGo(value: Json): Json {
  if (typeof value === "bigint") return BigInt.asIntN(64, value) === value ? value : Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(ofGo);
  const copy: JsonObject = {};
  for (const key of Object.keys(value)) setOwn(copy, key, ofGo(value[key] as Json));
  return copy;
}

/** With the keys of every object in order, as Go's encoder writes maps: equal objects are then the same bytes. */
function sorted(value: Json): Json {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(sorted);
  const copy: JsonObject = {};
  for (const key of Object.keys(value).sort()) {
    const inner = value[key] as Json | undefined;
    if (inner !== undefined) setOwn(copy, key, sorted(inner));
  }
  return copy;
}
