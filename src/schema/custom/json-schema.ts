import type { Json } from "../../apimachinery/index.ts";

/**
 * A schema of a CustomResourceDefinition as it is decoded: apiextensions.k8s.io/v1 JSONSchemaProps. Empty values are left out by
 * decoding, `false` where Go's omitempty drops it included.
 */
export interface JsonSchemaProps {
  readonly id?: string;
  readonly $schema?: string;
  readonly $ref?: string;
  readonly description?: string;
  readonly type?: string;
  readonly format?: string;
  readonly title?: string;
  readonly default?: Json;
  readonly maximum?: number;
  readonly exclusiveMaximum?: boolean;
  readonly minimum?: number;
  readonly exclusiveMinimum?: boolean;
  readonly maxLength?: number;
  readonly minLength?: number;
  readonly pattern?: string;
  readonly maxItems?: number;
  readonly minItems?: number;
  readonly uniqueItems?: boolean;
  readonly multipleOf?: number;
  readonly enum?: readonly Json[];
  readonly maxProperties?: number;
  readonly minProperties?: number;
  readonly required?: readonly string[];
  readonly items?: JsonSchemaProps | readonly JsonSchemaProps[];
  readonly allOf?: readonly JsonSchemaProps[];
  readonly oneOf?: readonly JsonSchemaProps[];
  readonly anyOf?: readonly JsonSchemaProps[];
  readonly not?: JsonSchemaProps;
  readonly properties?: Readonly<Record<string, JsonSchemaProps>>;
  readonly additionalProperties?: JsonSchemaProps | boolean;
  readonly patternProperties?: Readonly<Record<string, JsonSchemaProps>>;
  /** Null is one that is neither. */
  readonly dependencies?: Readonly<Record<string, JsonSchemaProps | readonly string[] | null>>;
  readonly additionalItems?: JsonSchemaProps | boolean;
  readonly definitions?: Readonly<Record<string, JsonSchemaProps>>;
  readonly externalDocs?: Json;
  readonly example?: Json;
  readonly nullable?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
}

/** One rule of x-kubernetes-validations. */
export interface ValidationRule {
  readonly rule: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly reason?: string;
  readonly fieldPath?: string;
  readonly optionalOldSelf?: boolean;
}

/** The one schema of a list's items; undefined where there is none or, as only old JSON Schema has it, one for each position. */
export function itemsSchema(schema: JsonSchemaProps): JsonSchemaProps | undefined {
  return Array.isArray(schema.items) ? undefined : (schema.items as JsonSchemaProps | undefined);
}

/** The schema of a map's values; undefined where there is none, or any value is allowed. */
export function valuesSchema(schema: JsonSchemaProps): JsonSchemaProps | undefined {
  const { additionalProperties: values } = schema;
  return typeof values === "object" ? values : undefined;
}

/** Whether any schema within one, itself included, is such. */
export function someSchema(
  schema: JsonSchemaProps | undefined,
  is: (schema: JsonSchemaProps) => boolean,
): boolean {
  if (schema === undefined) return false;
  if (is(schema)) return true;
  for (const inner of innerSchemas(schema)) if (someSchema(inner, is)) return true;
  return false;
}

function* innerSchemas(schema: JsonSchemaProps): Iterable<JsonSchemaProps> {
  const { items, additionalItems, additionalProperties, not } = schema;
  if (Array.isArray(items)) yield* items;
  else if (items !== undefined) yield items as JsonSchemaProps;
  yield* schema.allOf ?? [];
  yield* schema.anyOf ?? [];
  yield* schema.oneOf ?? [];
  if (not !== undefined) yield not;
  yield* Object.values(schema.properties ?? {});
  if (typeof additionalProperties === "object") yield additionalProperties;
  yield* Object.values(schema.patternProperties ?? {});
  if (typeof additionalItems === "object") yield additionalItems;
  yield* Object.values(schema.definitions ?? {});
  for (const dependency of Object.values(schema.dependencies ?? {})) {
    if (dependency !== null && !Array.isArray(dependency)) yield dependency as JsonSchemaProps;
  }
}
