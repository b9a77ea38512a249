import { deepEqual, type FieldError, field } from "../../apimachinery/index.ts";
import {
  compilePattern,
  itemsSchema,
  type JsonSchemaProps,
  PatternError,
  valuesSchema,
} from "../../schema/index.ts";

/**
 * Whether a schema is structural: every value has one declared type, and alternatives (anyOf, oneOf, allOf, not) only narrow what is declared
 * outside of them. Pruning, defaulting and apply rest on it. apiextensions' ValidateStructural, with its texts.
 */
export function structuralProblems(schema: JsonSchemaProps, path: string): FieldError[] {
  const problems: FieldError[] = [];
  invariants(schema, "root", path, problems);
  completeness(schema, schema, { structural: path, value: path }, problems);
  return problems.sort((a, b) => {
    const [left, right] = [field.fieldErrorText(a), field.fieldErrorText(b)];
    return left < right ? -1 : left > right ? 1 : 0;
  });
}

type Level = "root" | "item" | "field";

const emptyType: Readonly<Record<Level, string>> = {
  root: "must not be empty at the root",
  item: "must not be empty for specified array items",
  field: "must not be empty for specified object fields",
};

/** The alternatives by which a schema says that a value is an integer or a text. */
function isIntegerOrString(alternatives: readonly JsonSchemaProps[] | undefined): boolean {
  return deepEqual(alternatives?.map(structuralPart), [{ type: "integer" }, { type: "string" }]);
}

/** Without what no structural schema has. */
function structuralPart(schema: JsonSchemaProps): JsonSchemaProps {
  const { dependencies: _, patternProperties: __, definitions: ___, ...rest } = schema;
  return rest;
}

function invariants(schema: JsonSchemaProps, level: Level, path: string, problems: FieldError[]): void {
  const { type = "", properties = {} } = schema;
  const items = itemsSchema(schema);
  const embedded = schema["x-kubernetes-embedded-resource"] === true;
  const intOrString = schema["x-kubernetes-int-or-string"] === true;
  const preserves = schema["x-kubernetes-preserve-unknown-fields"] === true;
  if (type === "array" && items === undefined)
    problems.push(field.required(`${path}.items`, "must be specified"));
  if (items !== undefined) invariants(items, "item", `${path}.items`, problems);
  for (const [name, inner] of Object.entries(properties))
    invariants(inner, "field", `${path}.properties[${name}]`, problems);
  if (schema.additionalProperties !== undefined) {
    if (level === "root")
      problems.push(field.forbidden(`${path}.additionalProperties`, "must not be used at the root"));
    const values = valuesSchema(schema);
    if (values !== undefined) invariants(values, "field", `${path}.additionalProperties`, problems);
  }
  if (intOrString && preserves) {
    const text = "must be false if x-kubernetes-int-or-string is true";
    problems.push(field.invalid(`${path}.x-kubernetes-preserve-unknown-fields`, true, text));
  }
  if (intOrString && embedded) {
    const text = "must be false if x-kubernetes-int-or-string is true";
    problems.push(field.invalid(`${path}.x-kubernetes-embedded-resource`, true, text));
  }
  valueRules(schema, path, problems, {
    anyOf: isIntegerOrString(schema.anyOf),
    firstAllOf: isIntegerOrString(schema.allOf?.[0]?.anyOf),
  });
  if (embedded && type !== "object") {
    const text = "must be object if x-kubernetes-embedded-resource is true";
    problems.push(
      type === "" ? field.required(`${path}.type`, text) : field.invalid(`${path}.type`, type, text),
    );
  } else if (type === "" && !intOrString && !preserves) {
    problems.push(field.required(`${path}.type`, emptyType[level]));
  }
  if (embedded && schema.additionalProperties !== undefined) {
    const text = "must not be used if x-kubernetes-embedded-resource is set";
    problems.push(field.forbidden(`${path}.additionalProperties`, text));
  }
  if (level === "root" && type !== "" && type !== "object")
    problems.push(field.invalid(`${path}.type`, type, "must be object at the root"));
  identityRules(schema, level, path, problems);
  if (embedded && !preserves && Object.keys(properties).length === 0) {
    const text =
      "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields";
    problems.push(field.required(`${path}.properties`, text));
  }
}

/** What every object has is declared by nobody; metadata may be narrowed at the root, in its names. */
function identityRules(schema: JsonSchemaProps, level: Level, path: string, problems: FieldError[]): void {
  const isObject = level === "root" || schema["x-kubernetes-embedded-resource"] === true;
  const { properties = {} } = schema;
  for (const name of ["kind", "apiVersion"]) {
    const text = properties[name];
    if (isObject && Object.hasOwn(properties, name) && text?.type !== "string")
      problems.push(field.invalid(`${path}.properties[${name}].type`, text?.type ?? "", "must be string"));
  }
  if (!Object.hasOwn(properties, "metadata")) return;
  const metadata = properties["metadata"] as JsonSchemaProps;
  const at = `${path}.properties[metadata]`;
  if (isObject && metadata.type !== "object")
    problems.push(field.invalid(`${at}.type`, metadata.type ?? "", "must be object"));
  if (level === "root" && !narrowsNamesOnly(metadata)) {
    const text =
      "must not specify anything other than name and generateName, but metadata is implicitly specified";
    problems.push(field.forbidden(at, text));
  }
}

