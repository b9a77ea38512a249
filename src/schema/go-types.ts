/** An OpenAPI v3 schema as kube-openapi publishes built-in kinds. */
export interface OpenApiSchema {
  readonly description?: string | undefined;
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly format?: string;
  readonly properties?: Readonly<Record<string, OpenApiSchema>>;
  readonly additionalProperties?: OpenApiSchema;
  readonly items?: OpenApiSchema;
  readonly allOf?: readonly [{ readonly $ref: string }];
  readonly oneOf?: readonly OpenApiSchema[];
  readonly $ref?: string;
  readonly default?: unknown;
  readonly enum?: readonly string[];
  readonly required?: readonly string[];
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-group-version-kind"?: readonly { group: string; version: string; kind: string }[];
}

const referencePrefix = "#/components/schemas/";

/** The definition that a schema refers to, undefined where it describes itself. */
export function referencedDefinition(schema: OpenApiSchema): string | undefined {
  const reference = schema.$ref ?? schema.allOf?.[0].$ref;
  return reference?.slice(referencePrefix.length);
}

/** `Deployment` of `io.k8s.api.apps.v1.Deployment`. */
export function shortName(definition: string): string {
  return definition.slice(definition.lastIndexOf(".") + 1);
}

/** The Go type that a schema implies, as decoding errors print it: `int32`, `[]v1.ServicePort`, `map[string]string`. */
export function goTypeOfSchema(schema: OpenApiSchema): string {
  const definition = referencedDefinition(schema);
  if (definition !== undefined) return definition.split(".").slice(-2).join(".");
  switch (schema.type) {
    case "array":
      return `[]${schema.items === undefined ? "interface {}" : goTypeOfSchema(schema.items)}`;
    case "object":
      return `map[string]${schema.additionalProperties === undefined ? "interface {}" : goTypeOfSchema(schema.additionalProperties)}`;
    case "integer":
      return schema.format ?? "int";
    case "number":
      return "float64";
    case "boolean":
      return "bool";
    case "string":
      return schema.format === "byte" ? "[]uint8" : "string";
    default:
      return "interface {}";
  }
}
