import { escapeName, isKeyword } from "./escape.ts";
import { requestBytesMax } from "./limits.ts";
import { type CelField, type CelType, types } from "./types.ts";

/** The parts of an OpenAPI schema that decide what an expression may do with a value. */
export interface ValueSchema {
  readonly type?: string;
  readonly format?: string;
  readonly nullable?: boolean;
  readonly default?: unknown;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, ValueSchema>>;
  readonly items?: ValueSchema;
  readonly additionalProperties?: ValueSchema | boolean;
  readonly enum?: readonly unknown[];
  readonly maxLength?: number;
  readonly maxItems?: number;
  readonly maxProperties?: number;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
}

/** Bytes that a request has for what is between two brackets or quotes. */
const contentsMax = requestBytesMax - 2;

const text: ValueSchema = { type: "string" };

/** What every object of the API has, whether its schema says so or not. */
const resourceProperties: Readonly<Record<string, ValueSchema>> = {
  apiVersion: text,
  kind: text,
  metadata: { type: "object", properties: { name: text, generateName: text } },
};

/**
 * The type of values of a schema; undefined for a schema whose values expressions may not see (no type, or a list or map of such).
 * Unknown fields are not seen. `isResource`: the root of an object of the API. The name is what errors call the type.
 */
export function typeOfSchema(
  schema: ValueSchema,
  options: { readonly isResource?: boolean; readonly name?: string } = {},
): CelType | undefined {
  if (schema["x-kubernetes-int-or-string"] === true)
    return { ...types.dyn, sizeMax: textMax(schema), bytesMin: 1 };
  const name = options.name ?? "object";
  switch (schema.type) {
    case "array":
      return listType(schema, name);
    case "object":
      return objectType(schema, { name, isResource: options.isResource ?? false });
    case "string":
      return stringType(schema);
    case "boolean":
      return { ...types.bool, bytesMin: 4 };
    case "number":
      return { ...types.double, bytesMin: 1 };
    case "integer":
      return { ...types.int, bytesMin: 1 };
    default:
      return undefined;
  }
}

function inner(schema: ValueSchema, name: string): CelType | undefined {
  return typeOfSchema(schema, { isResource: schema["x-kubernetes-embedded-resource"] === true, name });
}

function listType(schema: ValueSchema, name: string): CelType | undefined {
  const element = schema.items === undefined ? undefined : inner(schema.items, `${name}.@idx`);
  if (element === undefined) return undefined;
  const kind = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  return {
    ...types.list(element),
    ...(kind === "set" ? { list: { type: "set" } } : {}),
    ...(kind === "map" ? { list: { type: "map", keys } } : {}),
    sizeMax: schema.maxItems ?? Math.floor(contentsMax / ((element.bytesMin ?? 1) + 1)),
    bytesMin: 2,
  };
}

function objectType(
  schema: ValueSchema,
  { name, isResource }: { name: string; isResource: boolean },
): CelType | undefined {
  if (typeof schema.additionalProperties === "object") {
    const value = inner(schema.additionalProperties, `${name}.@elem`);
    if (value === undefined) return undefined;
    return {
      ...types.map(types.string, value),
      sizeMax: schema.maxProperties ?? Math.floor(contentsMax / ((value.bytesMin ?? 1) + 6)),
      bytesMin: 2,
    };
  }
  let fields: ReadonlyMap<string, CelField> | undefined;
  const read = (): ReadonlyMap<string, CelField> => {
    fields ??= fieldsOf(schema, name, isResource);
    return fields;
  };
  return { kind: "message", name, params: [], fields: read, bytesMin: objectBytesMin(schema) };
}

/** Braces, and the required members that no default fills in. */
function objectBytesMin({ properties = {}, required = [] }: ValueSchema): number {
  let bytes = 2;
  for (const name of required) {
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (property !== undefined && property.default === undefined)
      bytes += name.length + 4 + (inner(property, name)?.bytesMin ?? 1);
  }
  return bytes;
}

function fieldsOf(schema: ValueSchema, name: string, isResource: boolean): ReadonlyMap<string, CelField> {
  const fields = new Map<string, CelField>();
  const properties = { ...schema.properties, ...(isResource ? withMetadata(schema) : {}) };
  for (const [property, sub] of Object.entries(properties)) {
    const type = inner(sub, `${name}.${property}`);
    const escaped = escapeName(property);
    if (type === undefined || escaped === undefined) continue;
    fields.set(escaped, { type, property });
    // `metadata.namespace` is as good as `metadata.__namespace__`.
    if (isKeyword(property)) fields.set(property, { type, property });
  }
  return fields;
}

function withMetadata({ properties = {} }: ValueSchema): Readonly<Record<string, ValueSchema>> {
  const metadata = properties["metadata"]?.properties;
  const isWhole = metadata?.["name"] !== undefined && metadata["generateName"] !== undefined;
  return isWhole ? {} : resourceProperties;
}

function stringType(schema: ValueSchema): CelType {
  switch (schema.format) {
    case "byte":
      return { ...types.bytes, sizeMax: schema.maxLength ?? contentsMax, bytesMin: 2 };
    case "duration":
      return { ...types.duration, sizeMax: 32, bytesMin: 3 };
    case "date":
      return { ...types.timestamp, sizeMax: 12, bytesMin: 12 };
    case "date-time":
      return { ...types.timestamp, sizeMax: 32, bytesMin: 21 };
    default:
      return { ...types.string, sizeMax: textMax(schema), bytesMin: 2 };
  }
}

/** Characters that a text may have; a character of a bounded text is taken for the longest there is. */
function textMax({ maxLength, enum: choices }: ValueSchema): number {
  if (maxLength !== undefined) return maxLength * 4;
  const texts = (choices ?? []).filter((choice) => typeof choice === "string");
  if (texts.length > 0) return Math.max(...texts.map((choice) => Buffer.byteLength(choice)));
  return contentsMax;
}
