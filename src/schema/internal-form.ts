import formsJson from "../../schemas/kubernetes/internal-forms.json" with { type: "json" };
import { type Json, type JsonObject, setOwn } from "../apimachinery/index.ts";
import { assert } from "../base/index.ts";

/**
 * Values as Kubernetes' own, unversioned types would encode them: every field, in capitals, null for a pointer or a list that is not
 * there. Some of its error texts show values so.
 */
export type InternalType =
  | "PodTemplateSpec"
  | "PodSpec"
  | "PersistentVolumeClaimSpec"
  | "PersistentVolumeSource"
  | "EphemeralContainer"
  | "SecurityContext"
  | "Toleration"
  | "PodResourceClaim"
  | "VolumeNodeAffinity"
  | "NodeSelectorTerm"
  | "PodFailurePolicy"
  | "SuccessPolicy"
  | "ObjectReference"
  | "EventSource"
  | "CSINodeDriver"
  | "ResourceClaimSpec"
  | "ResourceClaimTemplateSpec"
  | "JSONSchemaProps";

/** By type its fields as `Name|json name|form`: scripts/generate-internal-forms.ts says more. */
const forms: Readonly<Record<string, readonly string[]>> = formsJson;

/** Fields that the versioned PodSpec has, and the internal one in its security context. */
const ofHost = ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"];

/** `value` as the API has it; absent parts as Go's zero values. */
export function internalForm(type: InternalType, value: object): JsonObject {
  return structForm(type, value as JsonObject);
}

function structForm(type: string, value: JsonObject): JsonObject {
  const fields = forms[type];
  assert(fields !== undefined, `no internal form of ${type}`);
  const given = type === "PodSpec" ? withHostFields(value) : value;
  const form: JsonObject = {};
  for (const line of fields) {
    const [shown = "", name = "", kind = ""] = line.split("|");
    if (shown === "") Object.assign(form, withoutEmpties(given["metadata"] ?? {}));
    else setOwn(form, shown, valueForm(kind, given[name]));
  }
  return form;
}

function valueForm(kind: string, value: Json | undefined): Json {
  const isAbsent = value === undefined || value === null;
  if (kind.startsWith("*")) return isAbsent ? null : valueForm(kind.slice(1), value);
  if (kind.startsWith("[]"))
    return isAbsent ? null : (value as Json[]).map((item) => valueForm(kind.slice(2), item));
  if (kind.startsWith("{}")) return isAbsent ? null : mapForm(kind.slice(2), value as JsonObject);
  switch (kind) {
    case "string":
      return value ?? "";
    case "int":
      return value ?? 0;
    case "bool":
      return value ?? false;
    case "quantity":
      return value ?? "0";
    case "map":
      return isAbsent ? null : sorted(value as JsonObject);
    case "json":
      return withoutEmpties(value ?? {});
    case "any":
      return value ?? null;
    case "JSONSchemaPropsOrArray":
      return Array.isArray(value)
        ? {
            Schema: null,
            JSONSchemas: value.map((item) => structForm("JSONSchemaProps", item as JsonObject)),
          }
        : { Schema: structForm("JSONSchemaProps", value as JsonObject), JSONSchemas: null };
    case "JSONSchemaPropsOrBool":
      return typeof value === "boolean"
        ? { Allows: value, Schema: null }
        : { Allows: true, Schema: structForm("JSONSchemaProps", value as JsonObject) };
    case "JSONSchemaPropsOrStringArray":
      return Array.isArray(value)
        ? { Schema: null, Property: value }
        : { Schema: structForm("JSONSchemaProps", value as JsonObject), Property: null };
    default:
      return structForm(kind, (value ?? {}) as JsonObject);
  }
}

/** Types that are the same in both leave out what is empty, as the API does. */
function withoutEmpties(value: Json): Json {
  if (Array.isArray(value)) return value.map(withoutEmpties);
  if (typeof value !== "object" || value === null) return value;
  const kept: JsonObject = {};
  for (const [key, inner] of Object.entries(value)) {
    const isEmpty = typeof inner === "object" && Object.keys(inner ?? {}).length === 0;
    if (!isEmpty) setOwn(kept, key, withoutEmpties(inner));
  }
  return kept;
}

function mapForm(kind: string, map: JsonObject): JsonObject {
  const form: JsonObject = {};
  for (const key of Object.keys(map).sort()) setOwn(form, key, valueForm(kind, map[key]));
  return form;
}

function withHostFields(spec: JsonObject): JsonObject {
  const given = ofHost.filter((name) => spec[name] !== undefined);
  const { securityContext } = spec;
  if (given.length === 0 && securityContext === undefined) return spec;
  const inner: JsonObject = { ...(securityContext as JsonObject | undefined) };
  for (const name of given) inner[name] = spec[name] as Json;
  return { ...spec, securityContext: inner };
}

const sorted = (map: JsonObject): JsonObject =>
  Object.fromEntries(Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1)));
