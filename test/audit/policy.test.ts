import assert from "node:assert/strict";
import { test } from "node:test";
import { type AuditedRequest, parsePolicy } from "../../src/audit/index.ts";

const read: AuditedRequest = {
  id: "1",
  uri: "/api/v1/namespaces/dev/configmaps/only",
  verb: "get",
  user: { name: "ann", groups: ["dev", "system:authenticated"] },
  sourceIps: ["127.0.0.1"],
  userAgent: "test",
  path: "/api/v1/namespaces/dev/configmaps/only",
  resource: {
    group: "",
    version: "v1",
    resource: "configmaps",
    subresource: "",
    namespace: "dev",
    name: "only",
  },
};
const version: AuditedRequest = { ...read, path: "/version", uri: "/version", resource: undefined };
const log = {
  ...read,
  resource: { ...(read.resource as object), resource: "pods", subresource: "log" },
} as AuditedRequest;

const policy = (rules: string) => parsePolicy(`apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n${rules}`);

test("the first rule that a request matches decides, and where none does nothing is told", () => {
  const decide = policy(
    "- level: Metadata\n  verbs: [list]\n- level: Request\n  users: [ann]\n- level: RequestResponse\n",
  );
  assert.equal(decide(read).level, "Request");
  assert.equal(decide({ ...read, verb: "list" }).level, "Metadata");
  assert.equal(decide({ ...read, user: undefined }).level, "RequestResponse");
  assert.equal(policy("- level: Metadata\n  userGroups: [ops]\n")(read).level, "None");
});

test("resources are meant by group, subresource and name, and other paths never by them", () => {
  const rule = (resources: string) => policy(`- level: Metadata\n  resources: [${resources}]\n`);
  assert.equal(
    rule('{group: "", resources: ["configmaps"], resourceNames: ["only"]}')(read).level,
    "Metadata",
  );
  assert.equal(rule('{group: "", resources: ["configmaps"], resourceNames: ["other"]}')(read).level, "None");
  assert.equal(rule('{group: "apps"}')(read).level, "None");
  assert.equal(rule('{group: ""}')(read).level, "Metadata");
  assert.equal(rule('{group: "", resources: ["pods"]}')(log).level, "None");
  for (const meant of ["pods/log", "pods/*", "*/log", "*"])
    assert.equal(rule(`{group: "", resources: ["${meant}"]}`)(log).level, "Metadata", meant);
  assert.equal(rule('{group: ""}')(version).level, "None");
  const paths = policy('- level: Metadata\n  nonResourceURLs: ["/healthz*", "/version"]\n');
  assert.equal(paths(version).level, "Metadata");
  assert.equal(paths({ ...version, path: "/healthz/ping" }).level, "Metadata");
  assert.equal(paths({ ...version, path: "/livez" }).level, "None");
  assert.equal(paths(read).level, "None");
});

test("what a rule leaves out adds to what the policy leaves out", () => {
  const decide = parsePolicy(
    "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nomitManagedFields: true\nrules:\n- {level: Metadata, omitStages: [Panic], verbs: [get]}\n- {level: Metadata, omitManagedFields: false}\n",
  );
  assert.deepEqual([...decide(read).omitStages], ["RequestReceived", "Panic"]);
  assert.equal(decide(read).omitManagedFields, true);
  assert.equal(decide({ ...read, verb: "list" }).omitManagedFields, false);
});

test("a policy that cannot be meant is refused with the field that is wrong", () => {
  assert.throws(
    () => parsePolicy("kind: Policy\napiVersion: audit.k8s.io/v1\n"),
    /loaded illegal policy with 0 rules/,
  );
  assert.throws(
    () => parsePolicy("kind: Policy\napiVersion: audit.k8s.io/v2\n"),
    /no kind "Policy" is registered/,
  );
  assert.throws(() => policy("- level: Everything\n"), /rules\[0\]\.level: Unsupported value: "Everything"/);
  assert.throws(() => policy("- {level: None, user: [x]}\n"), /unknown field "rules\[0\]\.user"/);
  assert.throws(
    () => policy('- {level: None, nonResourceURLs: ["/x"], namespaces: [a]}\n'),
    /cannot apply to both regular resources and non-resource URLs/,
  );
  assert.throws(() => policy('- {level: None, nonResourceURLs: ["/a*b"]}\n'), /must be the final character/);
});
