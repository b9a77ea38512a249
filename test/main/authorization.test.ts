import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccessRequest } from "../../src/auth/index.ts";
import { openAuthorization } from "../../src/main/access/authorization.ts";
import { matchConditions } from "../../src/main/access/authorization-conditions.ts";
import { parseAuthorization } from "../../src/main/access/authorization-config.ts";
import { standardAccess } from "../../src/main/config.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const document = (webhook: object, more: readonly object[] = []): string =>
  JSON.stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AuthorizationConfiguration",
    authorizers: [{ type: "Webhook", name: "hook", webhook }, { type: "RBAC", name: "rbac" }, ...more],
  });
const good = {
  timeout: "3s",
  subjectAccessReviewVersion: "v1",
  failurePolicy: "Deny",
  connectionInfo: { type: "KubeConfigFile", kubeConfigFile: "/hook.yaml" },
};

test("an AuthorizationConfiguration names who decides, with upstream's defaults", () => {
  assert.deepEqual(parseAuthorization(document({ ...good, cacheUnauthorizedRequests: false })), [
    {
      version: "v1",
      failurePolicy: "Deny",
      timeoutMs: 3_000,
      authorizedTtlMs: 300_000,
      unauthorizedTtlMs: 0,
      kubeconfigFile: "/hook.yaml",
      matchConditions: [],
      path: "authorizers[0].matchConditions",
    },
    "RBAC",
  ]);
});

test("an AuthorizationConfiguration that says too little, or what cannot be, is refused by the field", () => {
  const condition = { expression: "true" };
  const wrong: [object, RegExp][] = [
    [{ ...good, timeout: undefined }, /authorizers\[0\]\.timeout: Required value/],
    [{ ...good, timeout: "31s" }, /timeout: Invalid value: "31s": must be > 0s and <= 30s/],
    [
      { ...good, failurePolicy: "Maybe" },
      /Unsupported value: "Maybe": supported values: "NoOpinion", "Deny"/,
    ],
    [{ ...good, matchConditions: [condition] }, /required if match conditions are specified/],
    [
      { ...good, matchConditionSubjectAccessReviewVersion: "v1", matchConditions: [condition, condition] },
      /matchConditions\[1\]\.expression: Duplicate value: "true"/,
    ],
    [{ ...good, connectionInfo: { type: "InClusterConfig" } }, /use KubeConfigFile/],
    [{ ...good, __proto__: null, surprise: 1 }, /unknown field "authorizers\[0\]\.webhook\.surprise"/],
  ];
  for (const [webhook, why] of wrong) assert.throws(() => parseAuthorization(document(webhook)), why);
  const twice = [{ type: "RBAC", name: "again" }];
  assert.throws(
    () => parseAuthorization(document(good, twice)),
    /authorizers\[2\]\.type: Duplicate value: "RBAC"/,
  );
});

test("match conditions decide which requests a webhook is asked about", async () => {
  const request = (namespace: string, name: string): AccessRequest => ({
    user: { name: "alice", groups: ["dev"] },
    verb: "get",
    path: "",
    resource: { group: "", resource: "pods", subresource: "", namespace, name },
  });
  const concerns = await matchConditions(
    [
      "request.extra['none'][0] == 'x' || request.resourceAttributes.name != 'odd'",
      "request.resourceAttributes.namespace == 'here'",
    ],
    "conditions",
  );
  assert.equal(concerns?.(request("here", "p")), true);
  assert.equal(concerns?.(request("there", "p")), false);
  assert.equal(
    concerns?.(request("there", "odd")),
    false,
    "the second says no, whatever became of the first",
  );
  assert.throws(
    () => concerns?.(request("here", "odd")),
    /cel evaluation error: expression .* no such key: none/,
  );
  await assert.rejects(
    matchConditions(["request.user"], "conditions"),
    /conditions\[0\]\.expression: Invalid value: "request.user": must evaluate to bool but got string/,
  );
  await assert.rejects(
    matchConditions(["request.usr == ''"], "conditions"),
    /compilation failed: .*undefined field 'usr'/,
  );
});

test("a configuration with ABAC and no file of policies is refused, rather than decided without it", async () => {
  const platform = nodePlatform();
  const text = JSON.stringify({
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "AuthorizationConfiguration",
    authorizers: [{ type: "ABAC", name: "abac" }],
  });
  const disk = { ...platform.disk, readFile: async () => Buffer.from(text) };
  const open = (more: object) =>
    openAuthorization({ ...platform, disk }, { ...standardAccess, authorizationConfigFile: "/a", ...more });
  await assert.rejects(open({}), /--authorization-config: \/a: .*authorization policy file not passed/);
  assert.deepEqual(await open({ authorizationPolicyFile: "/p" }), ["ABAC"]);
});
