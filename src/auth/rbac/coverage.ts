import { field } from "../../apimachinery/index.ts";
import { urlCovers } from "./compiled-rules.ts";
import type { PolicyRule } from "./types.ts";

/**
 * Whether rules allow all that other rules allow: k8s.io/component-helpers/auth/rbac/validation. The rules asked for are broken into
 * single permissions, each of which one rule of the owner must cover.
 */
export function uncovered(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  const missing: PolicyRule[] = [];
  for (const rule of wanted) {
    for (const single of singles(rule)) if (!owned.some((one) => covers(one, single))) missing.push(single);
  }
  return missing;
}

/** One verb, and one URL or one resource of one group with at most one name. */
function* singles(rule: PolicyRule): Generator<PolicyRule> {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const verbs = rule.verbs ?? [];
  for (const group of apiGroups) {
    for (const resource of resources) {
      for (const verb of verbs) {
        const single = { apiGroups: [group], resources: [resource], verbs: [verb] };
        if (resourceNames.length === 0) yield single;
        for (const name of resourceNames) yield { ...single, resourceNames: [name] };
      }
    }
  }
  for (const url of nonResourceURLs)
    for (const verb of verbs) yield { nonResourceURLs: [url], verbs: [verb] };
}

function covers(owner: PolicyRule, single: PolicyRule): boolean {
  const names = owner.resourceNames ?? [];
  return (
    hasAll(owner.verbs ?? [], single.verbs ?? []) &&
    hasAll(owner.apiGroups ?? [], single.apiGroups ?? []) &&
    (single.resources ?? []).every((path) => coversResource(owner.resources ?? [], path)) &&
    (single.nonResourceURLs ?? []).every((url) =>
      (owner.nonResourceURLs ?? []).some((pattern) => urlCovers(pattern, url)),
    ) &&
    (names.length === 0 ||
      ((single.resourceNames?.length ?? 0) > 0 &&
        (single.resourceNames ?? []).every((name) => names.includes(name))))
  );
}

const hasAll = (owned: readonly string[], wanted: readonly string[]): boolean =>
  owned.includes("*") || wanted.every((one) => owned.includes(one));

function coversResource(owned: readonly string[], path: string): boolean {
  if (owned.includes("*") || owned.includes(path)) return true;
  const slash = path.indexOf("/");
  return slash >= 0 && owned.includes(`*${path.slice(slash)}`);
}

/** What is missing, as upstream lists it: a line for a resource with all its verbs, sorted. */
export function describeRules(rules: readonly PolicyRule[]): string {
  const lines = compact(rules).map(describeRule);
  return [...new Set(lines)].sort().join("\n");
}

/** Single permissions on the same resource become one rule. */
function compact(rules: readonly PolicyRule[]): PolicyRule[] {
  const byResource = new Map<string, PolicyRule>();
  const compacted: PolicyRule[] = [];
  for (const rule of rules) {
    if ((rule.nonResourceURLs?.length ?? 0) > 0) {
      compacted.push(rule);
      continue;
    }
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames ?? []]);
    const present = byResource.get(key);
    byResource.set(
      key,
      present === undefined ? rule : { ...present, verbs: [...(present.verbs ?? []), ...(rule.verbs ?? [])] },
    );
  }
  return [...compacted, ...byResource.values()];
}

function describeRule(rule: PolicyRule): string {
  const parts: [string, readonly string[]][] = [
    ["APIGroups", rule.apiGroups ?? []],
    ["Resources", rule.resources ?? []],
    ["NonResourceURLs", rule.nonResourceURLs ?? []],
    ["ResourceNames", rule.resourceNames ?? []],
    ["Verbs", rule.verbs ?? []],
  ];
  const texts = parts
    .filter(([, values]) => values.length > 0)
    .map(([name, values]) => `${name}:${quoteList(values)}`);
  return `{${texts.join(", ")}}`;
}

/** Go's %q of a list. */
export function quoteList(values: readonly string[]): string {
  return `[${values.map(field.quoteGo).join(" ")}]`;
}
