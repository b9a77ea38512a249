import definitionsJson from "../../schemas/kubernetes/definitions.json" with { type: "json" };
import structsJson from "../../schemas/kubernetes/structs.json" with { type: "json" };
import type { GroupVersionKind, SchemaField, SchemaNode } from "../apimachinery/index.ts";
import { assert } from "../base/index.ts";
import { goTypeOfSchema, type OpenApiSchema, referencedDefinition, shortName } from "./go-types.ts";

/**
 * The committed definitions as a graph of types, linked on first use. A type knows both sides: OpenAPI's (defaults, list types,
 * merge keys) for patches and apply, and Go's (pointers, omitempty, names) because the exact answers and errors of the API are
 * those of Go's encoder and decoder.
 */
export const definitions: Readonly<Record<string, OpenApiSchema>> = definitionsJson as unknown as Record<
  string,
  OpenApiSchema
>;
const structs: Readonly<Record<string, readonly string[]>> = structsJson;

/** How a value is read and written. */
export type Codec =
  | "struct"
  | "map"
  | "list"
  | "string"
  | "bytes"
  | "int32"
  | "int64"
  | "float"
  | "bool"
  | "quantity"
  | "time"
  | "microtime"
  | "intOrString"
  | "raw"
  | "schemaOrBool"
  | "schemaOrArray"
  | "schemaOrStringArray";

/** Definitions with their own JSON form in Go. */
const specialCodecs: Readonly<Record<string, Codec>> = {
  "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "time",
  "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "microtime",
  "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intOrString",
  "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "raw",
  "io.k8s.apimachinery.pkg.apis.meta.v1.Patch": "raw",
  "io.k8s.apimachinery.pkg.runtime.RawExtension": "raw",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "raw",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool": "schemaOrBool",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray": "schemaOrArray",
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray":
    "schemaOrStringArray",
};

export const schemaPropsDefinition =
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps";

function codecOf(schema: OpenApiSchema, definition: string | undefined): Codec {
  const special = definition === undefined ? undefined : specialCodecs[definition];
  if (special !== undefined) return special;
  switch (schema.type) {
    case "object":
      return schema.additionalProperties === undefined ? "struct" : "map";
    case "array":
      return "list";
    case "string":
      return schema.format === "byte" ? "bytes" : "string";
    case "integer":
      return schema.format === "int32" ? "int32" : "int64";
    case "number":
      return "float";
    case "boolean":
      return "bool";
    default:
      return "raw";
  }
}

/** Of these Go knows an empty value from none. */
const hasItems: ReadonlySet<Codec> = new Set(["list", "map", "bytes"]);

const nodeTypes: Readonly<Record<Codec, SchemaNode["type"]>> = {
  struct: "object",
  map: "object",
  list: "array",
  string: "string",
  bytes: "string",
  int32: "integer",
  int64: "integer",
  float: "number",
  bool: "boolean",
  quantity: "any",
  time: "string",
  microtime: "string",
  intOrString: "any",
  raw: "any",
  schemaOrBool: "any",
  schemaOrArray: "any",
  schemaOrStringArray: "any",
};

/** A field of a Go struct. */
export interface TypeField extends SchemaField {
  readonly node: TypeNode;
  readonly omitEmpty: boolean;
  readonly omitZero: boolean;
  readonly pointer: boolean;
}

export class TypeNode implements SchemaNode {
  /** As reflect prints it: `v1.PodSpec`, `[]v1.Container`. */
  readonly goType: string;
  /** Group folder and Go name, unique: `core/v1.PodSpec`, `apps/v1.Deployment`; "" for what has no name. */
  readonly goName: string;
  /** `PodSpec`; "" for what is no struct. */
  readonly structName: string;
  readonly codec: Codec;
  readonly type: SchemaNode["type"];
  readonly listType: "atomic" | "set" | "map";
  readonly listKeys: readonly string[];
  readonly atomic: boolean;
  readonly preservesUnknown: boolean;
  readonly #schema: OpenApiSchema;
  readonly #definition: string | undefined;
  #fieldList: readonly TypeField[] | undefined;
  #fields: ReadonlyMap<string, TypeField> | undefined;
  #element: TypeNode | undefined;

  constructor(schema: OpenApiSchema, definition: string | undefined, goType: string, atomic: boolean) {
    this.#schema = schema;
    this.#definition = definition;
    this.goType = goType;
    this.codec = codecOf(schema, definition);
    this.goName =
      definition !== undefined
        ? qualifiedName(definition)
        : goType === "v1.ResourceList"
          ? "core/v1.ResourceList"
          : "";
    this.structName = this.codec === "struct" && definition !== undefined ? shortName(definition) : "";
    this.type = nodeTypes[this.codec];
    this.listType = schema["x-kubernetes-list-type"] ?? "atomic";
    this.listKeys = schema["x-kubernetes-list-map-keys"] ?? [];
    // An object of undeclared content is one leaf to apply.
    this.atomic = atomic || (this.codec === "raw" && schema.type === "object");
    this.preservesUnknown = this.codec === "raw";
  }

  /** Fields in Go's order: the order of keys in what is written. */
  get fieldList(): readonly TypeField[] {
    this.#fieldList ??= this.codec === "struct" ? this.#linkFields() : [];
    return this.#fieldList;
  }

