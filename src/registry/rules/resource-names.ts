import { type FieldError, field, qualifiedNameErrors } from "../../apimachinery/index.ts";
import { complaints } from "./values.ts";

/** What pods, limits and quotas count: `cpu`, `requests.memory`, `example.com/gpu` (k8s.io/kubernetes/pkg/apis/core/helper). */

const containerResources: ReadonlySet<string> = new Set(["cpu", "memory", "ephemeral-storage"]);

/** Things that are counted one by one. */
const countedObjects: ReadonlySet<string> = new Set([
  "pods",
  "resourcequotas",
  "services",
  "replicationcontrollers",
  "secrets",
  "configmaps",
  "persistentvolumeclaims",
  "services.nodeports",
  "services.loadbalancers",
]);

/** Names without a domain that a quota may limit. */
const quotaResources: ReadonlySet<string> = new Set([
  ...containerResources,
  ...countedObjects,
  "requests.cpu",
  "requests.memory",
  "requests.storage",
  "requests.ephemeral-storage",
  "limits.cpu",
  "limits.memory",
  "limits.ephemeral-storage",
]);

/** Names without a domain that mean something somewhere, in a container or in a quota. */
const standardResources: ReadonlySet<string> = new Set([...quotaResources, "storage"]);

const hugePagesPrefix = "hugepages-";
const requestsPrefix = "requests.";

const isHugePages = (name: string): boolean => name.startsWith(hugePagesPrefix);
const isQuotaHugePages = (name: string): boolean =>
  isHugePages(name) || name.startsWith(requestsPrefix + hugePagesPrefix);

/** Without a domain, or of kubernetes.io itself. */
const isNative = (name: string): boolean => !name.includes("/") || name.includes("kubernetes.io/");

/** Devices and the like, which their vendors name. */
const isExtended = (name: string): boolean =>
  !isNative(name) &&
  !name.startsWith(requestsPrefix) &&
  qualifiedNameErrors(requestsPrefix + name).length === 0;

/** Whether a node may promise more than it has: not for huge pages and devices. */
export const mayOvercommit = (name: string): boolean => isNative(name) && !isHugePages(name);

/** Whether only whole numbers make sense. */
export const isCounted = (name: string): boolean => countedObjects.has(name) || isExtended(name);

/** Whether a quota knows what the name means without asking who made it. */
export const isStandardQuotaResource = (name: string): boolean =>
  quotaResources.has(name) || isQuotaHugePages(name);

export function validateResourceName(name: string, path: string): FieldError[] {
  const malformed = complaints(path, name, qualifiedNameErrors(name));
  if (malformed.length > 0) return malformed;
  if (name.includes("/") || standardResources.has(name) || isQuotaHugePages(name)) return [];
  return [field.invalid(path, name, "must be a standard resource type or fully qualified")];
}

export function validateContainerResourceName(name: string, path: string): FieldError[] {
  const errors = validateResourceName(name, path);
  if (!name.includes("/")) {
    if (!containerResources.has(name) && !isHugePages(name))
      errors.push(field.invalid(path, name, "must be a standard resource for containers"));
  } else if (!isNative(name) && !isExtended(name)) {
    errors.push(field.invalid(path, name, "doesn't follow extended resource name standard"));
  }
  return errors;
}

const podResources = ["cpu", "hugepages-", "memory"];

/** What a pod as a whole may ask for. */
export function validatePodResourceName(name: string, path: string): FieldError[] {
  const errors = validateResourceName(name, path);
  if (errors.length > 0 || name === "cpu" || name === "memory" || isHugePages(name)) return errors;
  return [field.notSupported(path, name, podResources)];
}

export function validateQuotaResourceName(name: string, path: string): FieldError[] {
  const errors = validateResourceName(name, path);
  if (!name.includes("/") && !isStandardQuotaResource(name))
    errors.push(field.invalid(path, name, "must be a standard resource for quota"));
  return errors;
}
