import type { KubeObject, ObjectMeta } from "../../apimachinery/index.ts";

const kept = [
  "deletionTimestamp",
  "generation",
  "selfLink",
  "labels",
  "annotations",
  "finalizers",
  "ownerReferences",
] as const;

/** What a writer of the status may not touch of the metadata stays: upstream's ResetObjectMetaForStatus. */
export function statusMetadata(next: KubeObject, old: KubeObject): ObjectMeta {
  const metadata = { ...next.metadata };
  for (const name of kept) {
    const value = old.metadata[name];
    if (value === undefined) delete metadata[name];
    else Object.assign(metadata, { [name]: value });
  }
  return metadata;
}
