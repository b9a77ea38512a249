/**
 * The shape of a kind, as merging, applying, decoding and pruning need it: one node for each type, linked lazily so
 * that recursive types (JSONSchemaProps) and large kinds (PodSpec) cost nothing until they are looked at. Built-in
 * kinds come from the committed schemas, custom ones from their CRD; there is no second form.
 */
export interface SchemaNode {
  readonly type: "object" | "array" | "string" | "integer" | "number" | "boolean" | "any";
  /** Declared fields of an object, by JSON name; empty for a pure map. */
  readonly fields: ReadonlyMap<string, SchemaField>;
  /** Type of the values of a map, undefined where keys outside `fields` are not allowed. */
  readonly values: SchemaNode | undefined;
  /** Type of the items of an array. */
  readonly items: SchemaNode | undefined;
  /** x-kubernetes-list-type; lists without one are atomic. */
  readonly listType: "atomic" | "set" | "map";
  /** x-kubernetes-list-map-keys, in order. */
  readonly listKeys: readonly string[];
  /** x-kubernetes-map-type: an atomic object or map is replaced as a whole by apply. */
  readonly atomic: boolean;
  /** x-kubernetes-preserve-unknown-fields, RawExtension: anything may stand below. */
  readonly preservesUnknown: boolean;
}

export interface SchemaField {
  readonly name: string;
  readonly node: SchemaNode;
  /** A list, a map or bytes, left out where the object is written when there is nothing in it: Go's omitempty. */
  readonly leavesOutEmpty?: boolean;
  /** Schema default, undefined for none. */
  readonly default: unknown;
  /** Strategic merge patch: "merge" merges lists by `mergeKey`, "retainKeys" drops keys that the patch does not list, "replace" replaces. */
  readonly patchStrategy: readonly ("merge" | "replace" | "retainKeys")[];
  /** Of a list of objects with strategy merge; undefined for lists of primitives. */
  readonly patchMergeKey: string | undefined;
}
