import type { OpenApiSchema } from "./go-types.ts";

/** What `kubectl explain` says of one definition and its fields. */
interface Description {
  readonly description?: string;
  readonly fields?: Readonly<Record<string, string>>;
}

/** Adds what there is to say about a definition of this name. */
export type Describe = (name: string, schema: OpenApiSchema) => OpenApiSchema;

/** Our descriptions of built-in kinds, read when OpenAPI is first asked for: a server that nobody asks does without. */
export async function loadDescriptions(): Promise<Describe> {
  const { default: json } = await import("../../schemas/kubernetes/descriptions.json", {
    with: { type: "json" },
  });
  const descriptions: Readonly<Record<string, Description>> = json;
  const everyObject = descriptions[""]?.fields ?? {};
  return (name, schema) => {
    const own = Object.hasOwn(descriptions, name) ? descriptions[name] : undefined;
    const isObject = schema["x-kubernetes-group-version-kind"] !== undefined;
    if (own === undefined && !isObject) return schema;
    const fields = isObject ? { ...everyObject, ...own?.fields } : (own?.fields ?? {});
    return {
      ...(own?.description === undefined ? {} : { description: own.description }),
      ...schema,
      ...(schema.properties === undefined ? {} : { properties: describedFields(schema.properties, fields) }),
    };
  };
}

function describedFields(
  properties: Readonly<Record<string, OpenApiSchema>>,
  fields: Readonly<Record<string, string>>,
): Record<string, OpenApiSchema> {
  const described = Object.entries(properties).map(([field, property]): [string, OpenApiSchema] => {
    const description = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (description === undefined || property.description !== undefined) return [field, property];
    // Beside $ref everything else is ignored: JSON Reference.
    const { $ref, ...rest } = property;
    return [field, { description, ...rest, ...($ref === undefined ? {} : { allOf: [{ $ref }] }) }];
  });
  return Object.fromEntries(described);
}
