import type { KubeObject, ObjectMeta } from "../../apimachinery/index.ts";
import type { StoredList } from "../../storage/index.ts";

interface PartialObject {
  readonly kind: "PartialObjectMetadata";
  readonly apiVersion: string;
  readonly metadata: ObjectMeta;
}

/** Only the metadata of an object: meta.k8s.io PartialObjectMetadata. */
export function partialObject(object: KubeObject, version: string): PartialObject {
  return { kind: "PartialObjectMetadata", apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}

export function partialList(list: StoredList, metadata: object, version: string): object {
  // Items carry their kind here, unlike those of typed lists; none is Go's nil.
  const items =
    list.items.length === 0 ? null : list.items.map(({ object }) => partialObject(object, version));
  return { kind: "PartialObjectMetadataList", apiVersion: `meta.k8s.io/${version}`, metadata, items };
}
