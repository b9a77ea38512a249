/** What this server does at the start, by what waits for it. */
export type StartStep =
  | "aggregation"
  | "authentication"
  | "flowControl"
  | "identityLease"
  | "kubernetesService"
  | "namespaces"
  | "policy"
  | "priorityClasses"
  | "registry"
  | "roles"
  | "serviceCidrs"
  | "tokenTracking";

/**
 * What kube-apiserver does at the start, by the names and in the order of its `/readyz?verbose`, since who watches over API servers asks
 * for these by name; and which step does the same here. Where upstream has a controller each, here one step may do for several.
 */
export const startHooks: readonly (readonly [name: string, step: StartStep])[] = [
  ["poststarthook/start-apiserver-admission-initializer", "policy"],
  ["poststarthook/generic-apiserver-start-informers", "policy"],
  ["poststarthook/priority-and-fairness-config-consumer", "flowControl"],
  ["poststarthook/priority-and-fairness-filter", "registry"],
  ["poststarthook/storage-object-count-tracker-hook", "registry"],
  ["poststarthook/start-apiextensions-informers", "registry"],
  ["poststarthook/start-apiextensions-controllers", "registry"],
  ["poststarthook/crd-informer-synced", "registry"],
  ["poststarthook/start-system-namespaces-controller", "namespaces"],
  ["poststarthook/start-cluster-authentication-info-controller", "authentication"],
  ["poststarthook/start-kube-apiserver-identity-lease-controller", "identityLease"],
  ["poststarthook/start-kube-apiserver-identity-lease-garbage-collector", "identityLease"],
  ["poststarthook/start-legacy-token-tracking-controller", "tokenTracking"],
  ["poststarthook/start-service-ip-repair-controllers", "kubernetesService"],
  ["poststarthook/rbac/bootstrap-roles", "roles"],
  ["poststarthook/scheduling/bootstrap-system-priority-classes", "priorityClasses"],
  ["poststarthook/priority-and-fairness-config-producer", "flowControl"],
  ["poststarthook/bootstrap-controller", "kubernetesService"],
  ["poststarthook/start-kubernetes-service-cidr-controller", "serviceCidrs"],
  ["poststarthook/start-kube-aggregator-informers", "registry"],
  ["poststarthook/apiservice-status-local-available-controller", "registry"],
  ["poststarthook/apiservice-status-remote-available-controller", "registry"],
  ["poststarthook/apiservice-registration-controller", "registry"],
  ["poststarthook/apiservice-discovery-controller", "registry"],
  ["poststarthook/kube-apiserver-autoregistration", "registry"],
  ["autoregister-completion", "aggregation"],
  ["poststarthook/apiservice-openapi-controller", "registry"],
  ["poststarthook/apiservice-openapiv3-controller", "registry"],
];
