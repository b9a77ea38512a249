/**
 * Checks manifests against what the server says its kinds look like (its OpenAPI v3), all of them before anything is sent: a slip in the last
 * document must not leave the first ones applied. The server checks again, and more: this finds unknown fields, wrong types
 * and missing ones.
 */
import type { ErrorObject, ValidateFunction } from "ajv";
import type { Transport } from "../client/index.ts";
import type { Manifest } from "./manifests.ts";
import { fetchJson } from "./resources.ts";

type Schema = Record<string, unknown>;

interface OpenApiDocument {
  readonly components?: { readonly schemas?: Record<string, Schema> };
}

/** A problem a document; empty where all are good. Kinds that the server publishes no schema for are left to it. */
export async function checkManifests(
  transport: Transport,
  manifests: readonly Manifest[],
): Promise<string[]> {
  const problems: string[] = [];
  const validators = new Map<string, Promise<Map<string, ValidateFunction>>>();
  for (const { place, object } of manifests) {
    const { apiVersion, kind } = object;
    const loading = validators.get(apiVersion) ?? loadValidators(transport, apiVersion);
    validators.set(apiVersion, loading);
    const validate = (await loading).get(kind);
    if (validate === undefined || validate(withoutNulls(object))) continue;
    const found = (validate.errors ?? [])
      .filter(({ keyword }) => keyword !== "allOf" && keyword !== "oneOf")
      .map(describe);
    problems.push(`${place}: ${kind} "${object.metadata.name ?? ""}": ${[...new Set(found)].join("; ")}`);
  }
  return problems;
}

/** By kind. Empty where the server publishes nothing for the group's version. */
async function loadValidators(
  transport: Transport,
  apiVersion: string,
): Promise<Map<string, ValidateFunction>> {
  const validators = new Map<string, ValidateFunction>();
  const path = `/openapi/v3/${apiVersion.includes("/") ? "apis" : "api"}/${apiVersion}`;
  const document = await fetchJson<OpenApiDocument>(transport, path).catch(() => undefined);
  const schemas = document?.components?.schemas;
  if (schemas === undefined) return validators;
  const { Ajv } = (await import("ajv")).default;
  // OpenAPI's own words are no JSON Schema, and formats are the server's affair.
  const ajv = new Ajv({ strict: false, validateFormats: false, allErrors: true });
  ajv.addSchema({ $id: "openapi", components: { schemas: closeObjects(schemas) } });
  for (const [name, schema] of Object.entries(schemas)) {
    const kinds = (schema["x-kubernetes-group-version-kind"] ?? []) as {
      group: string;
      version: string;
      kind: string;
    }[];
    for (const { group, version, kind } of kinds) {
      if ((group === "" ? version : `${group}/${version}`) !== apiVersion) continue;
      const compile = () => ajv.compile({ $ref: `openapi#/components/schemas/${name}` });
      validators.set(kind, lazily(compile));
    }
  }
  return validators;
}

/** Compiling all kinds of a group takes longer than a manifest is worth. */
function lazily(compile: () => ValidateFunction): ValidateFunction {
  let compiled: ValidateFunction | undefined;
  const validate = ((data: unknown) => {
    compiled ??= compile();
    const good = compiled(data);
    validate.errors = compiled.errors ?? null;
    return good;
  }) as ValidateFunction;
  return validate;
}

/** An object whose fields are listed has no others. */
function closeObjects(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closeObjects);
  if (typeof value !== "object" || value === null) return value;
  const copy = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, closeObjects(inner)]));
  const closed =
    isSchemaOfFields(copy) &&
    !("additionalProperties" in copy) &&
    !copy["x-kubernetes-preserve-unknown-fields"];
  return closed ? { ...copy, additionalProperties: false } : copy;
}

function isSchemaOfFields(schema: Schema): boolean {
  return schema["type"] === "object" && typeof schema["properties"] === "object";
}

/** To Kubernetes, a null is a field that is not set. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, inner]) => inner !== null);
  return Object.fromEntries(fields.map(([key, inner]) => [key, withoutNulls(inner)]));
}

/** `/spec/ports/0/port must be integer` as `spec.ports[0].port must be integer`. */
function describe({ instancePath, keyword, params, message }: ErrorObject): string {
  const path = instancePath
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce(
      (text, part) => (/^\d+$/.test(part) ? `${text}[${part}]` : text === "" ? part : `${text}.${part}`),
      "",
    );
  const at = (field: string) => (path === "" ? field : `${path}.${field}`);
  if (keyword === "additionalProperties") return `unknown field "${at(params["additionalProperty"])}"`;
  if (keyword === "required") return `missing required field "${at(params["missingProperty"])}"`;
  return `${path} ${message}`;
}
