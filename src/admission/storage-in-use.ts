import type { AdmissionPlugin } from "./ports.ts";

/** By resource and group. */
const finalizers: ReadonlyMap<string, string> = new Map([
  ["persistentvolumeclaims.", "kubernetes.io/pvc-protection"],
  ["persistentvolumes.", "kubernetes.io/pv-protection"],
  ["volumeattributesclasses.storage.k8s.io", "kubernetes.io/vac-protection"],
]);

/**
 * A claim that pods use, a volume that is bound and a class that either names stay until they are let go: the protection
 * controllers take the finalizer off.
 */
export const storageObjectInUseProtection: AdmissionPlugin = {
  name: "StorageObjectInUseProtection",
  mutate({ operation, resource, subresource, object }) {
    if (operation !== "CREATE" || subresource !== "" || object === undefined) return;
    const finalizer = finalizers.get(`${resource.resource}.${resource.group}`);
    if (finalizer === undefined) return;
    const present = object.metadata.finalizers ?? [];
    if (!present.includes(finalizer)) object.metadata.finalizers = [...present, finalizer];
  },
};
