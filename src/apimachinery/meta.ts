import { type FieldError, forbidden, invalid, quoteGo, required, tooLong } from "./field.ts";
import {
  dns1035LabelErrors,
  dns1123LabelErrors,
  dns1123SubdomainErrors,
  labelValueErrors,
  type NameCheck,
  pathSegmentErrors,
  qualifiedNameErrors,
} from "./names.ts";
import type { ManagedFieldsEntry, ObjectMeta, OwnerReference } from "./object.ts";

/** Checks a name; `prefix` when it is a generateName, which may end in a dash. Answers upstream's texts. */
export type ValidateName = (name: string, prefix: boolean) => string[];

export interface MetaRules {
  readonly namespaced: boolean;
  readonly validateName: ValidateName;
  /** "metadata" by default. */
  readonly path?: string;
}

/** Keys and values together: all annotations of an object. */
export const annotationBytesMax = 256 * 1024;
const managerLengthMax = 128;
const subresourceLengthMax = 256;

export const immutableFieldMessage = "field is immutable";

/** metadata of an object to be created or updated: apimachinery's ValidateObjectMeta, same texts and order. */
export function validateObjectMeta(meta: ObjectMeta, rules: MetaRules): FieldError[] {
  const path = rules.path ?? "metadata";
  const errors: FieldError[] = [];
  const { name = "", generateName = "", namespace = "" } = meta;
  if (generateName !== "") {
    for (const text of rules.validateName(generateName, true)) {
      errors.push(invalid(`${path}.generateName`, generateName, text));
    }
  }
  if (name === "") errors.push(required(`${path}.name`, "name or generateName is required"));
  else for (const text of rules.validateName(name, false)) errors.push(invalid(`${path}.name`, name, text));
  if (!rules.namespaced) {
    if (namespace !== "") errors.push(forbidden(`${path}.namespace`, "not allowed on this type"));
  } else if (namespace === "") errors.push(required(`${path}.namespace`, ""));
  else
    for (const text of dns1123LabelErrors(namespace))
      errors.push(invalid(`${path}.namespace`, namespace, text));
  if ((meta.generation ?? 0) < 0) {
    errors.push(invalid(`${path}.generation`, meta.generation, "must be greater than or equal to 0"));
  }
  const { labels, annotations, ownerReferences, finalizers, managedFields } = meta;
  if (labels != null) errors.push(...validateLabels(labels, `${path}.labels`));
  if (annotations != null) errors.push(...validateAnnotations(annotations, `${path}.annotations`));
  if (ownerReferences != null)
    errors.push(...validateOwnerReferences(ownerReferences, `${path}.ownerReferences`));
  if (finalizers != null) errors.push(...validateFinalizers(finalizers, `${path}.finalizers`));
  if (managedFields != null) errors.push(...validateManagedFields(managedFields, `${path}.managedFields`));
  return errors;
}

/** What may not change between two versions of an object: ValidateObjectMetaUpdate. */
export function validateObjectMetaUpdate(next: ObjectMeta, old: ObjectMeta, path = "metadata"): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const known = new Set(old.finalizers);
    const extra = [...new Set(next.finalizers)].filter((finalizer) => !known.has(finalizer)).sort();
    if (extra.length > 0) {
      const listed = `[]string{${extra.map(quoteGo).join(", ")}}`;
      errors.push(
        forbidden(
          `${path}.finalizers`,
          `no new finalizers can be added if the object is being deleted, found new finalizers ${listed}`,
        ),
      );
    }
  }
  if ((next.resourceVersion ?? "") === "") {
    errors.push(invalid(`${path}.resourceVersion`, "", "must be specified for an update"));
  }
  if ((next.generation ?? 0) < (old.generation ?? 0)) {
    errors.push(invalid(`${path}.generation`, next.generation ?? 0, "must not be decremented"));
  }
  const texts = ["name", "namespace", "uid"] as const;
  for (const field of texts) {
    if ((next[field] ?? "") !== (old[field] ?? "")) {
      errors.push(invalid(`${path}.${field}`, next[field] ?? "", immutableFieldMessage));
    }
  }
  const others = ["creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] as const;
  for (const field of others) {
    if ((next[field] ?? null) !== (old[field] ?? null)) {
      errors.push(invalid(`${path}.${field}`, next[field] ?? null, immutableFieldMessage));
    }
  }
  const { labels, annotations, ownerReferences, managedFields } = next;
  if (labels != null) errors.push(...validateLabels(labels, `${path}.labels`));
  if (annotations != null) errors.push(...validateAnnotations(annotations, `${path}.annotations`));
  if (ownerReferences != null)
    errors.push(...validateOwnerReferences(ownerReferences, `${path}.ownerReferences`));
  if (managedFields != null) errors.push(...validateManagedFields(managedFields, `${path}.managedFields`));
  return errors;
}

