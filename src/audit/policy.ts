import {
  type ConfigurationKind,
  configurationDocument,
  isJsonObject,
  type Json,
  parseYaml,
} from "../apimachinery/index.ts";
import { type AuditedRequest, type Level, levels, type Stage, stages } from "./types.ts";

/**
 * audit.k8s.io/v1 Policy: the first rule that a request matches says how much is told of it; where none does, nothing is. Matching is
 * that of k8s.io/apiserver/pkg/audit/policy.
 */

/** What is told of a request. */
export interface Verdict {
  readonly level: Level;
  readonly omitStages: ReadonlySet<Stage>;
  readonly omitManagedFields: boolean;
}

export type Policy = (request: AuditedRequest) => Verdict;

interface GroupResources {
  readonly group: string;
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

interface Rule {
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly namespaces: readonly string[];
  readonly resources: readonly GroupResources[];
  readonly nonResourceURLs: readonly string[];
  readonly verdict: Verdict;
}

const lists = ["users", "userGroups", "verbs", "namespaces", "nonResourceURLs"] as const;
const ruleFields: ReadonlySet<string> = new Set([
  ...lists,
  "level",
  "resources",
  "omitStages",
  "omitManagedFields",
]);

const policyKind: ConfigurationKind = { group: "audit.k8s.io", versions: ["v1"], kind: "Policy" };

/** @throws Error that says what is wrong with the policy */
export function parsePolicy(text: string): Policy {
  const value = configurationDocument(parseYaml(text), policyKind);
  const { rules } = value;
  if (!Array.isArray(rules) || rules.length === 0) throw new Error("loaded illegal policy with 0 rules");
  const omitStages = stagesOf(value["omitStages"], "omitStages");
  const omitManagedFields = value["omitManagedFields"] === true;
  const none: Verdict = { level: "None", omitStages: new Set(omitStages), omitManagedFields };
  const all = rules.map((rule, i) => ruleOf(rule, `rules[${i}]`, { omitStages, omitManagedFields }));
  return (request) => all.find((rule) => matches(rule, request))?.verdict ?? none;
}

function ruleOf(
  value: Json | undefined,
  path: string,
  policy: { readonly omitStages: readonly Stage[]; readonly omitManagedFields: boolean },
): Rule {
  if (!isJsonObject(value)) throw new Error(`${path}: an object was expected`);
  const unknown = Object.keys(value).find((key) => !ruleFields.has(key));
  if (unknown !== undefined) throw new Error(`unknown field "${path}.${unknown}"`);
  const { level, resources = [] } = value;
  if (!levels.some((known) => known === level))
    throw new Error(
      `${path}.level: Unsupported value: ${JSON.stringify(level ?? "")}: supported values: ${levels.map((known) => `"${known}"`).join(", ")}`,
    );
  const [users, userGroups, verbs, namespaces, nonResourceURLs] = lists.map((key) =>
    textsOf(value[key], `${path}.${key}`),
  ) as [string[], string[], string[], string[], string[]];
  if (!Array.isArray(resources)) throw new Error(`${path}.resources: a list was expected`);
  if (nonResourceURLs.length > 0 && (resources.length > 0 || namespaces.length > 0))
    throw new Error(
      `${path}.nonResourceURLs: Invalid value: rules cannot apply to both regular resources and non-resource URLs`,
    );
  for (const url of nonResourceURLs) checkUrl(url, `${path}.nonResourceURLs`);
  return {
    users,
    userGroups,
    verbs,
    namespaces,
    nonResourceURLs,
    resources: resources.map((each, i) => groupOf(each, `${path}.resources[${i}]`)),
    verdict: {
      level: level as Level,
      omitStages: new Set([...policy.omitStages, ...stagesOf(value["omitStages"], `${path}.omitStages`)]),
      omitManagedFields:
        typeof value["omitManagedFields"] === "boolean"
          ? value["omitManagedFields"]
          : policy.omitManagedFields,
    },
  };
}

function checkUrl(url: string, path: string): void {
  if (url === "*") return;
  const refuse = (why: string): Error => new Error(`${path}: Invalid value: ${JSON.stringify(url)}: ${why}`);
  if (!url.startsWith("/")) throw refuse("non-resource URL rules must begin with a '/' character");
  if (url.slice(0, -1).includes("*"))
    throw refuse("non-resource URL wildcards '*' must be the final character of the rule");
}

function groupOf(value: Json | undefined, path: string): GroupResources {
  if (!isJsonObject(value)) throw new Error(`${path}: an object was expected`);
  const { group = "" } = value;
  if (typeof group !== "string") throw new Error(`${path}.group: a text was expected`);
  const resources = textsOf(value["resources"], `${path}.resources`);
  const resourceNames = textsOf(value["resourceNames"], `${path}.resourceNames`);
  if (resourceNames.length > 0 && resources.length === 0)
    throw new Error(
      `${path}.resourceNames: Invalid value: using resourceNames requires at least one resource`,
    );
  return { group, resources, resourceNames };
}

function textsOf(value: Json | undefined, path: string): string[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value) && value.every((each) => typeof each === "string")) return value as string[];
  throw new Error(`${path}: a list of texts was expected`);
}

function stagesOf(value: Json | undefined, path: string): Stage[] {
  return textsOf(value, path).map((text) => {
    const stage = stages.find((known) => known === text);
    if (stage === undefined)
      throw new Error(
        `${path}: Invalid value: ${JSON.stringify(text)}: allowed stages are ${stages.join(",")}`,
      );
    return stage;
  });
}

function matches(rule: Rule, request: AuditedRequest): boolean {
  const { user } = request;
  if (rule.users.length > 0 && (user === undefined || !rule.users.includes(user.name))) return false;
  if (rule.userGroups.length > 0 && !rule.userGroups.some((group) => user?.groups.includes(group) === true))
    return false;
  if (rule.verbs.length > 0 && !rule.verbs.includes(request.verb)) return false;
  if (rule.namespaces.length > 0 || rule.resources.length > 0) return matchesResource(rule, request.resource);
  if (rule.nonResourceURLs.length > 0)
    return (
      request.resource === undefined && rule.nonResourceURLs.some((url) => matchesUrl(url, request.path))
    );
  return true;
}

function matchesUrl(url: string, path: string): boolean {
  return url === "*" || url === path || (url.endsWith("*") && path.startsWith(url.slice(0, -1)));
}

function matchesResource(rule: Rule, target: AuditedRequest["resource"]): boolean {
  if (target === undefined) return false;
  if (rule.namespaces.length > 0 && !rule.namespaces.includes(target.namespace)) return false;
  if (rule.resources.length === 0) return true;
  const { group, resource, subresource, name } = target;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  const isMeant = (wanted: string): boolean =>
    wanted === "*" ||
    wanted === combined ||
    wanted === `${resource}/*` ||
    (subresource !== "" && wanted === `*/${subresource}`);
  return rule.resources.some(
    (each) =>
      each.group === group &&
      (each.resources.length === 0 ||
        ((each.resourceNames.length === 0 || each.resourceNames.includes(name)) &&
          each.resources.some(isMeant))),
  );
}
