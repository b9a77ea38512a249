import {
  deepClone,
  type GroupVersionKind,
  type Json,
  type JsonObject,
  type KubeObject,
  type ObjectMeta,
} from "../../apimachinery/index.ts";
import {
  type CustomNode,
  coerceEmbedded,
  customForm,
  dropNulls,
  fillDefaults,
  type KindForm,
  prune,
  readStoredMetadata,
} from "../../schema/index.ts";

/** One version of a custom kind as objects are read and written in it. */
export interface VersionForm {
  /** `example.com/v1` */
  readonly apiVersion: string;
  readonly root: CustomNode;
  readonly form: KindForm;
}

export function versionForm(kind: GroupVersionKind, listKind: string, root: CustomNode): VersionForm {
  return { apiVersion: `${kind.group}/${kind.version}`, root, form: customForm(kind, listKind, root) };
}

/** Turns objects of one version into another: a promise where somebody else has to be asked. @throws StatusError */
export type Convert = (object: KubeObject, apiVersion: string) => KubeObject | Promise<KubeObject>;

/** `strategy: None`: the versions differ in nothing but their name. */
export const convertByName: Convert = (object, apiVersion) => ({ ...object, apiVersion });

/** Reads an object of the store as its version has it now: an older schema may have let other things through. The object is not changed. */
export function readStored(object: KubeObject, version: VersionForm | undefined): KubeObject {
  const read = deepClone(object);
  if (version === undefined) return read;
  read.metadata = readStoredMetadata(read.metadata as Json) as ObjectMeta;
  fitToSchema(read, version.root);
  fillDefaults(read as unknown as Json, version.root);
  return read;
}

/** Takes away what a version's schema does not have, in place. */
export function fitToSchema(object: KubeObject, root: CustomNode): void {
  const json = object as unknown as JsonObject;
  const { metadata } = json;
  prune(json, root);
  dropNulls(json, root);
  coerceEmbedded(json, root, [], "dropped");
  json["metadata"] = metadata as Json;
  object.metadata.generation ??= 1;
}
