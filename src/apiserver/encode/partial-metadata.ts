import type { KubeObject, ManagedFieldsEntry, ObjectMeta, OwnerReference } from "../../apimachinery/index.ts";
import type { StoredList } from "../../storage/index.ts";

interface PartialObject {
  readonly kind: "PartialObjectMetadata";
  readonly apiVersion: string;
  readonly metadata: ObjectMeta;
}

/** Only the metadata of an object: meta.k8s.io PartialObjectMetadata. */
export function partialObject({ metadata }: KubeObject, version: string): PartialObject {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: metadataInOrder(metadata),
  };
}

export function partialList(list: StoredList, metadata: object, version: string): object {
  // Items carry their kind here, unlike those of typed lists; none is Go's nil.
  const items =
    list.items.length === 0 ? null : list.items.map(({ object }) => partialObject(object, version));
  return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${version}`, metadata, items };
}

// Go writes the fields of its types in this order. In what is read from the store the resourceVersion stands last, and in custom
// objects all stand by the alphabet.
const metadataFields: readonly (keyof ObjectMeta)[] = [
  "name",
  "generateName",
  "namespace",
  "selfLink",
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "labels",
  "annotations",
];
const ownerFields: readonly (keyof OwnerReference)[] = [
  "apiVersion",
  "kind",
  "name",
  "uid",
  "controller",
  "blockOwnerDeletion",
];
const managedFields: readonly (keyof ManagedFieldsEntry)[] = [
  "manager",
  "operation",
  "apiVersion",
  "time",
  "fieldsType",
  "fieldsV1",
  "subresource",
];

function metadataInOrder(metadata: ObjectMeta): ObjectMeta {
  const ordered = inOrder(metadata, metadataFields);
  if (metadata.ownerReferences !== undefined)
    ordered.ownerReferences = metadata.ownerReferences.map((owner) => inOrder(owner, ownerFields));
  if (metadata.finalizers !== undefined) ordered.finalizers = metadata.finalizers;
  if (metadata.managedFields !== undefined)
    ordered.managedFields = metadata.managedFields.map((entry) => inOrder(entry, managedFields));
  return ordered;
}

function inOrder<T extends object>(source: T, fields: readonly (keyof T)[]): T {
  const ordered: Partial<T> = {};
  for (const name of fields) if (source[name] !== undefined) ordered[name] = source[name];
  return ordered as T;
}
