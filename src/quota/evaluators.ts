import type { GroupResource, KubeObject } from "../apimachinery/index.ts";
import { claimEvaluator } from "./claims.ts";
import { podEvaluator } from "./pods.ts";
import { one, type ResourceList } from "./resource-list.ts";
import { serviceEvaluator } from "./services.ts";

/** One scope of a quota: core/v1 ScopedResourceSelectorRequirement. */
export interface Scope {
  readonly scopeName: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** What may be counted. */
export interface CountedRequest {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly subresource: string;
  readonly object: KubeObject;
  readonly old: KubeObject | undefined;
}

/** How objects of one resource count: upstream's quota/v1 Evaluator. */
export interface Evaluator {
  /** Whether a request may change what is used. */
  handles(request: CountedRequest): boolean;
  /** Of these names those that this resource has to do with. */
  matching(names: readonly string[]): readonly string[];
  /** What an object uses. `now`: milliseconds. */
  usage(object: KubeObject, now: number): ResourceList;
  /** Whether an object is in a scope. */
  inScope(scope: Scope, object: KubeObject): boolean;
  /** Why an object cannot be counted against these names: it does not say what it takes. */
  complaint?(names: readonly string[], object: KubeObject): string | undefined;
}

const aliases: Readonly<Record<string, string>> = {
  configmaps: "configmaps",
  resourcequotas: "resourcequotas",
  replicationcontrollers: "replicationcontrollers",
  secrets: "secrets",
};

/** Never counted: not stored, or never have been. */
const ignored: ReadonlySet<string> = new Set([
  "bindings.",
  "componentstatuses.",
  "events.",
  "events.events.k8s.io",
  "tokenreviews.authentication.k8s.io",
  "selfsubjectreviews.authentication.k8s.io",
  "subjectaccessreviews.authorization.k8s.io",
  "selfsubjectaccessreviews.authorization.k8s.io",
  "localsubjectaccessreviews.authorization.k8s.io",
  "selfsubjectrulesreviews.authorization.k8s.io",
]);

/** Undefined for what no quota counts. */
export function evaluatorFor({ group, resource }: GroupResource): Evaluator | undefined {
  if (ignored.has(`${resource}.${group}`)) return undefined;
  if (group === "") {
    if (resource === "pods") return podEvaluator;
    if (resource === "services") return serviceEvaluator;
    if (resource === "persistentvolumeclaims") return claimEvaluator;
  }
  const names = [`count/${resource}${group === "" ? "" : `.${group}`}`];
  if (group === "" && Object.hasOwn(aliases, resource)) names.push(aliases[resource] as string);
  const usage = new Map(names.map((name) => [name, one] as const));
  return {
    handles: ({ operation, subresource }) => operation === "CREATE" && subresource === "",
    matching: (wanted) => wanted.filter((name) => names.includes(name)),
    usage: () => usage,
    inScope: () => false,
  };
}
