import type { Json } from "../../apimachinery/index.ts";
import type { JsonSchemaProps } from "../../schema/index.ts";
import { sharedFields } from "./shared-fields.ts";
import type { DefinitionSpec, Subresources } from "./types.ts";

/**
 * The versions as one complaint of upstream's shows them: its internal type, which has no JSON names, so that Go's stand there, each
 * field also where it is unset.
 */
export function printedVersions(spec: DefinitionSpec): object[] {
  const shared = sharedFields(spec);
  return spec.versions.map((version) => {
    const { schema, subresources, additionalPrinterColumns: columns, selectableFields } = version;
    return {
      Name: version.name,
      Served: version.served,
      Storage: version.storage,
      Deprecated: version.deprecated === true,
      DeprecationWarning: version.deprecationWarning ?? null,
      Schema: shared.schema ? null : schema && { OpenAPIV3Schema: printedSchema(schema.openAPIV3Schema) },
      Subresources: shared.subresources ? null : printedSubresources(subresources),
      AdditionalPrinterColumns: shared.columns
        ? null
        : (columns?.map((column) => ({
            Name: column.name,
            Type: column.type,
            Format: column.format ?? "",
            Description: column.description ?? "",
            Priority: column.priority ?? 0,
            JSONPath: column.jsonPath,
          })) ?? null),
      SelectableFields: shared.selectableFields
        ? null
        : (selectableFields?.map(({ jsonPath }) => ({ JSONPath: jsonPath })) ?? null),
    };
  });
}

function printedSubresources(subresources: Subresources | undefined): object | null {
  if (subresources === undefined) return null;
  const { status, scale } = subresources;
  return {
    Status: status === undefined ? null : {},
    Scale:
      scale === undefined
        ? null
        : {
            SpecReplicasPath: scale.specReplicasPath,
            StatusReplicasPath: scale.statusReplicasPath,
            LabelSelectorPath: scale.labelSelectorPath ?? null,
          },
  };
}

function printedSchema(schema: JsonSchemaProps | undefined): object | null {
  if (schema === undefined) return null;
  return {
    ID: schema.id ?? "",
    Schema: schema.$schema ?? "",
    Ref: schema.$ref ?? null,
    Description: schema.description ?? "",
    Type: schema.type ?? "",
    Nullable: schema.nullable ?? false,
    Format: schema.format ?? "",
    Title: schema.title ?? "",
    Default: schema.default ?? null,
    Maximum: schema.maximum ?? null,
    ExclusiveMaximum: schema.exclusiveMaximum ?? false,
    Minimum: schema.minimum ?? null,
    ExclusiveMinimum: schema.exclusiveMinimum ?? false,
    MaxLength: schema.maxLength ?? null,
    MinLength: schema.minLength ?? null,
    Pattern: schema.pattern ?? "",
    MaxItems: schema.maxItems ?? null,
    MinItems: schema.minItems ?? null,
    UniqueItems: schema.uniqueItems ?? false,
    MultipleOf: schema.multipleOf ?? null,
    Enum: schema.enum ?? null,
    MaxProperties: schema.maxProperties ?? null,
    MinProperties: schema.minProperties ?? null,
    Required: schema.required ?? null,
    Items: printedItems(schema.items),
    AllOf: schema.allOf?.map(printedSchema) ?? null,
    OneOf: schema.oneOf?.map(printedSchema) ?? null,
    AnyOf: schema.anyOf?.map(printedSchema) ?? null,
    Not: printedSchema(schema.not),
    Properties: printedByName(schema.properties),
    AdditionalProperties: printedOrBool(schema.additionalProperties),
    PatternProperties: printedByName(schema.patternProperties),
    Dependencies: printedDependencies(schema.dependencies),
    AdditionalItems: printedOrBool(schema.additionalItems),
    Definitions: printedByName(schema.definitions),
    ExternalDocs: printedDocs(schema.externalDocs),
    Example: schema.example ?? null,
    XPreserveUnknownFields: schema["x-kubernetes-preserve-unknown-fields"] ?? null,
    XEmbeddedResource: schema["x-kubernetes-embedded-resource"] ?? false,
    XIntOrString: schema["x-kubernetes-int-or-string"] ?? false,
    XListMapKeys: schema["x-kubernetes-list-map-keys"] ?? null,
    XListType: schema["x-kubernetes-list-type"] ?? null,
    XMapType: schema["x-kubernetes-map-type"] ?? null,
    XValidations:
      schema["x-kubernetes-validations"]?.map((rule) => ({
        Rule: rule.rule,
        Message: rule.message ?? "",
        MessageExpression: rule.messageExpression ?? "",
        Reason: rule.reason ?? null,
        FieldPath: rule.fieldPath ?? "",
        OptionalOldSelf: rule.optionalOldSelf ?? null,
      })) ?? null,
  };
}

function printedItems(items: JsonSchemaProps["items"]): object | null {
  if (items === undefined) return null;
  return Array.isArray(items)
    ? { Schema: null, JSONSchemas: items.map(printedSchema) }
    : { Schema: printedSchema(items as JsonSchemaProps), JSONSchemas: null };
}

function printedOrBool(schema: JsonSchemaProps | boolean | undefined): object | null {
  if (schema === undefined) return null;
  return typeof schema === "boolean"
    ? { Allows: schema, Schema: null }
    : { Allows: true, Schema: printedSchema(schema) };
}

/** Go prints maps by their sorted keys. */
function sorted<V>(map: Readonly<Record<string, V>>): [string, V][] {
  return Object.entries(map).sort(([a], [b]) => (a < b ? -1 : 1));
}

function printedByName(schemas: JsonSchemaProps["properties"]): object | null {
  if (schemas === undefined) return null;
  return Object.fromEntries(sorted(schemas).map(([name, schema]) => [name, printedSchema(schema)]));
}

function printedDependencies(dependencies: JsonSchemaProps["dependencies"]): object | null {
  if (dependencies === undefined) return null;
  return Object.fromEntries(
    sorted(dependencies).map(([name, dependency]) => [
      name,
      Array.isArray(dependency)
        ? { Schema: null, Property: dependency }
        : { Schema: printedSchema(dependency as JsonSchemaProps), Property: null },
    ]),
  );
}

function printedDocs(docs: Json | undefined): object | null {
  if (docs === undefined || docs === null) return null;
  const { description = "", url = "" } = docs as { description?: string; url?: string };
  return { Description: description, URL: url };
}
