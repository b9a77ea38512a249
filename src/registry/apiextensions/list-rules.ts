import { type FieldError, field } from "../../apimachinery/index.ts";
import { itemsSchema, type JsonSchemaProps } from "../../schema/index.ts";

/** Rules of x-kubernetes-map-type, x-kubernetes-list-type and x-kubernetes-list-map-keys. */
export const listRules = { mapType, listType, setItems, mapKeys };

function mapType(schema: JsonSchemaProps, path: string): FieldError[] {
  const mapType = schema["x-kubernetes-map-type"];
  if (mapType === undefined) return [];
  const problems = typeMustBe("object", "x-kubernetes-map-type", schema, path);
  if (mapType !== "atomic" && mapType !== "granular")
    problems.push(field.notSupported(`${path}.x-kubernetes-map-type`, mapType, ["atomic", "granular"]));
  return problems;
}

function typeMustBe(type: string, extension: string, schema: JsonSchemaProps, path: string): FieldError[] {
  if (schema.type === type) return [];
  const text = `must be ${type} if ${extension} is specified`;
  if (schema.type === undefined) return [field.required(`${path}.type`, text)];
  return [field.invalid(`${path}.type`, schema.type, text)];
}

function listType(
  schema: JsonSchemaProps,
  path: string,
  lenient: { readonly setItems: boolean },
): FieldError[] {
  const listType = schema["x-kubernetes-list-type"];
  const keys = schema["x-kubernetes-list-map-keys"] ?? [];
  const at = `${path}.x-kubernetes-list-type`;
  const problems: FieldError[] = [];
  if (listType !== undefined) {
    const wrongType = typeMustBe("array", "x-kubernetes-list-type", schema, path);
    problems.push(...wrongType);
    if (wrongType.length === 0 && !lenient.setItems) problems.push(...setItems(schema, path));
    if (listType !== "atomic" && listType !== "set" && listType !== "map")
      problems.push(field.notSupported(at, listType, ["atomic", "set", "map"]));
  }
  if (keys.length > 0) {
    const text = "must be map if x-kubernetes-list-map-keys is non-empty";
    if (listType === undefined) problems.push(field.required(at, text));
    else if (listType !== "map") problems.push(field.invalid(at, listType, text));
  }
  if (listType === "map") problems.push(...mapItems(schema, keys, path));
  return problems;
}

/** Items of a set are compared as wholes. */
function setItems(schema: JsonSchemaProps, path: string): FieldError[] {
  const items = itemsSchema(schema);
  if (schema["x-kubernetes-list-type"] !== "set" || items === undefined) return [];
  const text = "must be atomic as item of a list with x-kubernetes-list-type=set";
  const listType = items["x-kubernetes-list-type"];
  if (items.type === "array" && listType !== undefined && listType !== "atomic")
    return [field.invalid(`${path}.items.x-kubernetes-list-type`, listType, text)];
  if (items.type === "object" && items["x-kubernetes-map-type"] !== "atomic")
    return [field.invalid(`${path}.items.x-kubernetes-map-type`, listType ?? null, text)];
  return [];
}

function mapItems(schema: JsonSchemaProps, keys: readonly string[], path: string): FieldError[] {
  const problems: FieldError[] = [];
  const keysAt = `${path}.x-kubernetes-list-map-keys`;
  if (keys.length === 0) {
    problems.push(field.required(keysAt, "must not be empty if x-kubernetes-list-type is map"));
  }
  if (schema.items === undefined) {
    problems.push(field.required(`${path}.items`, "must have a schema if x-kubernetes-list-type is map"));
    return problems;
  }
  const items = itemsSchema(schema);
  if (items === undefined) {
    const text = "must only have a single schema if x-kubernetes-list-type is map";
    return [...problems, field.invalid(`${path}.items`, schema.items, text)];
  }
  if (items.type !== "object") {
    const text = "must be object if parent array's x-kubernetes-list-type is map";
    return [...problems, field.invalid(`${path}.items.type`, items.type ?? "", text)];
  }
  const { properties = {} } = items;
  keys.forEach((key, index) => {
    const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (property === undefined) {
      problems.push(field.invalid(keysAt, keys, "entries must all be names of item properties"));
    } else if (property.type === "array" || property.type === "object") {
      const text = "must be a scalar type if parent array's x-kubernetes-list-type is map";
      problems.push(field.invalid(`${path}.items.properties[${key}].type`, items.type, text));
    }
    if (keys.indexOf(key) < index)
      problems.push(field.invalid(keysAt, keys, "must not contain duplicate entries"));
  });
  return problems;
}

/** Items that are found by key have their keys, and are there. */
function mapKeys(schema: JsonSchemaProps, path: string): FieldError[] {
  const items = itemsSchema(schema);
  const listType = schema["x-kubernetes-list-type"];
  if (items === undefined || (listType !== "set" && listType !== "map")) return [];
  const problems: FieldError[] = [];
  if (items.nullable === true) {
    const text = `cannot be nullable when x-kubernetes-list-type is ${listType}`;
    problems.push(field.forbidden(`${path}.items.nullable`, text));
  }
  if (listType === "set") return problems;
  for (const key of schema["x-kubernetes-list-map-keys"] ?? []) {
    const { properties = {}, required = [] } = items;
    if (!Object.hasOwn(properties, key)) continue;
    const property = properties[key] as JsonSchemaProps;
    const at = `${path}.items.properties[${key}]`;
    if (!required.includes(key) && property.default === undefined) {
      const text =
        "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property";
      problems.push(field.required(`${at}.default`, text));
    }
    if (property.nullable === true) {
      const text = "this property is in x-kubernetes-list-map-keys, so it cannot be nullable";
      problems.push(field.forbidden(`${at}.nullable`, text));
    }
  }
  return problems;
}
