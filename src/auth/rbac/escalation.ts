import { deepEqual, errors, field, type UserInfo } from "../../apimachinery/index.ts";
import { type Authorizer, mastersGroup } from "../access.ts";
import { describeRules, quoteList, uncovered } from "./coverage.ts";
import type { RbacPolicy } from "./policy.ts";
import { type PolicyRule, type Role, type RoleBinding, rbacGroup } from "./types.ts";

/** Who writes a role or binding, and where. */
interface Writer {
  readonly user: UserInfo;
  /** "" outside of namespaces. */
  readonly namespace: string;
}

/**
 * Nobody gives out more than they have: what k8s.io/kubernetes/pkg/registry/rbac checks before a role or a binding is written. `old` is
 * undefined for a new one. @throws StatusError Forbidden; NotFound where a bound role does not exist
 */
export interface GrantCheck {
  role(role: Role, old: Role | undefined, writer: Writer): Promise<void>;
  binding(binding: RoleBinding, old: RoleBinding | undefined, writer: Writer): Promise<void>;
}

/** Needed to let a role gather the rules of others. */
const fullAuthority: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
  { verbs: ["*"], nonResourceURLs: ["*"] },
];

export function createGrantCheck(deps: {
  readonly policy: RbacPolicy;
  readonly authorizer: Authorizer;
}): GrantCheck {
  const { policy, authorizer } = deps;

  const may = async (
    { user, namespace }: Writer,
    verb: string,
    resource: string,
    name: string,
  ): Promise<boolean> => {
    const target = { group: rbacGroup, resource, subresource: "", namespace, name };
    return (await authorizer.authorize({ user, verb, resource: target, path: "" })).allowed;
  };

  /** What is wrong with giving `rules` out; undefined where the writer has them all. */
  const escalation = ({ user, namespace }: Writer, rules: readonly PolicyRule[]): string | undefined => {
    const own = policy.rulesFor(user, namespace);
    const missing = uncovered(own.rules, rules);
    if (missing.length === 0) return undefined;
    const unresolved =
      own.missing.length === 0 ? "" : `; resolution errors: [${field.aggregateMessages(own.missing)}]`;
    const who = `user ${field.quoteGo(user.name)} (groups=${quoteList(user.groups)})`;
    return `${who} is attempting to grant RBAC permissions not currently held:\n${describeRules(missing)}${unresolved}`;
  };

  const isMaster = ({ user }: Writer): boolean => user.groups.includes(mastersGroup);

  return {
    async role(role, old, writer) {
      const resource = writer.namespace === "" ? "clusterroles" : "roles";
      if (isMaster(writer) || onlyReferencesChange(role, old)) return;
      const name = role.metadata.name ?? "";
      if (await may(writer, "escalate", resource, old === undefined ? "" : name)) return;
      const problem = escalation(writer, role.rules ?? []);
      const at = { group: rbacGroup, resource };
      if (problem !== undefined) throw errors.forbidden(at, name, problem);
      if (!aggregates(role) && !(old !== undefined && aggregates(old))) return;
      if (escalation(writer, fullAuthority) === undefined) return;
      throw errors.forbidden(at, name, "must have cluster-admin privileges to use the aggregationRule");
    },
    async binding(binding, old, writer) {
      const resource = writer.namespace === "" ? "clusterrolebindings" : "rolebindings";
      if (isMaster(writer) || onlyReferencesChange(binding, old)) return;
      const { roleRef } = binding;
      const bound = Object.hasOwn(roleResources, roleRef.kind) ? roleResources[roleRef.kind] : undefined;
      // What grants may be checked for is looked at before what is wrong with the binding.
      if (bound === undefined)
        throw errors.plainError(`unsupported role reference kind: ${field.quoteGo(roleRef.kind ?? "")}`);
      if (await may(writer, "bind", bound, roleRef.name)) return;
      const at = { group: rbacGroup, resource };
      const rules = policy.roleRules(roleRef, writer.namespace);
      // Upstream names the resource of the request, not the role's.
      if (rules === undefined) {
        if (bound === "roles" && writer.namespace === "")
          throw errors.badRequest("Namespace parameter required.");
        if (roleRef.name === "") throw errors.badRequest("Name parameter required.");
        throw errors.notFound(at, roleRef.name);
      }
      const problem = escalation(writer, rules);
      if (problem !== undefined) throw errors.forbidden(at, binding.metadata.name ?? "", problem);
    },
  };
}

const roleResources: Readonly<Record<string, string>> = { Role: "roles", ClusterRole: "clusterroles" };

const aggregates = (role: Role): boolean => (role["aggregationRule"]?.clusterRoleSelectors?.length ?? 0) > 0;

/** What garbage collection changes gives nothing to anybody. */
function onlyReferencesChange(object: Role | RoleBinding, old: Role | RoleBinding | undefined): boolean {
  if (old === undefined) return false;
  const { ownerReferences, finalizers, managedFields, ...kept } = object.metadata;
  const { ownerReferences: _, finalizers: __, managedFields: ___, ...before } = old.metadata;
  return deepEqual({ ...object, metadata: kept }, { ...old, metadata: before });
}
