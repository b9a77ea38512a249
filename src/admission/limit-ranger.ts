import {
  field,
  formatQuantity,
  type KubeObject,
  parseQuantity,
  type Quantity,
  quantityMilliValue,
  quantityValue,
} from "../apimachinery/index.ts";
import {
  type Container,
  type PodSpec,
  podResources,
  type ResourceList,
  readResources,
} from "../quota/index.ts";
import { refused } from "./forbidden.ts";
import type { AdmissionPlugin, AdmissionRequest, ConfigurationViews } from "./ports.ts";

interface Limit {
  readonly type: string;
  readonly max?: Readonly<Record<string, string>>;
  readonly min?: Readonly<Record<string, string>>;
  readonly default?: Readonly<Record<string, string>>;
  readonly defaultRequest?: Readonly<Record<string, string>>;
  readonly maxLimitRequestRatio?: Readonly<Record<string, string>>;
}

const limitRanges = { group: "", version: "v1", resource: "limitranges" };
const annotation = "kubernetes.io/limit-ranger";

/** Larger amounts are compared in whole units: upstream's MaxMilliValue. */
const milliValueMax = (2n ** 63n - 1n) / 1_000n;

/** What a namespace's LimitRanges say of containers, pods and claims: defaults first, then bounds. */
export function limitRanger(views: ConfigurationViews): AdmissionPlugin {
  const view = views.of(limitRanges);
  const rangesFor = (request: AdmissionRequest): readonly KubeObject[] => {
    if (request.object === undefined || request.old?.metadata.deletionTimestamp !== undefined) return [];
    return concerns(request) ? view.inNamespace(request.namespace) : [];
  };
  return {
    name: "LimitRanger",
    resources: ["pods", "persistentvolumeclaims"],
    mutate(request) {
      if (request.resource.resource !== "pods") return;
      for (const range of rangesFor(request)) setDefaults(request.object as KubeObject, limitsOf(range));
    },
    validate(request) {
      const check = request.resource.resource === "pods" ? podProblems : claimProblems;
      for (const range of rangesFor(request)) {
        const problems = check(request.object as KubeObject, limitsOf(range));
        if (problems.length > 0) throw refused(request, field.aggregateMessages(problems));
      }
    },
  };
}

function limitsOf(range: KubeObject): readonly Limit[] {
  return range["spec"]?.limits ?? [];
}

function concerns({ resource, subresource, operation }: AdmissionRequest): boolean {
  if (resource.group !== "" || operation === "DELETE") return false;
  if (resource.resource === "persistentvolumeclaims") return subresource === "";
  if (resource.resource !== "pods") return false;
  return subresource === "resize" ? operation === "UPDATE" : subresource === "" && operation === "CREATE";
}

interface MutableContainer {
  name?: string;
  resources?: { requests?: Record<string, string>; limits?: Record<string, string> };
}

function setDefaults(pod: KubeObject, limits: readonly Limit[]): void {
  const ofContainers = limits.filter(({ type }) => type === "Container");
  const requests = Object.assign({}, ...ofContainers.map(({ defaultRequest }) => defaultRequest));
  const maxima = Object.assign({}, ...ofContainers.map((limit) => limit.default));
  const told: string[] = [];
  const fill = (containers: readonly MutableContainer[] | undefined, called: string): void => {
    for (const container of containers ?? []) {
      container.resources ??= {};
      const filled = [
        ["request", fillIn(container.resources, "requests", requests)],
        ["limit", fillIn(container.resources, "limits", maxima)],
      ] as const;
      for (const [kind, names] of filled) {
        if (names.length > 0) told.push(`${names.sort().join(", ")} ${kind} for ${called} ${container.name}`);
      }
    }
  };
  fill(pod["spec"]?.containers, "container");
  fill(pod["spec"]?.initContainers, "init container");
  if (told.length === 0) return;
  pod.metadata.annotations = {
    ...pod.metadata.annotations,
    [annotation]: `LimitRanger plugin set: ${told.join("; ")}`,
  };
}