/** labels or a selector's map. Upstream walks its map in random order; here the order is that of the body. */
export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    errors.push(...validateLabelKey(key, path));
    for (const text of labelValueErrors(value)) errors.push(invalid(path, value, text));
  }
  return errors;
}

export function validateLabelKey(key: string, path: string): FieldError[] {
  return qualifiedNameErrors(key).map((text) => invalid(path, key, text));
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const key of Object.keys(annotations ?? {})) {
    for (const text of qualifiedNameErrors(key.toLowerCase())) errors.push(invalid(path, key, text));
  }
  if (annotationBytes(annotations ?? {}) > annotationBytesMax) errors.push(tooLong(path, annotationBytesMax));
  return errors;
}

export function annotationBytes(annotations: Readonly<Record<string, string>>): number {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  return bytes;
}

function validateOwnerReferences(references: readonly OwnerReference[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  let controller = "";
  for (const reference of references) {
    errors.push(...validateOwnerReference(reference, path));
    if (reference.controller !== true) continue;
    const name = `${reference.kind}/${reference.name}`;
    if (controller === "") controller = name;
    else {
      errors.push(
        invalid(
          path,
          references,
          `Only one reference can have Controller set to true. Found "true" in references for ${controller} and ${name}`,
        ),
      );
    }
  }
  return errors;
}

function validateOwnerReference(reference: OwnerReference, path: string): FieldError[] {
  const errors: FieldError[] = [];
  // With more than one slash it is no group and version at all.
  const [group, version = group, more] = reference.apiVersion.split("/");
  if (version === "" || more !== undefined) {
    errors.push(invalid(`${path}.apiVersion`, reference.apiVersion, "version must not be empty"));
  }
  for (const field of ["kind", "name", "uid"] as const) {
    if (reference[field] === "") errors.push(invalid(`${path}.${field}`, "", "must not be empty"));
  }
  if (reference.apiVersion === "v1" && reference.kind === "Event") {
    errors.push(invalid(path, reference, "/v1, Kind=Event is disallowed from being an owner"));
  }
  return errors;
}

function validateFinalizers(finalizers: readonly string[], path: string): FieldError[] {
  const errors = finalizers.flatMap((finalizer) =>
    qualifiedNameErrors(finalizer).map((text) => invalid(path, finalizer, text)),
  );
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(invalid(path, finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  }
  return errors;
}

function validateManagedFields(entries: readonly ManagedFieldsEntry[], path: string): FieldError[] {
  return entries.flatMap((entry, i) => {
    const at = `${path}[${i}]`;
    const errors: FieldError[] = [];
    if (entry.operation !== "Apply" && entry.operation !== "Update") {
      errors.push(invalid(`${at}.operation`, entry.operation ?? "", "must be `Apply` or `Update`"));
    }
    if ((entry.fieldsType ?? "FieldsV1") !== "FieldsV1") {
      errors.push(invalid(`${at}.fieldsType`, entry.fieldsType, "must be `FieldsV1`"));
    }
    errors.push(...validateFieldManager(entry.manager ?? "", `${at}.manager`));
    if (Buffer.byteLength(entry.subresource ?? "") > subresourceLengthMax) {
      errors.push(tooLong(`${at}.subresource`, subresourceLengthMax));
    }
    return errors;
  });
}

/** The name of a field manager: at most 128 bytes, all printable. */
export function validateFieldManager(manager: string, path: string): FieldError[] {
  if (manager.length <= managerLengthMax && /^[ -~]*$/.test(manager)) return [];
  const errors = Buffer.byteLength(manager) > managerLengthMax ? [tooLong(path, managerLengthMax)] : [];
  let position = 0;
  for (const character of manager) {
    if (!/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(character)) {
      const code = (character.codePointAt(0) as number).toString(16).toUpperCase().padStart(4, "0");
      errors.push(invalid(path, manager, `invalid character U+${code} (at position ${position})`));
    }
    position += Buffer.byteLength(character);
  }
  return errors;
}

/** A generateName may end in a dash, since more follows; upstream checks it with its last two characters replaced by one. */
function checkedWith(check: NameCheck): ValidateName {
  return (name, prefix) =>
    check(prefix && name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name);
}

export const nameIsDnsSubdomain: ValidateName = checkedWith(dns1123SubdomainErrors);
export const nameIsDnsLabel: ValidateName = checkedWith(dns1123LabelErrors);
export const nameIsDns1035Label: ValidateName = checkedWith(dns1035LabelErrors);
export const nameIsPathSegment: ValidateName = (name) => pathSegmentErrors(name);
