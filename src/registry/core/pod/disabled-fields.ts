import type { PodSpec, PodStatus } from "./types.ts";

/**
 * Fields of features that 1.35 leaves off: upstream forgets them in new objects, where nobody could act on them. `spec` of a pod
 * or of a template.
 */
export function dropDisabledFields(spec: PodSpec | undefined): void {
  if (spec === undefined) return;
  delete spec["workloadRef"];
  for (const list of ["initContainers", "containers", "ephemeralContainers"] as const)
    for (const { lifecycle } of spec[list] ?? []) delete lifecycle?.["stopSignal"];
  for (const { projected } of spec.volumes ?? []) {
    for (const source of projected?.sources ?? []) {
      delete source.clusterTrustBundle;
      delete source["podCertificate"];
    }
  }
}

/** The same of what a kubelet reports. */
export function dropDisabledStatus(status: PodStatus | undefined): void {
  if (status === undefined) return;
  for (const name of ["extendedResourceClaimStatus", "resources", "allocatedResources"]) delete status[name];
  for (const list of ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] as const)
    for (const container of status[list] ?? []) delete container["allocatedResourcesStatus"];
}
