import { type KubeObject, parseTime, type Quantity } from "../apimachinery/index.ts";
import type { Evaluator, Scope } from "./evaluator.ts";
import { type Container, type PodSpec, podResources } from "./pod-resources.ts";
import { addResources, one, type ResourceList, readResources } from "./resource-list.ts";
import { matchesValues } from "./scopes.ts";

const count = "count/pods";
const known: ReadonlySet<string> = new Set([
  count,
  "pods",
  ...["cpu", "memory", "ephemeral-storage"].flatMap((name) => [name, `requests.${name}`, `limits.${name}`]),
]);
const hugePages = /^(requests\.)?hugepages-/;

/** A container must say what it takes of these where a quota counts them. */
const stated: ReadonlySet<string> = new Set([
  "cpu",
  "memory",
  "requests.cpu",
  "requests.memory",
  "limits.cpu",
  "limits.memory",
]);

export const podEvaluator: Evaluator = {
  handles: ({ operation, subresource, object, old }) => {
    if (subresource === "resize") return operation === "UPDATE";
    if (subresource !== "") return false;
    return (
      operation === "CREATE" ||
      (operation === "UPDATE" && old !== undefined && hasDeadline(old) !== hasDeadline(object))
    );
  },
  matching: (names) => names.filter((name) => known.has(name) || hugePages.test(name) || isExtended(name)),
  usage: (pod, now) => {
    const counted = new Map([[count, one]]);
    if (!isAlive(pod, now)) return counted;
    const spec: PodSpec = pod["spec"] ?? {};
    const requests = podResources(spec, "requests", { overhead: true });
    return addResources(counted, usageOf(requests, podResources(spec, "limits", { overhead: true })));
  },
  inScope,
  complaint: (names, pod) => {
    const spec: PodSpec = pod["spec"] ?? {};
    const ofPod = [...readResources(spec.resources?.requests), ...readResources(spec.resources?.limits)];
    if (ofPod.length > 0) return undefined;
    const required = names.filter((name) => stated.has(name));
    const missing = new Map<string, Set<string>>();
    for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
      const used = containerUsage(container);
      for (const name of required) {
        if (used.has(name)) continue;
        const containers = missing.get(name) ?? new Set();
        missing.set(name, containers.add(container.name ?? ""));
      }
    }
    if (missing.size === 0) return undefined;
    const texts = [...missing.keys()]
      .sort()
      .map((name) => `${name} for: ${[...(missing.get(name) as Set<string>)].sort().join(",")}`);
    return `must specify ${texts.join("; ")}`;
  },
};

function isExtended(name: string): boolean {
  if (!name.startsWith("requests.")) return false;
  const resource = name.slice("requests.".length);
  return resource.includes("/") && !/^([^/]*\.)?kubernetes\.io\//.test(resource);
}

function containerUsage({ resources }: Container): ResourceList {
  return usageOf(readResources(resources?.requests), readResources(resources?.limits));
}

function usageOf(requests: ResourceList, limits: ResourceList): ResourceList {
  const used = new Map<string, Quantity>([["pods", one]]);
  for (const name of ["cpu", "memory", "ephemeral-storage"]) {
    const request = requests.get(name);
    const limit = limits.get(name);
    if (request !== undefined) used.set(name, request).set(`requests.${name}`, request);
    if (limit !== undefined) used.set(`limits.${name}`, limit);
  }
  for (const [name, request] of requests) {
    if (name.startsWith("hugepages-")) used.set(name, request).set(`requests.${name}`, request);
    else if (isExtended(`requests.${name}`)) used.set(`requests.${name}`, request);
  }
  return used;
}

/** A pod that ended, or should have long ago, takes nothing any more. */
function isAlive(pod: KubeObject, now: number): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const phase = pod["status"]?.phase;
  if (phase === "Failed" || phase === "Succeeded") return false;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return now <= (parseTime(deletionTimestamp) ?? 0) + deletionGracePeriodSeconds * 1_000;
}

function hasDeadline(pod: KubeObject): boolean {
  const seconds = pod["spec"]?.activeDeadlineSeconds;
  return typeof seconds === "number" && seconds >= 0;
}

function inScope(scope: Scope, pod: KubeObject): boolean {
  switch (scope.scopeName) {
    case "Terminating":
      return hasDeadline(pod);
    case "NotTerminating":
      return !hasDeadline(pod);
    case "BestEffort":
      return isBestEffort(pod);
    case "NotBestEffort":
      return !isBestEffort(pod);
    case "PriorityClass":
      return matchesValues(scope, pod["spec"]?.priorityClassName || undefined);
    case "CrossNamespacePodAffinity":
      return hasForeignAffinity(pod);
    default:
      return false;
  }
}

function isBestEffort(pod: KubeObject): boolean {
  const spec: PodSpec = pod["spec"] ?? {};
  const all = [spec, ...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  return all.every(({ resources }) =>
    [resources?.requests, resources?.limits].every((list) =>
      [...readResources(list)].every(
        ([name, { nano }]) => (name !== "cpu" && name !== "memory") || nano === 0n,
      ),
    ),
  );
}

interface AffinityTerm {
  readonly namespaces?: readonly string[];
  readonly namespaceSelector?: object;
}

function hasForeignAffinity(pod: KubeObject): boolean {
  const { podAffinity, podAntiAffinity } = pod["spec"]?.affinity ?? {};
  const terms: AffinityTerm[] = [podAffinity, podAntiAffinity].flatMap((affinity) => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(
      ({ podAffinityTerm }: { podAffinityTerm: AffinityTerm }) => podAffinityTerm,
    ),
  ]);
  return terms.some(
    ({ namespaces = [], namespaceSelector }) => namespaces.length > 0 || namespaceSelector !== undefined,
  );
}
