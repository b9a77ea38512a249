import type { FieldError } from "./field.ts";
import type { ObjectMeta } from "./object.ts";

/** Checks a name; `prefix` when it is a generateName, which may end in a dash. Answers upstream's texts. */
export type ValidateName = (name: string, prefix: boolean) => string[];

export interface MetaRules {
  readonly namespaced: boolean;
  readonly validateName: ValidateName;
  /** "metadata" by default. */
  readonly path?: string;
}

/** metadata of an object to be created or updated: apimachinery's ValidateObjectMeta, same texts and order. */
export function validateObjectMeta(meta: ObjectMeta, rules: MetaRules): FieldError[] {
  void meta;
  void rules;
  return [];
}

/** What may not change between two versions of an object: ValidateObjectMetaUpdate. */
export function validateObjectMetaUpdate(next: ObjectMeta, old: ObjectMeta, path = "metadata"): FieldError[] {
  void next;
  void old;
  void path;
  return [];
}

/** labels or a selector's map. */
export function validateLabels(labels: Record<string, string> | undefined, path: string): FieldError[] {
  void labels;
  void path;
  return [];
}

export function validateAnnotations(
  annotations: Record<string, string> | undefined,
  path: string,
): FieldError[] {
  void annotations;
  void path;
  return [];
}

/** validateName for kinds named by an RFC 1123 subdomain, an RFC 1123 label, an RFC 1035 label, a path segment. */
export const nameIsDnsSubdomain: ValidateName = () => [];
export const nameIsDnsLabel: ValidateName = () => [];
export const nameIsDns1035Label: ValidateName = () => [];
export const nameIsPathSegment: ValidateName = () => [];
