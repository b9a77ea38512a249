import { deepClone, type Json, type JsonObject, type KubeObject } from "../../apimachinery/index.ts";
import {
  type CustomNode,
  coerceEmbedded,
  customForm,
  dropNulls,
  FieldProblem,
  fillDefaults,
  type KindForm,
  prune,
} from "../../schema/index.ts";

/** One version of a custom kind as objects are read and written in it. */
export interface VersionForm {
  /** `example.com/v1` */
  readonly apiVersion: string;
  readonly root: CustomNode;
  readonly form: KindForm;
}

export function versionForm(group: string, version: string, kind: string, root: CustomNode): VersionForm {
  return { apiVersion: `${group}/${version}`, root, form: customForm({ group, version, kind }, root) };
}

/** Turns objects of one version into another: a promise where somebody else has to be asked. @throws StatusError */
export type Convert = (object: KubeObject, apiVersion: string) => KubeObject | Promise<KubeObject>;

/** `strategy: None`: the versions differ in nothing but their name. */
export const convertByName: Convert = (object, apiVersion) => ({ ...object, apiVersion });

/** Reads an object of the store as its version has it now: an older schema may have let other things through. The object is not changed. */
export function readStored(object: KubeObject, version: VersionForm | undefined): KubeObject {
  const read = deepClone(object);
  if (version === undefined) return read;
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
  try {
    coerceEmbedded(json, root, []);
  } catch (error) {
    // What was stored once is shown, however odd.
    if (!(error instanceof FieldProblem)) throw error;
  }
  json["metadata"] = metadata as Json;
  object.metadata.generation ??= 1;
}
