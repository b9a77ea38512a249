import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import {
  type AccessRequest,
  type AuthorizationMode,
  createAuthorizer,
  createGrantCheck,
  type PolicyRule,
  type RbacKind,
  RbacPolicy,
  type Role,
  type RoleBinding,
  uncovered,
} from "../../src/auth/index.ts";

/** What a request may hold; few values, so that rules meet requests often. */
const names = fc.constantFrom("a", "b");
const namespaces = fc.constantFrom("one", "two");
const verbs = fc.constantFrom("get", "list", "*");
const groups = fc.constantFrom("", "apps", "*");
const resources = fc.constantFrom("pods", "pods/log", "*/log", "deployments", "*");
const urls = fc.constantFrom("/metrics", "/api/*", "*", "/api");
const some = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T[]> => fc.array(one, { minLength: 1, maxLength: 2 });

const rules: fc.Arbitrary<PolicyRule[]> = fc.array(
  fc.oneof(
    fc.record({
      verbs: some(verbs),
      apiGroups: some(groups),
      resources: some(resources),
      resourceNames: fc.array(names, { maxLength: 1 }),
    }),
    fc.record({ verbs: some(verbs), nonResourceURLs: some(urls) }),
  ),
  { maxLength: 3 },
);
const subject = fc.oneof(
  fc.record({ kind: fc.constant("User"), name: fc.constantFrom("a", "system:serviceaccount:one:a") }),
  fc.record({ kind: fc.constant("Group"), name: names }),
  fc.record({
    kind: fc.constant("ServiceAccount"),
    name: names,
    namespace: fc.constantFrom("", "one", "two"),
  }),
);
const user: fc.Arbitrary<UserInfo> = fc.record({
  name: fc.constantFrom("a", "b", "system:serviceaccount:one:a", "system:serviceaccount:two:a"),
  groups: fc.uniqueArray(names),
});
const request: fc.Arbitrary<AccessRequest> = fc.oneof(
  fc.record({
    user,
    verb: fc.constantFrom("get", "list"),
    path: fc.constant(""),
    resource: fc.record({
      group: fc.constantFrom("", "apps"),
      resource: fc.constantFrom("pods", "deployments"),
      subresource: fc.constantFrom("", "log"),
      namespace: fc.constantFrom("", "one", "two"),
      name: fc.constantFrom("", "a", "b"),
    }),
  }),
  fc.record({
    user,
    verb: fc.constantFrom("get", "list"),
    path: fc.constantFrom("/metrics", "/api", "/api/v1"),
  }),
);

const object = (kind: RbacKind) =>
  fc.record({
    kind: fc.constant(kind),
    name: names,
    namespace: kind.startsWith("Cluster") ? fc.constant("") : namespaces,
    rules,
    subjects: fc.array(subject, { maxLength: 2 }),
    roleKind:
      kind === "ClusterRoleBinding" ? fc.constant("ClusterRole") : fc.constantFrom("Role", "ClusterRole"),
    roleName: names,
    gone: fc.boolean(),
  });
const change = fc.oneof(
  ...(["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"] as const).map(object),
);

function made({
  kind,
  name,
  namespace,
  roleKind,
  roleName,
  ...rest
}: fcValue<typeof change>): Role & RoleBinding {
  return {
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind,
    metadata: { name, ...(namespace === "" ? {} : { namespace }) },
    rules: rest.rules,
    subjects: rest.subjects,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: roleKind, name: roleName },
  };
}
type fcValue<T> = T extends fc.Arbitrary<infer V> ? V : never;

