import type { UserInfo } from "../../apimachinery/index.ts";
import type { FlowNonResourceRule, FlowResourceRule, FlowRules, FlowSubject } from "../../registry/index.ts";
import type { RequestInfo } from "../request-info.ts";

type Matcher<T> = (value: T) => boolean;

const all = "*";

/** Whether a request is one of those that a FlowSchema's rules mean. Compiled, for every request meets several of them. */
export function compileRules(rules: readonly FlowRules[]): (user: UserInfo, info: RequestInfo) => boolean {
  const compiled = rules.map(({ subjects = [], resourceRules = [], nonResourceRules = [] }) => ({
    subject: anySubject(subjects),
    resource: anyOf(resourceRules.map(resourceRule)),
    nonResource: anyOf(nonResourceRules.map(nonResourceRule)),
  }));
  return (user, info) => {
    for (const { subject, resource, nonResource } of compiled) {
      if (subject(user) && (info.isResource ? resource(info) : nonResource(info))) return true;
    }
    return false;
  };
}

function anySubject(subjects: readonly FlowSubject[]): Matcher<UserInfo> {
  const names = new Set<string>();
  const groups = new Set<string>();
  /** All ServiceAccounts of a namespace have names that begin so. */
  const prefixes: string[] = [];
  for (const { kind, user, group, serviceAccount } of subjects) {
    if (kind === "User" && user !== undefined) names.add(user.name ?? "");
    else if (kind === "Group" && group !== undefined) groups.add(group.name ?? "");
    else if (kind === "ServiceAccount" && serviceAccount !== undefined) {
      const { namespace = "", name = "" } = serviceAccount;
      const prefix = `system:serviceaccount:${namespace}:`;
      if (name === all) prefixes.push(prefix);
      else names.add(prefix + name);
    }
  }
  if (names.has(all) || groups.has(all)) return () => true;
  return (user) =>
    names.has(user.name) ||
    (groups.size > 0 && user.groups.some((group) => groups.has(group))) ||
    prefixes.some((prefix) => user.name.startsWith(prefix));
}

function resourceRule(rule: FlowResourceRule): Matcher<RequestInfo> {
  const verb = listed(rule.verbs);
  const resource = listed(rule.resources);
  const group = listed(rule.apiGroups);
  const namespace = listed(rule.namespaces);
  const clusterScope = rule.clusterScope === true;
  return (info) =>
    verb(info.verb) &&
    group(info.group) &&
    (info.namespace === "" ? clusterScope : namespace(info.namespace)) &&
    resource(info.subresource === "" ? info.resource : `${info.resource}/${info.subresource}`);
}

function nonResourceRule({ verbs, nonResourceURLs = [] }: FlowNonResourceRule): Matcher<RequestInfo> {
  const verb = listed(verbs);
  const path = nonResourceURLs.includes(all) ? () => true : anyOf(nonResourceURLs.map(pathRule));
  return (info) => verb(info.verb) && path(info.path);
}

/** `/healthz` means what is below it, too. */
function pathRule(url: string): Matcher<string> {
  const open = url.endsWith(all) ? url.slice(0, -1) : url;
  const prefix = open.endsWith("/") ? open : `${open}/`;
  return (path) => path === url || path.startsWith(prefix);
}

/** `*` means everything where it stands alone. */
function listed(values: readonly string[] = []): Matcher<string> {
  const [first] = values;
  if (values.length === 1) return first === all ? () => true : (value) => value === first;
  const set = new Set(values);
  return (value) => set.has(value);
}

function anyOf<T>(matchers: readonly Matcher<T>[]): Matcher<T> {
  const [first] = matchers;
  if (matchers.length === 1 && first !== undefined) return first;
  return (value) => matchers.some((matches) => matches(value));
}
