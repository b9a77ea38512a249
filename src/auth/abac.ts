/**
 * Attribute-based access control: policies of a file (`--authorization-policy-file`), a JSON object in each line. k8s.io/kubernetes
 * pkg/auth/authorizer/abac.
 */
import { isJsonObject, type JsonObject, parseJson, type UserInfo } from "../apimachinery/index.ts";
import type { AccessRequest, Authorizer, Decision } from "./access.ts";
import type { PolicyRule } from "./rbac/types.ts";

/** `*` stands for all of a kind; a text that is left out matches only where there is none. */
interface AbacPolicy {
  readonly user: string;
  readonly group: string;
  readonly readonly: boolean;
  readonly apiGroup: string;
  readonly resource: string;
  readonly namespace: string;
  readonly nonResourcePath: string;
}

const authenticatedGroup = "system:authenticated";
const readVerbs = ["get", "list", "watch"];
const group = "abac.authorization.kubernetes.io";
const allowed: Decision = { allowed: true, reason: "" };
const noMatch: Decision = { allowed: false, reason: "No policy matched." };

/** Allows what one of its policies says; has no opinion of anything else. */
export class AbacPolicies implements Authorizer {
  readonly #policies: readonly AbacPolicy[];

  /** `text`: of the file; lines that are empty or begin with # are passed over. @throws Error that names the line */
  constructor(text: string) {
    this.#policies = text.split(/\r?\n/).flatMap((line, index) => {
      if (line.trim() === "" || line.trimStart().startsWith("#")) return [];
      try {
        return [policyOf(parseJson(line))];
      } catch (error) {
        throw new Error(`line ${index + 1}: ${line}: ${(error as Error).message}`);
      }
    });
  }

  authorize(request: AccessRequest): Decision {
    return this.#policies.some((policy) => matches(policy, request)) ? allowed : noMatch;
  }

  /** What a user has in a namespace, as rules of a role would say it. */
  rulesFor(user: UserInfo, namespace: string): PolicyRule[] {
    return this.#policies.flatMap((policy): PolicyRule[] => {
      if (!concerns(policy, user) || !covers(policy.namespace, namespace)) return [];
      const verbs = policy.readonly ? readVerbs : ["*"];
      const { apiGroup, resource, nonResourcePath } = policy;
      return [
        ...(resource === "" ? [] : [{ verbs, apiGroups: [apiGroup], resources: [resource] }]),
        ...(nonResourcePath === "" ? [] : [{ verbs, nonResourceURLs: [nonResourcePath] }]),
      ];
    });
  }
}

/** Of version v1beta1; a line without a kind is of the version before there were any. @throws Error */
function policyOf(value: unknown): AbacPolicy {
  if (!isJsonObject(value)) throw new Error("a JSON object was expected");
  const { kind = "", apiVersion = "", spec = {} } = value;
  if (kind === "" || apiVersion === "") return everywhere(fieldsOf(value));
  if (kind !== "Policy" || apiVersion !== `${group}/v1beta1`)
    throw new Error(
      `no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}: ${group}/v1beta1 Policy was expected`,
    );
  if (!isJsonObject(spec)) throw new Error("spec: an object was expected");
  return allOf(fieldsOf(spec));
}

/** @throws Error that names the field */
function fieldsOf(fields: JsonObject): AbacPolicy {
  const read = (name: Exclude<keyof AbacPolicy, "readonly">): string => {
    const value = fields[name] ?? "";
    if (typeof value !== "string") throw new Error(`${name}: a string was expected`);
    return value;
  };
  const readonly = fields["readonly"] ?? false;
  if (typeof readonly !== "boolean") throw new Error("readonly: true or false was expected");
  return {
    user: read("user"),
    group: read("group"),
    readonly,
    apiGroup: read("apiGroup"),
    resource: read("resource"),
    namespace: read("namespace"),
    nonResourcePath: read("nonResourcePath"),
  };
}

/** Everybody is everybody who is known. */
function allOf(policy: AbacPolicy): AbacPolicy {
  const isForAll = policy.user === "*" || policy.group === "*";
  return isForAll ? { ...policy, user: "", group: authenticatedGroup } : policy;
}

/** Before there were versions, what was left out stood for all. */
function everywhere(policy: AbacPolicy): AbacPolicy {
  const { user, group: named, namespace, resource } = policy;
  return {
    ...allOf(user === "" && named === "" ? { ...policy, group: authenticatedGroup } : policy),
    namespace: namespace || "*",
    resource: resource || "*",
    apiGroup: "*",
    nonResourcePath: namespace === "" && resource === "" ? "*" : "",
  };
}

function matches(policy: AbacPolicy, { user, verb, resource, path }: AccessRequest): boolean {
  if (!concerns(policy, user) || (policy.readonly && !readVerbs.includes(verb))) return false;
  if (resource !== undefined)
    return (
      covers(policy.namespace, resource.namespace) &&
      covers(policy.resource, resource.resource) &&
      covers(policy.apiGroup, resource.group)
    );
  const { nonResourcePath: pattern } = policy;
  return pattern === path || (pattern.endsWith("*") && path.startsWith(pattern.replace(/\*+$/, "")));
}

/** A policy that names neither a user nor a group is for nobody. */
function concerns({ user, group: named }: AbacPolicy, { name, groups }: UserInfo): boolean {
  if (user === "" && named === "") return false;
  return (user === "" || user === name) && (named === "" || groups.includes(named));
}

const covers = (pattern: string, value: string): boolean => pattern === "*" || pattern === value;