/** The rules read aloud: every binding, every subject, every rule. */
function mayByTheBook(
  objects: readonly fcValue<typeof change>[],
  { user, verb, path, resource }: AccessRequest,
): boolean {
  const asking = resource?.namespace ?? "";
  for (const binding of objects.filter(({ kind }) => kind.endsWith("Binding"))) {
    if (binding.namespace !== "" && binding.namespace !== asking) continue;
    const names = binding.subjects.some((one) => {
      if (one.kind === "User") return one.name === user.name;
      if (one.kind === "Group") return user.groups.includes(one.name);
      const home = ("namespace" in one ? one.namespace : "") || binding.namespace;
      return home !== "" && user.name === `system:serviceaccount:${home}:${one.name}`;
    });
    if (!names) continue;
    const home = binding.roleKind === "Role" ? binding.namespace : "";
    const role = objects.find(
      (one) => one.kind === binding.roleKind && one.name === binding.roleName && one.namespace === home,
    );
    if (role?.rules.some((rule) => ruleAllows(rule, verb, path, resource)) === true) return true;
  }
  return false;
}

function ruleAllows(
  rule: PolicyRule,
  verb: string,
  path: string,
  resource: AccessRequest["resource"],
): boolean {
  const oneOf = (list: readonly string[] | undefined, value: string): boolean =>
    (list ?? []).includes(value) || (list ?? []).includes("*");
  if (!oneOf(rule.verbs ?? [], verb)) return false;
  if (resource === undefined) {
    return (rule.nonResourceURLs ?? []).some((url) =>
      url.endsWith("*") ? path.startsWith(url.slice(0, -1)) : path === url,
    );
  }
  const { group, subresource, name } = resource;
  const combined = subresource === "" ? resource.resource : `${resource.resource}/${subresource}`;
  const named = (rule.resourceNames ?? []).length === 0 || (rule.resourceNames ?? []).includes(name);
  const matches =
    oneOf(rule.resources, combined) ||
    (subresource !== "" && (rule.resources ?? []).includes(`*/${subresource}`));
  return oneOf(rule.apiGroups, group) && matches && named;
}

test("a policy that follows changes decides as somebody who reads all roles and bindings would", () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 16 }),
      fc.array(request, { minLength: 1, maxLength: 8 }),
      (changes, requests) => {
        const policy = new RbacPolicy();
        const present = new Map<string, fcValue<typeof change>>();
        for (const one of changes) {
          const key = `${one.kind}/${one.namespace}/${one.name}`;
          if (one.gone) {
            policy.delete(one.kind, made(one));
            present.delete(key);
          } else {
            policy.set(one.kind, made(one));
            present.set(key, one);
          }
        }
        const objects = [...present.values()];
        const replaced = new RbacPolicy();
        for (const kind of ["Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"] as const) {
          replaced.replace(kind, changes.filter((one) => one.kind === kind).map(made));
          replaced.replace(kind, objects.filter((one) => one.kind === kind).map(made));
        }
        for (const asked of requests) {
          const wanted = mayByTheBook(objects, asked);
          assert.equal(policy.authorize(asked).allowed, wanted);
          assert.equal(replaced.authorize(asked).allowed, wanted);
        }
      },
    ),
    { numRuns: 300 },
  );
});

test("rules cover what they allow: nothing is uncovered exactly where every request of the one is allowed by the other", () => {
  const withRules = (all: PolicyRule[]): RbacPolicy => {
    const policy = new RbacPolicy();
    policy.set("ClusterRole", { metadata: { name: "r" }, rules: all } as Role);
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "r" };
    policy.set("ClusterRoleBinding", {
      metadata: { name: "b" },
      subjects: [{ kind: "User", name: "a" }],
      roleRef,
    } as unknown as RoleBinding);
    return policy;
  };
  fc.assert(
    fc.property(
      rules,
      rules,
      fc.array(request, { minLength: 4, maxLength: 8 }),
      (owned, wanted, requests) => {
        fc.pre(uncovered(owned, wanted).length === 0);
        for (const asked of requests) {
          const own = { ...asked, user: { name: "a", groups: [] } };
          if (withRules(wanted).authorize(own).allowed)
            assert.equal(withRules(owned).authorize(own).allowed, true);
        }
      },
    ),
    { numRuns: 100 },
  );
});

