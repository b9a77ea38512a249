import type { AccessRequest } from "../access.ts";
import type { PolicyRule } from "./types.ts";

/**
 * A role's rules, arranged by group and resource: a request looks only at rules that name what it is about. Upstream walks all rules;
 * the outcome is the same (plugin/pkg/auth/authorizer/rbac RuleAllows).
 */
export class CompiledRules {
  readonly rules: readonly PolicyRule[];
  readonly #byGroup = new Map<string, Map<string, PolicyRule[]>>();
  readonly #urlRules: PolicyRule[] = [];

  constructor(rules: readonly PolicyRule[]) {
    this.rules = rules;
    for (const rule of rules) this.#file(rule);
  }

  #file(rule: PolicyRule): void {
    if ((rule.nonResourceURLs?.length ?? 0) > 0) this.#urlRules.push(rule);
    for (const group of rule.apiGroups ?? []) {
      let byResource = this.#byGroup.get(group);
      if (byResource === undefined) {
        byResource = new Map();
        this.#byGroup.set(group, byResource);
      }
      for (const resource of rule.resources ?? []) {
        const present = byResource.get(resource);
        if (present === undefined) byResource.set(resource, [rule]);
        else present.push(rule);
      }
    }
  }

  allows({ verb, resource: target, path }: AccessRequest): boolean {
    if (target === undefined) {
      return this.#urlRules.some((rule) => allowsVerb(rule, verb) && coversUrl(rule, path));
    }
    const { group, resource, subresource, name } = target;
    const combined = subresource === "" ? resource : `${resource}/${subresource}`;
    return (
      allowsIn(this.#byGroup.get(group), combined, subresource, verb, name) ||
      allowsIn(this.#byGroup.get("*"), combined, subresource, verb, name)
    );
  }
}

function allowsIn(
  byResource: Map<string, PolicyRule[]> | undefined,
  combined: string,
  subresource: string,
  verb: string,
  name: string,
): boolean {
  if (byResource === undefined) return false;
  if (allowsAny(byResource.get(combined), verb, name) || allowsAny(byResource.get("*"), verb, name))
    return true;
  // `*/scale` stands for that subresource of everything.
  return subresource !== "" && allowsAny(byResource.get(`*/${subresource}`), verb, name);
}

function allowsAny(rules: readonly PolicyRule[] | undefined, verb: string, name: string): boolean {
  if (rules === undefined) return false;
  for (const rule of rules) if (allowsVerb(rule, verb) && allowsName(rule, name)) return true;
  return false;
}

const allowsVerb = ({ verbs }: PolicyRule, verb: string): boolean =>
  verbs !== null && (verbs.includes(verb) || verbs.includes("*"));

const allowsName = ({ resourceNames }: PolicyRule, name: string): boolean =>
  resourceNames === undefined || resourceNames.length === 0 || resourceNames.includes(name);

function coversUrl({ nonResourceURLs = [] }: PolicyRule, path: string): boolean {
  return nonResourceURLs.some((url) => urlCovers(url, path));
}

/** A `*` counts at the end only, and stands for anything that follows. */
export function urlCovers(pattern: string, path: string): boolean {
  if (pattern === path || pattern === "*") return true;
  return pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, ""));
}
