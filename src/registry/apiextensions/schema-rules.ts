import { type FieldError, field } from "../../apimachinery/index.ts";
import {
  internalForm,
  itemsSchema,
  type JsonSchemaProps,
  someSchema,
  valuesSchema,
} from "../../schema/index.ts";
import { defaultProblems } from "./default-rules.ts";
import { listRules } from "./list-rules.ts";
import { ruleEngine } from "./rule-engine.ts";
import { schemasOf } from "./shared-fields.ts";
import { structuralProblems } from "./structural-rules.ts";
import type { CustomResourceDefinition } from "./types.ts";
import { validationRuleShape } from "./validation-rule-shape.ts";

export interface SchemaPlace {
  readonly path: string;
  /** Of the version, or of any that shares the schema. */
  readonly hasStatus: boolean;
  /** The CRD that an update replaces. */
  readonly old: CustomResourceDefinition | undefined;
  /** The update leaves this schema as it is. */
  readonly unchanged: boolean;
}

const propertyTypes = ["array", "boolean", "integer", "number", "object", "string"];
const identity = new Set(["metadata", "kind", "apiVersion"]);

/** What upstream allows at the root of a schema whose version has a status subresource, under Go's names. */
const allowedAtRoot =
  "[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]";
const allowedRootFields = new Set<string>([
  "description",
  "type",
  "format",
  "title",
  "maximum",
  "exclusiveMaximum",
  "minimum",
  "exclusiveMinimum",
  "maxLength",
  "minLength",
  "pattern",
  "maxItems",
  "minItems",
  "uniqueItems",
  "multipleOf",
  "required",
  "items",
  "properties",
  "externalDocs",
  "example",
  "x-kubernetes-preserve-unknown-fields",
  "x-kubernetes-validations",
]);

/** What is wrong with the schema of a CRD, `path` being where it stands. */
export function schemaProblems(schema: JsonSchemaProps, place: SchemaPlace): FieldError[] {
  const { path } = place;
  const problems: FieldError[] = [];
  if (place.hasStatus) problems.push(...statusRootProblems(schema, path));
  if (schema.nullable === true)
    problems.push(field.forbidden(`${path}.nullable`, "nullable cannot be true at the root"));
  const unsupported = unsupportedFeature(schema);
  if (unsupported === undefined) {
    const structural = structuralProblems(schema, path);
    problems.push(...(structural.length > 0 ? structural : defaultProblems(schema, path, place)));
  }
  const walk = new SchemaWalk(leniences(place.old));
  walk.visit(schema, path, { isRoot: true, insideMeta: false, noDefaults: undefined });
  problems.push(...walk.problems);
  if (problems.length === 0 && unsupported === undefined) {
    const engine = ruleEngine(schema);
    problems.push(...(engine?.expressionProblems(schema, path, place.unchanged) ?? []));
  }
  if (problems.length === 0 && unsupported !== undefined)
    problems.push(field.invalid(path, "", `OpenAPIV3Schema '${unsupported}' is not supported`));
  return problems;
}

function statusRootProblems(schema: JsonSchemaProps, path: string): FieldError[] {
  for (const name of Object.keys(schema)) {
    if (name === "type" && schema.type !== "object") {
      const text =
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled';
      return [field.invalid(`${path}.type`, schema.type, text)];
    }
    if (!allowedRootFields.has(name)) {
      const text = `only ${allowedAtRoot} fields are allowed at the root of the schema if the status subresource is enabled`;
      return [field.invalid(path, internalForm("JSONSchemaProps", schema), text)];
    }
  }
  return [];
}

/** A feature of JSON Schema that no structural schema has. */
function unsupportedFeature(schema: JsonSchemaProps): string | undefined {
  let found: string | undefined;
  someSchema(schema, (inner) => {
    if (inner.id) found = "id";
    else if (inner.$schema) found = "schema";
    else if (inner.$ref) found = "$ref";
    else if (hasMembers(inner.patternProperties)) found = "patternProperties";
    else if (hasMembers(inner.dependencies)) found = "dependencies";
    else if (inner.additionalItems !== undefined) found = "additionalItems";
    else if (hasMembers(inner.definitions)) found = "definitions";
    else if (Array.isArray(inner.items)) found = "items";
    else if (inner["x-kubernetes-preserve-unknown-fields"] === false)
      found = "x-kubernetes-preserve-unknown-fields";
    return found !== undefined;
  });
  return found;
}

const hasMembers = (map: object | undefined): boolean => map !== undefined && Object.keys(map).length > 0;

/** What an update need not mend because the CRD had it before. */
interface Leniences {
  readonly types: boolean;
  readonly setItems: boolean;
  readonly mapKeys: boolean;
}

function leniences(old: CustomResourceDefinition | undefined): Leniences {
  const has = (is: (schema: JsonSchemaProps) => boolean): boolean =>
    old !== undefined && schemasOf(old.spec).some((schema) => someSchema(schema, is));
  return {
    types: has(({ type }) => type !== undefined && !propertyTypes.includes(type)),
    setItems: has((schema) => listRules.setItems(schema, "").length > 0),
    mapKeys: has((schema) => listRules.mapKeys(schema, "").length > 0),
  };
}

