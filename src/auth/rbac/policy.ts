import { field, type KubeObject, type UserInfo } from "../../apimachinery/index.ts";
import type { AccessRequest, Decision } from "../access.ts";
import { serviceAccountUserName } from "../service-account/names.ts";
import { CompiledRules } from "./compiled-rules.ts";
import {
  type PolicyRule,
  type RbacKind,
  type Role,
  type RoleBinding,
  type RoleRef,
  rbacGroup,
  type Subject,
} from "./types.ts";

/**
 * Who may do what, by roles: the objects of the four kinds, kept so that a decision costs a few look-ups.
 *
 *     user name, groups ──▶ bindings that name them ──▶ role ──▶ rules of the request's group and resource
 *
 * Bindings are filed under each of their subjects, for the whole cluster and for each namespace; nothing is walked that does not
 * concern the user. Whoever holds it tells it of every change (`set`, `delete`, `replace`). Decisions and texts are those of
 * k8s.io/kubernetes/plugin/pkg/auth/authorizer/rbac and pkg/registry/rbac/validation.
 */
export class RbacPolicy {
  /** By namespace ("" for ClusterRoles) and name. */
  readonly #roles = new Map<string, Map<string, CompiledRules>>();
  /** By namespace ("" for ClusterRoleBindings). */
  readonly #scopes = new Map<string, Scope>();

  set(kind: RbacKind, object: KubeObject): void {
    if (kind === "Role" || kind === "ClusterRole") this.#setRole(object as Role);
    else this.#scope(object.metadata.namespace ?? "").set(new Grant(kind, object as RoleBinding));
  }

  delete(kind: RbacKind, object: KubeObject): void {
    const { namespace = "", name = "" } = object.metadata;
    if (kind === "Role" || kind === "ClusterRole") this.#roles.get(namespace)?.delete(name);
    else this.#scopes.get(namespace)?.delete(name);
  }

  /** All objects of a kind, after contact to them was lost. */
  replace(kind: RbacKind, objects: readonly KubeObject[]): void {
    const ofCluster = kind.startsWith("Cluster");
    const home: Map<string, unknown> = kind.endsWith("Role") ? this.#roles : this.#scopes;
    for (const namespace of [...home.keys()]) if ((namespace === "") === ofCluster) home.delete(namespace);
    for (const object of objects) this.set(kind, object);
  }

  /** Denials have a reason only where a binding names a role that does not exist. */
  authorize(request: AccessRequest): Decision {
    const namespace = request.resource?.namespace ?? "";
    const grant =
      this.#allowing(this.#scopes.get(""), request) ??
      (namespace === "" ? undefined : this.#allowing(this.#scopes.get(namespace), request));
    if (grant !== undefined) return grant.decisionFor(request.user);
    return this.#denial(request.user, namespace);
  }

  /** Every rule that a user has in a namespace ("": in the cluster), each binding's once; and what could not be found. */
  rulesFor(user: UserInfo, namespace: string): { rules: PolicyRule[]; missing: string[] } {
    const rules: PolicyRule[] = [];
    const missing: string[] = [];
    for (const scope of [this.#scopes.get(""), namespace === "" ? undefined : this.#scopes.get(namespace)]) {
      for (const grant of scope?.grantsOf(user) ?? []) {
        const role = this.#roleOf(grant);
        if (role === undefined) missing.push(missingText(grant.binding.roleRef));
        else rules.push(...role.rules);
      }
    }
    return { rules, missing };
  }

  /** Rules of the role that a binding in `namespace` names; undefined where there is no such role. */
  roleRules(roleRef: RoleRef, namespace: string): readonly PolicyRule[] | undefined {
    return this.#role(roleRef, namespace)?.rules;
  }

  #setRole(role: Role): void {
    const { namespace = "", name = "" } = role.metadata;
    let roles = this.#roles.get(namespace);
    if (roles === undefined) {
      roles = new Map();
      this.#roles.set(namespace, roles);
    }
    roles.set(name, new CompiledRules(role.rules ?? []));
  }

  #scope(namespace: string): Scope {
    let scope = this.#scopes.get(namespace);
    if (scope === undefined) {
      scope = new Scope();
      this.#scopes.set(namespace, scope);
    }
    return scope;
  }

  #allowing(scope: Scope | undefined, request: AccessRequest): Grant | undefined {
    if (scope === undefined) return undefined;
    const { user } = request;
    const byName = this.#first(scope.users.get(user.name), request);
    if (byName !== undefined) return byName;
    for (const group of user.groups) {
      const found = this.#first(scope.groups.get(group), request);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #first(grants: ReadonlySet<Grant> | undefined, request: AccessRequest): Grant | undefined {
    if (grants === undefined) return undefined;
    for (const grant of grants) if (this.#roleOf(grant)?.allows(request)) return grant;
    return undefined;
  }

  #roleOf({ binding }: Grant): CompiledRules | undefined {
    return this.#role(binding.roleRef, binding.metadata.namespace ?? "");
  }

