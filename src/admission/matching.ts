import {
  errors,
  type KubeObject,
  type LabelSelector,
  type Selector,
  selectorFromObject,
} from "../apimachinery/index.ts";
import type { AdmissionReader, AdmissionRequest, EquivalentRequest } from "./ports.ts";

/** Which requests a webhook or a policy concerns: k8s.io/apiserver/pkg/admission/plugin/{policy/matching,webhook/predicates}. */

export interface MatchRule {
  readonly operations?: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly apiVersions?: readonly string[];
  readonly resources?: readonly string[];
  readonly scope?: string;
  readonly resourceNames?: readonly string[];
}

/** Selectors of one configuration, read once. */
export class MatchSelectors {
  readonly namespace: Selector;
  readonly object: Selector;

  constructor(of: { readonly namespaceSelector?: LabelSelector; readonly objectSelector?: LabelSelector }) {
    this.namespace = selectorFromObject(of.namespaceSelector ?? {});
    this.object = selectorFromObject(of.objectSelector ?? {});
  }
}

/** What admission is configured by is never subject to it: a wrong webhook could otherwise not be taken away. */
const exempt: ReadonlySet<string> = new Set([
  "validatingwebhookconfigurations",
  "mutatingwebhookconfigurations",
  "validatingadmissionpolicies",
  "validatingadmissionpolicybindings",
  "mutatingadmissionpolicies",
  "mutatingadmissionpolicybindings",
]);

export function isExempt({ resource }: AdmissionRequest): boolean {
  return resource.group === "admissionregistration.k8s.io" && exempt.has(resource.resource);
}

export function isNamespace({ resource }: AdmissionRequest): boolean {
  return resource.group === "" && resource.resource === "namespaces";
}

export function matchesRule(rule: MatchRule, request: AdmissionRequest): boolean {
  const { operation, resource, subresource } = request;
  const isListed = (values: readonly string[] | undefined, value: string): boolean =>
    values !== undefined && (values.includes("*") || values.includes(value));
  if (!isListed(rule.operations, operation)) return false;
  if (!isListed(rule.apiGroups, resource.group) || !isListed(rule.apiVersions, resource.version))
    return false;
  if (!matchesScope(rule.scope ?? "*", request)) return false;
  const names = rule.resourceNames ?? [];
  if (names.length > 0 && !names.includes(request.name)) return false;
  return (rule.resources ?? []).some((entry) => {
    const slash = entry.indexOf("/");
    const name = slash === -1 ? entry : entry.slice(0, slash);
    const sub = slash === -1 ? "" : entry.slice(slash + 1);
    return (name === "*" || name === resource.resource) && (sub === "*" || sub === subresource);
  });
}

/** How strictly rules mean the versions that they name. */
export type MatchPolicy = "Exact" | "Equivalent" | undefined;

/**
 * The request as one of the rules concerns it: as it is, or (`Equivalent`, which undefined stands for) in another version of the same
 * objects that a rule names. Undefined where none does. @throws StatusError where a conversion fails
 */
export async function matchedRequest(
  rules: readonly MatchRule[],
  policy: MatchPolicy,
  request: AdmissionRequest,
): Promise<AdmissionRequest | undefined> {
  if (rules.some((rule) => matchesRule(rule, request))) return request;
  const version = equivalentFor(rules, policy, request);
  if (version === undefined) return undefined;
  const { resource, kind, complete, written, fromHere } = version;
  const seen = async (object: KubeObject | undefined) => object && (await fromHere(object));
  const [object, old] = [await seen(request.object), await seen(request.old)];
  return { ...request, resource, kind, complete, written, object, old, asked: request };
}

/** The first other version that a rule concerns. */
export function equivalentFor(
  rules: readonly MatchRule[],
  policy: MatchPolicy,
  request: AdmissionRequest,
): EquivalentRequest | undefined {
  if (policy === "Exact") return undefined;
  return request.equivalents?.find(({ resource, kind }) =>
    rules.some((rule) => matchesRule(rule, { ...request, resource, kind })),
  );
}

function matchesScope(scope: string, request: AdmissionRequest): boolean {
  const isNamespaced = request.namespace !== "" && !isNamespace(request);
  return scope === "*" || scope === "" || (scope === "Namespaced") === isNamespaced;
}

export function matchesObject({ object: selector }: MatchSelectors, request: AdmissionRequest): boolean {
  if (selector.empty) return true;
  return [request.object, request.old].some(
    // What is connected with has no labels that could be looked at.
    (object) => object?.metadata !== undefined && selector.matches(object.metadata.labels ?? {}),
  );
}

/** @throws StatusError NotFound where the namespace is none */
export async function matchesNamespace(
  { namespace: selector }: MatchSelectors,
  request: AdmissionRequest,
  reader: AdmissionReader,
): Promise<boolean> {
  if (selector.empty) return true;
  if (isNamespace(request)) {
    const labels = (request.object ?? request.old)?.metadata.labels;
    return request.subresource === "" || labels !== undefined ? selector.matches(labels ?? {}) : true;
  }
  if (request.namespace === "") return true;
  const namespace = await namespaceOf(request, reader);
  return selector.matches(namespace?.metadata.labels ?? {});
}

const namespaces = { group: "", version: "v1", resource: "namespaces" };

/** The namespace that a request's object is in; undefined for objects that are in none. @throws StatusError NotFound */
export async function namespaceOf(
  request: AdmissionRequest,
  reader: AdmissionReader,
): Promise<KubeObject | undefined> {
  if (request.namespace === "" || isNamespace(request)) return undefined;
  const at = { namespace: "", name: request.namespace };
  const found = (await reader.get(namespaces, at)) ?? (await reader.get(namespaces, { ...at, fresh: true }));
  if (found === undefined) throw errors.notFound(namespaces, request.namespace);
  return found;
}
