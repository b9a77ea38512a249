import type { Json, SchemaField, SchemaNode } from "../../apimachinery/index.ts";
import { typeOfDefinition } from "../types.ts";
import { itemsSchema, type JsonSchemaProps, valuesSchema } from "./json-schema.ts";

const objectMeta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/** Fields that every object has, whatever its schema says. */
export const identityFields: ReadonlySet<string> = new Set(["apiVersion", "kind", "metadata"]);

/**
 * A value's schema in a structural schema, linked on first use. It is at once what apply and field ownership walk (`SchemaNode`) and
 * what pruning, defaulting and validation read, so that all see the same.
 */
export class CustomNode implements SchemaNode {
  readonly props: JsonSchemaProps;
  readonly type: SchemaNode["type"];
  readonly listType: SchemaNode["listType"];
  readonly listKeys: readonly string[];
  readonly atomic: boolean;
  readonly preservesUnknown: boolean;
  /** Itself an object of the API, with its own apiVersion, kind and metadata. */
  readonly embedded: boolean;
  readonly nullable: boolean;
  /** Undefined: none. As the schema has it, until `pruneDefaults` makes it what objects may have. */
  default: Json | undefined;
  #properties: ReadonlyMap<string, CustomNode> | undefined;
  #fields: ReadonlyMap<string, SchemaField> | undefined;
  #items: CustomNode | undefined;
  #values: CustomNode | undefined;

  /** `root`: the schema of a whole object. */
  constructor(props: JsonSchemaProps, root = false) {
    this.props = props;
    this.type = nodeType(props);
    this.listType = (props["x-kubernetes-list-type"] as SchemaNode["listType"] | undefined) ?? "atomic";
    this.listKeys = props["x-kubernetes-list-map-keys"] ?? [];
    this.atomic = props["x-kubernetes-map-type"] === "atomic";
    this.preservesUnknown =
      props["x-kubernetes-preserve-unknown-fields"] === true || props.additionalProperties === true;
    this.embedded = root || props["x-kubernetes-embedded-resource"] === true;
    this.nullable = props.nullable === true;
    this.default = props.default ?? undefined;
  }

  /** Keeps what is not declared, one level deep (`x-kubernetes-preserve-unknown-fields`). */
  get keepsUndeclared(): boolean {
    return this.props["x-kubernetes-preserve-unknown-fields"] === true;
  }

  get properties(): ReadonlyMap<string, CustomNode> {
    this.#properties ??= new Map(
      Object.entries(this.props.properties ?? {}).map(([name, props]) => [name, new CustomNode(props)]),
    );
    return this.#properties;
  }

  get items(): CustomNode | undefined {
    const props = itemsSchema(this.props);
    if (props !== undefined) this.#items ??= new CustomNode(props);
    return this.#items;
  }

  get values(): CustomNode | undefined {
    const props = valuesSchema(this.props);
    if (props !== undefined) this.#values ??= new CustomNode(props);
    return this.#values;
  }

  /** Any key is allowed, its value unlooked at (`additionalProperties: true`). */
  get allowsAnyKey(): boolean {
    return this.props.additionalProperties === true;
  }

  /** The schema of a member, declared by name or for all. */
  member(name: string): CustomNode | undefined {
    return this.properties.get(name) ?? this.values;
  }

  get fields(): ReadonlyMap<string, SchemaField> {
    this.#fields ??= this.#linkFields();
    return this.#fields;
  }

  #linkFields(): ReadonlyMap<string, SchemaField> {
    const fields = new Map<string, SchemaField>();
    const add = (name: string, node: SchemaNode, value: Json | undefined): void => {
      fields.set(name, { name, node, default: value, patchStrategy: [], patchMergeKey: undefined });
    };
    for (const [name, node] of this.properties) add(name, node, node.default);
    if (this.embedded) {
      add("apiVersion", text, undefined);
      add("kind", text, undefined);
      add("metadata", typeOfDefinition(objectMeta) as SchemaNode, undefined);
    }
    return fields;
  }
}

const text = new CustomNode({ type: "string" });

function nodeType(props: JsonSchemaProps): SchemaNode["type"] {
  switch (props.type) {
    case "object":
    case "array":
    case "string":
    case "integer":
    case "number":
    case "boolean":
      return props["x-kubernetes-int-or-string"] === true ? "any" : props.type;
    default:
      return "any";
  }
}

/** The schema of a whole custom object; one without a schema keeps everything. */
export function customRoot(props: JsonSchemaProps | undefined): CustomNode {
  return new CustomNode(props ?? { type: "object", "x-kubernetes-preserve-unknown-fields": true }, true);
}