function fillIn(
  resources: NonNullable<MutableContainer["resources"]>,
  kind: "requests" | "limits",
  defaults: Readonly<Record<string, string>>,
): string[] {
  const present = resources[kind] ?? {};
  const missing = Object.keys(defaults).filter((name) => !Object.hasOwn(present, name));
  if (missing.length === 0) return [];
  resources[kind] = {
    ...present,
    ...Object.fromEntries(missing.map((name) => [name, defaults[name] as string])),
  };
  return missing;
}

function podProblems(pod: KubeObject, limits: readonly Limit[]): string[] {
  const spec: PodSpec = pod["spec"] ?? {};
  return limits.flatMap((limit) => {
    if (limit.type === "Container") {
      const containers: readonly Container[] = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
      return containers.flatMap(({ resources }) =>
        boundProblems(limit, readResources(resources?.requests), readResources(resources?.limits)),
      );
    }
    if (limit.type !== "Pod") return [];
    const without = { overhead: false };
    return boundProblems(
      limit,
      podResources(spec, "requests", without),
      podResources(spec, "limits", without),
    );
  });
}

function claimProblems(claim: KubeObject, limits: readonly Limit[]): string[] {
  const requests = readResources(claim["spec"]?.resources?.requests);
  return limits.flatMap((limit) => {
    if (limit.type !== "PersistentVolumeClaim") return [];
    return [
      ...each(limit.min, (name, bound) => below(limit.type, name, { bound, requests, limits: new Map() })),
      ...each(limit.max, (name, bound) => {
        const asked = requests.get(name);
        const rule = `maximum ${name} usage per ${limit.type} is ${formatQuantity(bound)}`;
        if (asked === undefined) return `${rule}.  No request is specified`;
        return isGreater(asked, bound) ? `${rule}, but request is ${formatQuantity(asked)}` : undefined;
      }),
    ];
  });
}

function boundProblems(limit: Limit, requests: ResourceList, limits: ResourceList): string[] {
  const { type } = limit;
  return [
    ...each(limit.min, (name, bound) => below(type, name, { bound, requests, limits })),
    ...each(limit.max, (name, bound) => above(type, name, { bound, requests, limits })),
    ...each(limit.maxLimitRequestRatio, (name, bound) => ratio(type, name, { bound, requests, limits })),
  ];
}

function each(
  bounds: Readonly<Record<string, string>> | undefined,
  check: (name: string, bound: Quantity) => string | undefined,
): string[] {
  return Object.entries(bounds ?? {}).flatMap(([name, text]) => check(name, parseQuantity(text)) ?? []);
}

interface Amounts {
  readonly bound: Quantity;
  readonly requests: ResourceList;
  readonly limits: ResourceList;
}

function below(type: string, name: string, { bound, requests, limits }: Amounts): string | undefined {
  const request = requests.get(name);
  const limit = limits.get(name);
  const rule = `minimum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (isGreater(bound, request)) return `${rule}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && isGreater(bound, limit)) return `${rule}, but limit is ${formatQuantity(limit)}`;
  return undefined;
}

function above(type: string, name: string, { bound, requests, limits }: Amounts): string | undefined {
  const request = requests.get(name);
  const limit = limits.get(name);
  const rule = `maximum ${name} usage per ${type} is ${formatQuantity(bound)}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (isGreater(limit, bound)) return `${rule}, but limit is ${formatQuantity(limit)}`;
  if (request !== undefined && isGreater(request, bound))
    return `${rule}, but request is ${formatQuantity(request)}`;
  return undefined;
}

function ratio(type: string, name: string, { bound, requests, limits }: Amounts): string | undefined {
  const request = requests.get(name);
  const limit = limits.get(name);
  const rule = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  if (request === undefined || request.nano === 0n)
    return `${rule}, but no request is specified or request is 0`;
  if (limit === undefined || limit.nano === 0n) return `${rule}, but no limit is specified or limit is 0`;
  const provided = Number(limit.nano) / Number(request.nano);
  return provided > Number(bound.nano) / 1e9
    ? `${rule}, but provided ratio is ${provided.toFixed(6)}`
    : undefined;
}

function isGreater(a: Quantity, b: Quantity): boolean {
  if (quantityValue(a) > milliValueMax || quantityValue(b) > milliValueMax) {
    return quantityValue(a) > quantityValue(b);
  }
  return quantityMilliValue(a) > quantityMilliValue(b);
}
