import assert from "node:assert/strict";
import { test } from "node:test";
import { type ConfigurationKind, configurationDocument } from "../../src/apimachinery/index.ts";

const policy: ConfigurationKind = { group: "audit.k8s.io", versions: ["v1", "v1beta1"], kind: "Policy" };

test("a configuration document is taken in each of its versions", () => {
  for (const version of policy.versions) {
    const document = { apiVersion: `audit.k8s.io/${version}`, kind: "Policy", rules: [] };
    assert.equal(configurationDocument(document, policy), document);
  }
});

test("a configuration document of another kind or version, or none, is refused by what it says it is", () => {
  const refused = (value: Parameters<typeof configurationDocument>[0], why: string) =>
    assert.throws(() => configurationDocument(value, policy), new Error(why));
  const wanted = "audit.k8s.io/v1 Policy";
  refused(undefined, `a YAML object was expected: ${wanted}`);
  refused([], `a YAML object was expected: ${wanted}`);
  refused({}, `no kind "" is registered for version "": ${wanted} was expected`);
  refused(
    { apiVersion: "v1", kind: "Policy" },
    `no kind "Policy" is registered for version "v1": ${wanted} was expected`,
  );
  refused(
    { apiVersion: "audit.k8s.io/v1", kind: "policy" },
    `no kind "policy" is registered for version "audit.k8s.io/v1": ${wanted} was expected`,
  );
});