  #role(roleRef: RoleRef, namespace: string): CompiledRules | undefined {
    return this.#roles.get(roleRef.kind === "Role" ? namespace : "")?.get(roleRef.name);
  }

  #denial(user: UserInfo, namespace: string): Decision {
    const { missing } = this.rulesFor(user, namespace);
    return missing.length === 0
      ? denied
      : { allowed: false, reason: `RBAC: ${field.aggregateMessages(missing)}` };
  }
}

const denied: Decision = { allowed: false, reason: "" };

/** As the informer's lister says it upstream, with the kind in singular. */
const missingText = ({ kind, name }: RoleRef): string =>
  `${kind.toLowerCase()}.${rbacGroup} ${field.quoteGo(name)} not found`;

/** A binding as it is filed under its subjects. */
class Grant {
  readonly binding: RoleBinding;
  readonly #kind: RbacKind;
  /** One for each subject, made when first needed. */
  readonly #decisions: Decision[] = [];

  constructor(kind: RbacKind, binding: RoleBinding) {
    this.#kind = kind;
    this.binding = binding;
  }

  get subjects(): readonly Subject[] {
    return this.binding.subjects ?? [];
  }

  /** Yes, and by which of the subjects: the first that is the user. */
  decisionFor(user: UserInfo): Decision {
    const { subjects } = this;
    const namespace = this.binding.metadata.namespace ?? "";
    const index = subjects.findIndex(
      (subject) =>
        userOf(subject, namespace) === user.name ||
        (subject.kind === "Group" && user.groups.includes(subject.name)),
    );
    let decision = this.#decisions[index];
    if (decision === undefined) {
      decision = { allowed: true, reason: `RBAC: allowed by ${this.#describe(subjects[index] as Subject)}` };
      this.#decisions[index] = decision;
    }
    return decision;
  }

  #describe(subject: Subject): string {
    const { metadata, roleRef } = this.binding;
    const { namespace = "", name = "" } = metadata;
    const binding = namespace === "" ? name : `${name}/${namespace}`;
    const who =
      subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace || namespace}` : subject.name;
    const role = `${roleRef.kind} ${field.quoteGo(roleRef.name)}`;
    return `${this.#kind} ${field.quoteGo(binding)} of ${role} to ${subject.kind} ${field.quoteGo(who)}`;
  }
}

/** Name of the user that a subject is; undefined for groups, and for accounts of no namespace. */
function userOf(subject: Subject, bindingNamespace: string): string | undefined {
  if (subject.kind === "User") return subject.name;
  if (subject.kind !== "ServiceAccount") return undefined;
  const namespace = subject.namespace || bindingNamespace;
  return namespace === "" ? undefined : serviceAccountUserName(namespace, subject.name);
}

/** Bindings of one namespace, or of the cluster. */
class Scope {
  readonly users = new Map<string, Set<Grant>>();
  readonly groups = new Map<string, Set<Grant>>();
  readonly #byName = new Map<string, Grant>();

  set(grant: Grant): void {
    const name = grant.binding.metadata.name ?? "";
    this.delete(name);
    this.#byName.set(name, grant);
    for (const subject of grant.subjects) {
      const [index, key] = this.#placeOf(subject, grant);
      if (key === undefined) continue;
      const present = index.get(key);
      if (present === undefined) index.set(key, new Set([grant]));
      else present.add(grant);
    }
  }

  delete(name: string): void {
    const grant = this.#byName.get(name);
    if (grant === undefined) return;
    this.#byName.delete(name);
    for (const subject of grant.subjects) {
      const [index, key] = this.#placeOf(subject, grant);
      if (key === undefined) continue;
      const present = index.get(key);
      present?.delete(grant);
      if (present?.size === 0) index.delete(key);
    }
  }

  /** Each binding once, however many of its subjects the user is. */
  grantsOf(user: UserInfo): ReadonlySet<Grant> {
    const grants = new Set(this.users.get(user.name));
    for (const group of user.groups) for (const grant of this.groups.get(group) ?? []) grants.add(grant);
    return grants;
  }

  #placeOf(subject: Subject, grant: Grant): [Map<string, Set<Grant>>, string | undefined] {
    if (subject.kind === "Group") return [this.groups, subject.name];
    return [this.users, userOf(subject, grant.binding.metadata.namespace ?? "")];
  }
}
