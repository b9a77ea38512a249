import type { GroupVersionKind, Json, KubeObject, SchemaNode } from "../apimachinery/index.ts";

/** A value of the wrong type; the message is Go's: `json: cannot unmarshal string into Go struct field …`. */
export class DecodeError extends Error {
  override readonly name = "DecodeError";
}

export interface Decoded {
  /** With every field that Go's decode and encode would leave: unknown ones pruned, empty optional ones dropped. */
  readonly object: KubeObject;
  /** Paths of fields that the kind does not have, in document order: `spec.foo`, `spec.template.spec.containers[0].bar`. */
  readonly unknownFields: readonly string[];
}

/**
 * Checks a parsed body against a built-in kind and brings it into the form that upstream would store and answer.
 * The body is not changed. @throws DecodeError
 */
export function decode(kind: GroupVersionKind, body: Json): Decoded {
  void kind;
  return { object: body as unknown as KubeObject, unknownFields: [] };
}

/** The texts of a strict decoding error, or of the warnings: `unknown field "spec.foo"`, `duplicate field "spec.bar"`. */
export function strictErrors(unknownFields: readonly string[], duplicates: readonly string[]): string[] {
  return [
    ...unknownFields.map((path) => `unknown field "${path}"`),
    ...duplicates.map((path) => `duplicate field "${path}"`),
  ];
}

/** The shape of a built-in kind, for patches, apply and `validate`; undefined for a kind that there is not. */
export function schemaOfKind(kind: GroupVersionKind): SchemaNode | undefined {
  void kind;
  return undefined;
}