interface Surroundings {
  readonly isRoot: boolean;
  readonly insideMeta: boolean;
  /** Why defaults may not stand here; "" for no reason given, undefined where they may. */
  readonly noDefaults: string | undefined;
}

/** Every schema within one, and what is wrong with each by itself. */
class SchemaWalk {
  readonly problems: FieldError[] = [];
  readonly #lenient: Leniences;

  constructor(lenient: Leniences) {
    this.#lenient = lenient;
  }

  visit(schema: JsonSchemaProps, path: string, around: Surroundings): void {
    const { problems } = this;
    problems.push(...this.#standard(schema, path, around));
    if (schema.uniqueItems === true) {
      const text = "uniqueItems cannot be set to true since the runtime complexity becomes quadratic";
      problems.push(field.forbidden(`${path}.uniqueItems`, text));
    }
    this.#members(schema, path, around);
    const inner = { ...around, isRoot: false };
    if (schema.not !== undefined) this.visit(schema.not, `${path}.not`, inner);
    for (const name of ["allOf", "oneOf", "anyOf"] as const) {
      (schema[name] ?? []).forEach((alternative, index) => {
        this.visit(alternative, `${path}.${name}[${index}]`, inner);
      });
    }
    for (const [name, definition] of Object.entries(schema.definitions ?? {}))
      this.visit(definition, `${path}.definitions[${name}]`, inner);
    const items = itemsSchema(schema);
    if (items !== undefined) this.visit(items, `${path}.items`, inner);
    if (schema["x-kubernetes-preserve-unknown-fields"] === false) {
      const at = `${path}.x-kubernetes-preserve-unknown-fields`;
      problems.push(field.invalid(at, false, "must be true or undefined"));
    }
    problems.push(...listRules.mapType(schema, path), ...listRules.listType(schema, path, this.#lenient));
    if (!this.#lenient.mapKeys) problems.push(...listRules.mapKeys(schema, path));
    problems.push(...validationRuleShape(schema, path));
  }

  #members(schema: JsonSchemaProps, path: string, around: Surroundings): void {
    const { properties = {}, additionalProperties } = schema;
    const declared = Object.entries(properties);
    if (additionalProperties !== undefined && additionalProperties !== true && declared.length > 0) {
      const text = "additionalProperties and properties are mutual exclusive";
      this.problems.push(field.forbidden(`${path}.additionalProperties`, text));
    }
    const inner = { ...around, isRoot: false };
    const values = valuesSchema(schema);
    if (values !== undefined) {
      const noDefaults = around.insideMeta
        ? "inside additionalProperties applying to object metadata"
        : around.noDefaults;
      this.visit(values, `${path}.additionalProperties`, { ...inner, noDefaults });
    }
    const isObject = around.isRoot || schema["x-kubernetes-embedded-resource"] === true;
    for (const [name, property] of declared) {
      const isIdentity = isObject && identity.has(name);
      this.visit(property, `${path}.properties[${name}]`, {
        isRoot: false,
        insideMeta: around.insideMeta || isIdentity,
        noDefaults: isIdentity && around.isRoot ? `in top-level ${name}` : around.noDefaults,
      });
    }
  }

  #standard(schema: JsonSchemaProps, path: string, around: Surroundings): FieldError[] {
    const problems: FieldError[] = [];
    const { type } = schema;
    if (!this.#lenient.types && type !== undefined && !propertyTypes.includes(type))
      problems.push(field.notSupported(`${path}.type`, type, propertyTypes));
    if (schema.default !== undefined && around.noDefaults !== undefined)
      problems.push(field.forbidden(`${path}.default`, `must not be set ${around.noDefaults}`.trim()));
    const forbid = (name: keyof JsonSchemaProps, isSet: boolean): void => {
      if (isSet) problems.push(field.forbidden(`${path}.${name}`, `${name} is not supported`));
    };
    forbid("id", !!schema.id);
    forbid("additionalItems", schema.additionalItems !== undefined);
    forbid("patternProperties", hasMembers(schema.patternProperties));
    forbid("definitions", hasMembers(schema.definitions));
    forbid("dependencies", schema.dependencies !== undefined);
    forbid("$ref", schema.$ref !== undefined);
    if (type === "null")
      problems.push(
        field.forbidden(`${path}.type`, "type cannot be set to null, use nullable as an alternative"),
      );
    if (Array.isArray(schema.items))
      problems.push(field.forbidden(`${path}.items`, "items must be a schema object and not an array"));
    if (around.insideMeta && schema["x-kubernetes-embedded-resource"] === true) {
      const at = `${path}.x-kubernetes-embedded-resource`;
      problems.push(field.forbidden(at, "must not be used inside of resource meta"));
    }
    return problems;
  }
}
