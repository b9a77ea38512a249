import { parseTime } from "../apimachinery/index.ts";
import type { AdmissionPlugin, AdmissionReader } from "./ports.ts";

const storageClasses = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
const defaultAnnotations = [
  "storageclass.kubernetes.io/is-default-class",
  "storageclass.beta.kubernetes.io/is-default-class",
];
/** How a class was named before the field was there: a claim that has it has chosen. */
const classAnnotation = "volume.beta.kubernetes.io/storage-class";

/** Gives a claim that names no class the one that is marked as the default; of several the newest. */
export function defaultStorageClass(reader: AdmissionReader): AdmissionPlugin {
  return {
    name: "DefaultStorageClass",
    resources: ["persistentvolumeclaims"],
    async mutate({ operation, resource, subresource, object }) {
      if (resource.group !== "" || resource.resource !== "persistentvolumeclaims") return;
      if (subresource !== "" || operation !== "CREATE" || object === undefined) return;
      if (object["spec"]?.storageClassName !== undefined) return;
      if (object.metadata.annotations?.[classAnnotation] !== undefined) return;
      const all = await reader.list(storageClasses);
      const [newest] = all
        .filter(({ metadata }) => defaultAnnotations.some((name) => metadata.annotations?.[name] === "true"))
        .map(({ metadata: { name = "", creationTimestamp } }) => ({
          name,
          created: parseTime(creationTimestamp ?? "") ?? 0,
        }))
        .sort((a, b) => b.created - a.created || (a.name < b.name ? -1 : 1));
      if (newest === undefined) return;
      object["spec"] = { ...object["spec"], storageClassName: newest.name };
    },
  };
}