const bobReads = (): RbacPolicy => {
  const policy = new RbacPolicy();
  policy.set("Role", {
    metadata: { name: "reader", namespace: "one" },
    rules: [{ verbs: ["get"], apiGroups: [""], resources: ["configmaps"] }],
  } as Role);
  policy.set("RoleBinding", {
    metadata: { name: "readers", namespace: "one" },
    subjects: [
      { kind: "Group", name: "dev" },
      { kind: "ServiceAccount", name: "robot" },
      { kind: "User", name: "bob" },
    ],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "reader" },
  } as unknown as RoleBinding);
  return policy;
};
const get = (user: UserInfo): AccessRequest => ({
  user,
  verb: "get",
  path: "",
  resource: { group: "", resource: "configmaps", subresource: "", namespace: "one", name: "x" },
});

test("a permission names the binding and the first of its subjects that the user is", () => {
  const policy = bobReads();
  const reason = (name: string, groups: string[] = []) => policy.authorize(get({ name, groups })).reason;
  const by = 'RBAC: allowed by RoleBinding "readers/one" of Role "reader" to';
  assert.equal(reason("bob"), `${by} User "bob"`);
  assert.equal(reason("bob", ["dev"]), `${by} Group "dev"`);
  assert.equal(reason("system:serviceaccount:one:robot"), `${by} ServiceAccount "robot/one"`);
});

test("a refusal names roles that are bound and do not exist, and nothing else", () => {
  const policy = bobReads();
  policy.delete("Role", { metadata: { name: "reader", namespace: "one" } } as Role);
  assert.deepEqual(policy.authorize(get({ name: "bob", groups: [] })), {
    allowed: false,
    reason: 'RBAC: role.rbac.authorization.k8s.io "reader" not found',
  });
  assert.deepEqual(policy.authorize(get({ name: "eve", groups: [] })), { allowed: false, reason: "" });
});

test("system:masters may do everything without any role", async () => {
  const authorizer = createAuthorizer({ rbac: new RbacPolicy() });
  assert.equal((await authorizer.authorize(get({ name: "x", groups: ["system:masters"] }))).allowed, true);
  assert.equal(
    (await authorizer.authorize(get({ name: "x", groups: ["system:authenticated"] }))).allowed,
    false,
  );
});

test("the modes of authorization are asked in their order, and the first that allows decides", async () => {
  const ask = async (modes: readonly AuthorizationMode[], name: string) =>
    await createAuthorizer({ modes, rbac: bobReads() }).authorize(get({ name, groups: [] }));
  assert.equal((await ask(["AlwaysDeny", "RBAC"], "bob")).allowed, true);
  assert.equal((await ask(["RBAC", "AlwaysAllow"], "eve")).allowed, true);
  assert.deepEqual(await ask(["AlwaysDeny"], "bob"), { allowed: false, reason: "Everything is forbidden." });
  assert.equal((await ask([], "bob")).allowed, false);
});

test("only who has all rights may let a role gather the rules of others", async () => {
  const policy = bobReads();
  const { role } = createGrantCheck({ policy, authorizer: createAuthorizer({ rbac: policy }) });
  const gathering = {
    metadata: { name: "all" },
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { a: "b" } }] },
  } as unknown as Role;
  const bob = { user: { name: "bob", groups: [] }, namespace: "" };
  await assert.rejects(
    role(gathering, undefined, bob),
    /must have cluster-admin privileges to use the aggregationRule/,
  );
  policy.set("ClusterRole", {
    metadata: { name: "root" },
    rules: [
      { verbs: ["*"], apiGroups: ["*"], resources: ["*"] },
      { verbs: ["*"], nonResourceURLs: ["*"] },
    ],
  } as Role);
  policy.set("ClusterRoleBinding", {
    metadata: { name: "root" },
    subjects: [{ kind: "User", name: "bob" }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "root" },
  } as unknown as RoleBinding);
  await role(gathering, undefined, bob);
});
