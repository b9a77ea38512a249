import type { GroupVersionKind, Json, KubeObject, SchemaNode } from "../apimachinery/index.ts";
import { assert } from "../base/index.ts";
import { canonicalize, type Decoded, decode, emptyObject, schemaOfKind } from "./decode.ts";
import { applyDefaults } from "./defaults.ts";

/**
 * What reading, patching, owning and writing objects of one kind needs. Built-in kinds have theirs from the committed schemas; whoever
 * serves a kind hands its form along, so that nothing further out asks where a kind comes from.
 */
export interface KindForm {
  readonly kind: GroupVersionKind;
  /** `PodList`; of a custom kind what its CRD says. */
  readonly listKind: string;
  /** A CRD defines it: it has no form but JSON, and no strategic merge patch. */
  readonly custom?: boolean;
  /** Versions of the group in which a body may say it is, besides its own: their fields are the same. */
  readonly otherVersions?: readonly string[];
  readonly schema: SchemaNode;
  /** An object in which nothing is set: see `emptyObject`. */
  readonly empty: KubeObject;
  /** A parsed body as an object; the body is not changed. @throws DecodeError */
  decode(body: Json): Decoded;
  /** Fills in what a decoded object leaves open, in place. */
  applyDefaults(object: KubeObject): KubeObject;
  /** The one form in which equal objects are the same bytes; the object is not changed. @throws DecodeError */
  canonicalize(object: KubeObject): KubeObject;
}

/** The form of a built-in kind, which there must be. */
export function formOfKind({ group, version, kind: name }: GroupVersionKind): KindForm {
  const kind = { group, version, kind: name };
  const schema = schemaOfKind(kind);
  assert(schema !== undefined, `no schema for ${group}/${version} ${name}`);
  return {
    kind,
    listKind: `${name}List`,
    schema,
    get empty() {
      return emptyObject(kind);
    },
    decode: (body) => decode(kind, body),
    applyDefaults: (object) => applyDefaults(kind, object),
    canonicalize: (object) => canonicalize(kind, object),
  };
}
