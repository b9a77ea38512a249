import type { Container, PodSpec, PodStatus } from "./types.ts";

/**
 * Fields of features that 1.35 leaves off: upstream forgets them in new objects, where nobody could act on them. `spec` of a pod
 * or of a template.
 */
export function dropDisabledFields(spec: PodSpec | undefined): void {
  if (spec === undefined) return;
  delete spec["workloadRef"];
  for (const list of ["initContainers", "containers", "ephemeralContainers"] as const)
    for (const container of spec[list] ?? []) dropStopSignal(container);
  for (const { projected } of spec.volumes ?? []) {
    for (const source of projected?.sources ?? []) {
      delete source.clusterTrustBundle;
      delete source["podCertificate"];
    }
  }
}

/** What said nothing else is gone with it. */
function dropStopSignal(container: Container): void {
  const { lifecycle } = container;
  if (lifecycle?.["stopSignal"] === undefined) return;
  delete lifecycle["stopSignal"];
  if (Object.keys(lifecycle).length === 0) delete container.lifecycle;
}

/** The same of what a kubelet reports. */
export function dropDisabledStatus(status: PodStatus | undefined): void {
  if (status === undefined) return;
  for (const name of ["extendedResourceClaimStatus", "resources", "allocatedResources"]) delete status[name];
  for (const list of ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] as const)
    for (const container of status[list] ?? []) delete container["allocatedResourcesStatus"];
}