function narrowsNamesOnly(metadata: JsonSchemaProps): boolean {
  const { type: _type, default: _default, properties = {}, ...others } = metadata;
  const names = Object.keys(properties);
  return (
    Object.keys(others).length === 0 && names.every((name) => name === "name" || name === "generateName")
  );
}

function valueRules(
  schema: JsonSchemaProps,
  path: string,
  problems: FieldError[],
  skip: { readonly anyOf: boolean; readonly firstAllOf: boolean },
): void {
  if (!skip.anyOf) {
    (schema.anyOf ?? []).forEach((inner, index) => {
      nestedRules(inner, `${path}.anyOf[${index}]`, problems);
    });
  }
  (schema.allOf ?? []).forEach((inner, index) => {
    nestedRules(inner, `${path}.allOf[${index}]`, problems, skip.firstAllOf && index === 0);
  });
  (schema.oneOf ?? []).forEach((inner, index) => {
    nestedRules(inner, `${path}.oneOf[${index}]`, problems);
  });
  if (schema.not !== undefined) nestedRules(schema.not, `${path}.not`, problems);
  if (schema.pattern !== undefined) {
    try {
      compilePattern(schema.pattern);
    } catch (error) {
      if (!(error instanceof PatternError)) throw error;
      const text = `must be a valid regular expression, but isn't: ${error.message}`;
      problems.push(field.invalid(`${path}.pattern`, schema.pattern, text));
    }
  }
}

const forbiddenNested: readonly (readonly [name: keyof JsonSchemaProps, text: string])[] = [
  ["type", "must be empty to be structural"],
  ["additionalProperties", "must be undefined to be structural"],
  ["default", "must be undefined to be structural"],
  ["title", "must be empty to be structural"],
  ["description", "must be empty to be structural"],
  ["nullable", "must be false to be structural"],
  ["x-kubernetes-preserve-unknown-fields", "must be false to be structural"],
  ["x-kubernetes-embedded-resource", "must be false to be structural"],
  ["x-kubernetes-int-or-string", "must be false to be structural"],
  ["x-kubernetes-list-map-keys", "must be empty to be structural"],
  ["x-kubernetes-list-type", "must be undefined to be structural"],
  ["x-kubernetes-map-type", "must be undefined to be structural"],
  ["x-kubernetes-validations", "must be empty to be structural"],
];

/** Below anyOf, oneOf, allOf and not nothing is declared. */
function nestedRules(schema: JsonSchemaProps, path: string, problems: FieldError[], skipAnyOf = false): void {
  valueRules(schema, path, problems, { anyOf: skipAnyOf, firstAllOf: false });
  const items = itemsSchema(schema);
  if (items !== undefined) nestedRules(items, `${path}.items`, problems);
  const { properties = {} } = schema;
  for (const [name, inner] of Object.entries(properties))
    nestedRules(inner, `${path}.properties[${name}]`, problems);
  for (const [name, text] of forbiddenNested) {
    if (schema[name] !== undefined && !(name === "additionalProperties" && schema[name] === false))
      problems.push(field.forbidden(`${path}.${name}`, text));
  }
  if (Object.hasOwn(properties, "metadata"))
    problems.push(
      field.forbidden(`${path}.properties[metadata]`, "must not be specified in a nested context"),
    );
}

interface Paths {
  readonly structural: string;
  readonly value: string;
}

/** Whatever an alternative speaks of is declared outside of it. */
function completeness(
  value: JsonSchemaProps,
  structural: JsonSchemaProps,
  paths: Paths,
  problems: FieldError[],
): void {
  const below = (inner: JsonSchemaProps | undefined, name: string): void => {
    if (inner !== undefined)
      nestedCompleteness(inner, structural, { ...paths, value: `${paths.value}.${name}` }, problems);
  };
  below(value.not, "not");
  for (const name of ["allOf", "anyOf", "oneOf"] as const) {
    (value[name] ?? []).forEach((inner, index) => {
      below(inner, `${name}[${index}]`);
    });
  }
}

function nestedCompleteness(
  value: JsonSchemaProps,
  structural: JsonSchemaProps | undefined,
  paths: Paths,
  problems: FieldError[],
): void {
  if (structural === undefined) {
    problems.push(field.required(paths.structural, `because it is defined in ${paths.value}`));
    return;
  }
  completeness(value, structural, paths, problems);
  const items = itemsSchema(value);
  if (items !== undefined) {
    const at = { structural: `${paths.structural}.items`, value: `${paths.value}.items` };
    nestedCompleteness(items, itemsSchema(structural), at, problems);
  }
  const declared = structural.properties ?? {};
  for (const [name, inner] of Object.entries(value.properties ?? {})) {
    const at = {
      structural: `${paths.structural}.properties[${name}]`,
      value: `${paths.value}.properties[${name}]`,
    };
    const counterpart = Object.hasOwn(declared, name) ? declared[name] : undefined;
    nestedCompleteness(inner, counterpart, at, problems);
  }
}