  get fields(): ReadonlyMap<string, TypeField> {
    this.#fields ??= new Map(this.fieldList.map((field) => [field.name, field]));
    return this.#fields;
  }

  get values(): TypeNode | undefined {
    if (this.codec !== "map") return undefined;
    return this.#elementOf(this.#schema.additionalProperties as OpenApiSchema, /^map\[[^\]]*\]/);
  }

  get items(): TypeNode | undefined {
    if (this.codec !== "list") return undefined;
    return this.#elementOf(this.#schema.items as OpenApiSchema, /^\[\]/);
  }

  /** The element type; its Go name is what stays of ours without the bracket, unless ours is a name of its own (v1.ResourceList). */
  #elementOf(schema: OpenApiSchema, bracket: RegExp): TypeNode {
    this.#element ??= typeOf(
      schema,
      bracket.test(this.goType) ? this.goType.replace(bracket, "") : goTypeOfSchema(schema),
    );
    return this.#element;
  }

  #linkFields(): TypeField[] {
    const properties = this.#schema.properties ?? {};
    const lines = this.#definition === undefined ? undefined : structs[this.#definition];
    return (lines ?? []).map((line) => {
      const [name, flags = "", goType = ""] = line.split("|") as [string, string?, string?];
      const schema = properties[name];
      assert(schema !== undefined, `${this.#definition} has no property ${name}`);
      const node = typeOf(schema, goType === "" ? goTypeOfSchema(schema) : goType);
      const omitEmpty = flags.includes("o");
      const pointer = flags.includes("p");
      return {
        name,
        node,
        omitEmpty,
        omitZero: flags.includes("z"),
        pointer,
        leavesOutEmpty: omitEmpty && !pointer && hasItems.has(node.codec),
        default: schema.default,
        patchStrategy: patchStrategies(schema["x-kubernetes-patch-strategy"]),
        patchMergeKey: schema["x-kubernetes-patch-merge-key"],
      };
    });
  }
}

const groupsByPackage: Readonly<Record<string, string>> = {
  admissionregistration: "admissionregistration.k8s.io",
  apiextensions: "apiextensions.k8s.io",
  apiregistration: "apiregistration.k8s.io",
  certificates: "certificates.k8s.io",
  coordination: "coordination.k8s.io",
  discovery: "discovery.k8s.io",
  events: "events.k8s.io",
  flowcontrol: "flowcontrol.apiserver.k8s.io",
  networking: "networking.k8s.io",
  node: "node.k8s.io",
  rbac: "rbac.authorization.k8s.io",
  resource: "resource.k8s.io",
  scheduling: "scheduling.k8s.io",
  storage: "storage.k8s.io",
};

function qualifiedName(definition: string): string {
  const [group, version, name] = definition.split(".").slice(-3) as [string, string, string];
  return `${groupsByPackage[group] ?? group}/${version}.${name}`;
}

function patchStrategies(text: string | undefined): TypeField["patchStrategy"] {
  return text === undefined ? [] : (text.split(",") as unknown as TypeField["patchStrategy"]);
}

const linked = new Map<string, TypeNode>();

/** The type of a schema; types of definitions are shared. */
function typeOf(schema: OpenApiSchema, goType: string): TypeNode {
  const definition = referencedDefinition(schema);
  const atomicHere = schema["x-kubernetes-map-type"] === "atomic";
  if (definition === undefined) return new TypeNode(schema, undefined, goType, atomicHere);
  const shared = typeOfDefinition(definition);
  assert(shared !== undefined, `no definition ${definition}`);
  // A field may own its object as a whole, or in parts where the type says as a whole.
  const granularHere = schema["x-kubernetes-map-type"] === "granular";
  if ((!atomicHere || shared.atomic) && !(granularHere && shared.atomic)) return shared;
  return new TypeNode(definitions[definition] as OpenApiSchema, definition, goType, atomicHere);
}

export function typeOfDefinition(definition: string): TypeNode | undefined {
  let node = linked.get(definition);
  if (node !== undefined) return node;
  const schema = Object.hasOwn(definitions, definition) ? definitions[definition] : undefined;
  if (schema === undefined) return undefined;
  const goType = definition.split(".").slice(-2).join(".");
  node = new TypeNode(schema, definition, goType, schema["x-kubernetes-map-type"] === "atomic");
  linked.set(definition, node);
  return node;
}

let definitionsByKind: Map<string, string> | undefined;

/** The definition of a kind, such as io.k8s.api.apps.v1.Deployment. */
export function definitionOfKind(kind: GroupVersionKind): string | undefined {
  if (definitionsByKind === undefined) {
    definitionsByKind = new Map();
    for (const [name, schema] of Object.entries(definitions)) {
      for (const gvk of schema["x-kubernetes-group-version-kind"] ?? []) {
        const key = `${gvk.group}/${gvk.version}/${gvk.kind}`;
        if (!definitionsByKind.has(key)) definitionsByKind.set(key, name);
      }
    }
  }
  return definitionsByKind.get(`${kind.group}/${kind.version}/${kind.kind}`);
}

/** The type of a built-in kind; undefined for a kind that there is not. */
export function typeOfKind(kind: GroupVersionKind): TypeNode | undefined {
  const definition = definitionOfKind(kind);
  return definition === undefined ? undefined : typeOfDefinition(definition);
}
