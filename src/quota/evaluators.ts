import type { GroupResource } from "../apimachinery/index.ts";
import { claimEvaluator } from "./claims.ts";
import { deviceClaimEvaluator } from "./device-claims.ts";
import type { Evaluator } from "./evaluator.ts";
import { podEvaluator } from "./pods.ts";
import { one } from "./resource-list.ts";
import { serviceEvaluator } from "./services.ts";

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
  if (group === "resource.k8s.io" && resource === "resourceclaims") return deviceClaimEvaluator;
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
