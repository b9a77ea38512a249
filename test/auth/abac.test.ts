import assert from "node:assert/strict";
import { test } from "node:test";
import { AbacPolicies, type AccessRequest, createAuthorizer, RbacPolicy } from "../../src/auth/index.ts";

const policy = (spec: object): string =>
  JSON.stringify({ apiVersion: "abac.authorization.kubernetes.io/v1beta1", kind: "Policy", spec });

const user = (name: string, ...groups: string[]) => ({ name, groups: [...groups, "system:authenticated"] });

function request(name: string, verb: string, on: string, more: { group?: string; groups?: string[] } = {}) {
  const [namespace = "", resource = ""] = on.split(":");
  return {
    user: user(name, ...(more.groups ?? [])),
    verb,
    path: on,
    ...(on.startsWith("/")
      ? {}
      : { resource: { group: more.group ?? "", resource, subresource: "", namespace, name: "" } }),
  } satisfies AccessRequest;
}

test("a policy is for whom, what and where it names, and for nothing else", () => {
  const policies = new AbacPolicies(
    [
      "# who may what",
      "",
      policy({ user: "alice", namespace: "*", resource: "*", apiGroup: "*" }),
      policy({ user: "bob", readonly: true, namespace: "here", resource: "pods" }),
      policy({ group: "ops", nonResourcePath: "/logs/*", readonly: true }),
      policy({ user: "*", nonResourcePath: "/version" }),
      policy({ namespace: "*", resource: "*" }),
    ].join("\n"),
  );
  const may = (asked: AccessRequest): boolean => policies.authorize(asked).allowed;
  assert.equal(may(request("alice", "delete", "there:jobs", { group: "batch" })), true);
  assert.equal(may(request("alice", "get", "/logs/x")), false);
  assert.equal(may(request("bob", "list", "here:pods")), true);
  assert.equal(may(request("bob", "create", "here:pods")), false);
  assert.equal(may(request("bob", "list", "there:pods")), false);
  assert.equal(may(request("bob", "list", "here:pods", { group: "metrics.k8s.io" })), false);
  assert.equal(may(request("carl", "get", "/logs/x", { groups: ["ops"] })), true);
  assert.equal(may(request("carl", "post", "/logs/x", { groups: ["ops"] })), false);
  assert.equal(may(request("carl", "get", "/version")), true);
  assert.deepEqual(policies.authorize(request("carl", "list", "here:pods")), {
    allowed: false,
    reason: "No policy matched.",
  });
  assert.deepEqual(policies.rulesFor(user("bob"), "here"), [
    { verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["pods"] },
  ]);
});

test("in a line without a version what is left out stands for all", () => {
  const policies = new AbacPolicies('{"user":"dora"}\n{"readonly":true,"resource":"events"}');
  const may = (asked: AccessRequest): boolean => policies.authorize(asked).allowed;
  assert.equal(may(request("dora", "create", "any:deployments", { group: "apps" })), true);
  assert.equal(may(request("dora", "get", "/metrics")), true);
  assert.equal(may(request("erik", "list", "any:events")), true);
  assert.equal(may(request("erik", "get", "/metrics")), false);
});

test("a policy file that cannot be read is refused by its line", () => {
  assert.throws(() => new AbacPolicies('{"user":"a"}\n{'), /^Error: line 2: \{: /);
  assert.throws(() => new AbacPolicies('{"user":1}'), /line 1: .*user: a string was expected/);
  assert.throws(
    () => new AbacPolicies('{"kind":"Policy","apiVersion":"v9"}'),
    /no kind "Policy" is registered for version "v9"/,
  );
});

test("ABAC is one mode among others: what it does not allow the next one may", async () => {
  const abac = new AbacPolicies(policy({ user: "alice", namespace: "*", resource: "*" }));
  const { authorize } = createAuthorizer({ modes: ["ABAC", "RBAC"], rbac: new RbacPolicy(), abac });
  assert.equal((await authorize(request("alice", "list", "here:pods"))).allowed, true);
  const refused = await authorize(request("bob", "list", "here:pods"));
  assert.equal(refused.allowed, false);
  assert.match(refused.reason, /^No policy matched\./);
});
