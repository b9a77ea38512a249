import { compareQuantities, type KubeObject, type Quantity } from "../apimachinery/index.ts";
import { readResources, zero } from "../quota/index.ts";
import { refused } from "./forbidden.ts";
import type { AdmissionPlugin, AdmissionReader } from "./ports.ts";

const storageClasses = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
const classAnnotation = "volume.beta.kubernetes.io/storage-class";

/** A claim grows only once it is bound, and only where its class can make volumes grow. */
export function persistentVolumeClaimResize(reader: AdmissionReader): AdmissionPlugin {
  return {
    name: "PersistentVolumeClaimResize",
    resources: ["persistentvolumeclaims"],
    async validate(request) {
      const { operation, resource, subresource, object, old } = request;
      if (resource.group !== "" || resource.resource !== "persistentvolumeclaims") return;
      if (subresource !== "" || operation !== "UPDATE" || object === undefined || old === undefined) return;
      if (compareQuantities(sizeOf(object), sizeOf(old)) <= 0) return;
      if (old["status"]?.phase !== "Bound") {
        throw refused(request, "Only bound persistent volume claims can be expanded");
      }
      const name = classOf(object);
      const found =
        name === "" || name !== classOf(old)
          ? undefined
          : await reader.get(storageClasses, { namespace: "", name });
      if (found?.["allowVolumeExpansion"] === true) return;
      throw refused(
        request,
        "only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize",
      );
    },
  };
}

function sizeOf(claim: KubeObject): Quantity {
  return readResources(claim["spec"]?.resources?.requests).get("storage") ?? zero;
}

function classOf(claim: KubeObject): string {
  return claim.metadata.annotations?.[classAnnotation] ?? claim["spec"]?.storageClassName ?? "";
}
