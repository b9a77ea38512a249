import type { Json } from "../../apimachinery/index.ts";
import {
  type JsonSchemaProps,
  type OpenApiSchema,
  type PublishedKind,
  someSchema,
} from "../../schema/index.ts";
import type { CustomResourceDefinition, DefinitionVersion } from "./types.ts";

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
const listMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/** Descriptions of what every object has, in our words: `kubectl explain` shows them. */
const described = {
  apiVersion: "APIVersion defines the group and version of the schema that this object is written in.",
  kind: "Kind is the type of this object, which says which resource serves it.",
  metadata: "Standard object's metadata: name, labels and what else all objects have.",
  items: "The objects of this list.",
  listMetadata: "Revision of the list, and where it continues.",
};

/** How a custom kind stands in the OpenAPI documents: upstream's CRD builder. */
export function publishedKind(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
): PublishedKind {
  const { group, names } = definition.spec;
  const prefix = `${group.split(".").reverse().join(".")}.${version.name}.`;
  const name = prefix + names.kind;
  const listName = prefix + (names.listKind ?? `${names.kind}List`);
  const schema = version.schema?.openAPIV3Schema;
  return {
    name,
    listName,
    // Most servers are never asked for these documents.
    get v3() {
      return kindSchema(definition, version, schema, 3);
    },
    get v2() {
      return kindSchema(definition, version, schema, 2);
    },
    get list() {
      return listSchema(definition, version, name);
    },
  };
}

function groupVersionKind(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
  kind: string,
): object {
  return {
    "x-kubernetes-group-version-kind": [{ group: definition.spec.group, version: version.name, kind }],
    ...((version.selectableFields?.length ?? 0) === 0
      ? {}
      : {
          "x-kubernetes-selectable-fields": version.selectableFields?.map(({ jsonPath }) => ({
            fieldPath: jsonPath.replace(/^\./, ""),
          })),
        }),
  };
}

const text = (description: string): OpenApiSchema => ({ description, type: "string" }) as OpenApiSchema;

function reference(definition: string, description: string): OpenApiSchema {
  return { description, allOf: [{ $ref: `#/components/schemas/${definition}` }] } as unknown as OpenApiSchema;
}

function kindSchema(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
  schema: JsonSchemaProps | undefined,
  openApi: 2 | 3,
): OpenApiSchema {
  const identity = groupVersionKind(definition, version, definition.spec.names.kind);
  // Clients of version 2 would take what is declared for all there is.
  if (schema === undefined || (openApi === 2 && schema["x-kubernetes-preserve-unknown-fields"] === true))
    return { type: "object", ...identity } as unknown as OpenApiSchema;
  const published = (openApi === 3 ? valueSchema : plainSchema)(schema) as Record<string, unknown>;
  const properties = published["properties"] as Record<string, unknown> | undefined;
  return {
    ...published,
    properties: {
      ...properties,
      apiVersion: text(described.apiVersion),
      kind: text(described.kind),
      metadata: reference(objectMeta, described.metadata),
    },
    ...identity,
  } as unknown as OpenApiSchema;
}

function listSchema(
  definition: CustomResourceDefinition,
  version: DefinitionVersion,
  item: string,
): OpenApiSchema {
  const { names } = definition.spec;
  const listKind = names.listKind ?? `${names.kind}List`;
  return {
    description: `${listKind} is a list of ${names.kind}`,
    type: "object",
    required: ["items"],
    properties: {
      apiVersion: text(described.apiVersion),
      items: {
        description: described.items,
        type: "array",
        items: { $ref: `#/components/schemas/${item}` },
      },
      kind: text(described.kind),
      metadata: reference(listMeta, described.listMetadata),
    },
    ...groupVersionKind(definition, version, listKind),
  } as unknown as OpenApiSchema;
}

/** Words of a schema that mean nothing to clients. */
const dropped = new Set(["externalDocs", "example"]);

/** A schema as OpenAPI 3 has it: as it is, an int-or-string as one of two types, embedded resources with their identity. */
function valueSchema(schema: JsonSchemaProps): object {
  const published: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!dropped.has(key)) published[key] = inner(key, value, valueSchema);
  }
  if (schema["x-kubernetes-int-or-string"] === true && !saysBoth(schema)) {
    const both = [{ type: "integer" }, { type: "string" }];
    if (schema.anyOf === undefined) published["anyOf"] = both;
    else published["allOf"] = [{ anyOf: both }, ...((published["allOf"] as object[] | undefined) ?? [])];
  }
  if (schema["x-kubernetes-embedded-resource"] === true) embed(published);
  return published;
}

function saysBoth({ anyOf, allOf }: JsonSchemaProps): boolean {
  const both = JSON.stringify([{ type: "integer" }, { type: "string" }]);
  return JSON.stringify(anyOf) === both || JSON.stringify(allOf?.[0]?.anyOf) === both;
}

function embed(published: Record<string, unknown>): void {
  const required = new Set((published["required"] as string[] | undefined) ?? []);
  published["properties"] = {
    ...(published["properties"] as object | undefined),
    apiVersion: text(described.apiVersion),
    kind: text(described.kind),
    metadata: reference(objectMeta, described.metadata),
  };
  published["required"] = [...required.add("kind").add("apiVersion")];
}

function inner(key: string, value: unknown, convert: (schema: JsonSchemaProps) => object): unknown {
  switch (key) {
    case "properties":
      return Object.fromEntries(
        Object.entries(value as Record<string, JsonSchemaProps>).map(([name, schema]) => [
          name,
          convert(schema),
        ]),
      );
    case "items":
    case "not":
      return convert(value as JsonSchemaProps);
    case "additionalProperties":
      return typeof value === "object" ? convert(value as JsonSchemaProps) : value;
    case "allOf":
    case "anyOf":
    case "oneOf":
      return (value as JsonSchemaProps[]).map(convert);
    default:
      return value as Json;
  }
}

/** What version 2 cannot say, or clients of it misread. */
const notInV2 = new Set(["default", "nullable", "allOf", "anyOf", "oneOf", "not", "externalDocs", "example"]);

/**
 * A schema as OpenAPI 2 has it: alternatives left out, whatever may be null or hold unknown fields without a type, for old clients would
 * refuse it.
 */
function plainSchema(schema: JsonSchemaProps): object {
  const published: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!notInV2.has(key)) published[key] = inner(key, value, plainSchema);
  }
  if (schema["x-kubernetes-preserve-unknown-fields"] === true) {
    for (const key of ["type", "properties", "items", "required"]) delete published[key];
  } else if (schema.nullable === true) {
    for (const key of ["type", "properties", "items", "additionalProperties", "required"])
      delete published[key];
  } else if (schema["x-kubernetes-int-or-string"] === true) {
    delete published["type"];
  }
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (schema["x-kubernetes-embedded-resource"] === true && !isOpen) embed(published);
  const { items } = schema;
  if (schema.type === "array" && items !== undefined && someNullable(items as JsonSchemaProps))
    published["items"] = {};
  return published;
}

function someNullable(schema: JsonSchemaProps): boolean {
  return someSchema({ ...schema, properties: {} }, ({ nullable }) => nullable === true);
}
