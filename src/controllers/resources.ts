import type { GroupVersionResource, KubeObject } from "../apimachinery/index.ts";

/** The resources that controllers read and write. */
export const pods = core("pods");
export const services = core("services");
export const resourceQuotas = core("resourcequotas");
export const endpoints = core("endpoints");
export const nodes = core("nodes");
export const namespaces = core("namespaces");
export const configMaps = core("configmaps");
export const secrets = core("secrets");
export const serviceAccounts = core("serviceaccounts");
export const replicationControllers = core("replicationcontrollers");
export const replicaSets = of("apps", "v1", "replicasets");
export const deployments = of("apps", "v1", "deployments");
export const statefulSets = of("apps", "v1", "statefulsets");
export const daemonSets = of("apps", "v1", "daemonsets");
export const controllerRevisions = of("apps", "v1", "controllerrevisions");
export const jobs = of("batch", "v1", "jobs");
export const cronJobs = of("batch", "v1", "cronjobs");
export const persistentVolumeClaims = core("persistentvolumeclaims");
export const persistentVolumes = core("persistentvolumes");
export const storageClasses = of("storage.k8s.io", "v1", "storageclasses");
export const volumeAttributesClasses = of("storage.k8s.io", "v1", "volumeattributesclasses");
export const volumeAttachments = of("storage.k8s.io", "v1", "volumeattachments");
export const csiDrivers = of("storage.k8s.io", "v1", "csidrivers");
export const horizontalPodAutoscalers = of("autoscaling", "v2", "horizontalpodautoscalers");
export const podDisruptionBudgets = of("policy", "v1", "poddisruptionbudgets");
export const endpointSlices = of("discovery.k8s.io", "v1", "endpointslices");
export const serviceCidrs = of("networking.k8s.io", "v1", "servicecidrs");
export const ipAddresses = of("networking.k8s.io", "v1", "ipaddresses");
export const clusterRoles = of("rbac.authorization.k8s.io", "v1", "clusterroles");
export const certificateSigningRequests = of("certificates.k8s.io", "v1", "certificatesigningrequests");
export const subjectAccessReviews = of("authorization.k8s.io", "v1", "subjectaccessreviews");
export const resourceClaims = of("resource.k8s.io", "v1", "resourceclaims");
export const resourceClaimTemplates = of("resource.k8s.io", "v1", "resourceclaimtemplates");
export const resourceSlices = of("resource.k8s.io", "v1", "resourceslices");
export const deviceClasses = of("resource.k8s.io", "v1", "deviceclasses");
export const validatingAdmissionPolicies = of(
  "admissionregistration.k8s.io",
  "v1",
  "validatingadmissionpolicies",
);
export const leases = of("coordination.k8s.io", "v1", "leases");

function of(group: string, version: string, resource: string): GroupVersionResource {
  return { group, version, resource };
}

function core(resource: string): GroupVersionResource {
  return of("", "v1", resource);
}

/** A resource in one namespace. */
export function inNamespace(
  resource: GroupVersionResource,
  namespace: string | undefined,
): GroupVersionResource & { namespace: string } {
  return { ...resource, namespace: namespace ?? "" };
}

/** Every entry of the selector stands in the labels; an empty selector selects nothing here, as a Service's does. */
export function matchesSelectorMap(
  selector: Readonly<Record<string, string>> | undefined,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  let empty = true;
  for (const key in selector) {
    empty = false;
    if (labels?.[key] !== selector[key]) return false;
  }
  return !empty;
}

/** Being deleted: its name is taken, but it takes part in nothing. */
export function isTerminating(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined && object.metadata.deletionTimestamp !== null;
}
