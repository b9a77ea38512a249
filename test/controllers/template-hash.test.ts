import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { podTemplateHash } from "../../src/controllers/index.ts";
import { revisionData } from "../../src/controllers/revisions.ts";
import { readExchanges } from "../apiserver/exchanges.ts";

function recordedTemplates(): Map<string, KubeObject> {
  const found = new Map<string, KubeObject>();
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) value.forEach(visit);
    if (typeof value !== "object" || value === null) return;
    const object = value as KubeObject;
    const hash = object.metadata?.labels?.["pod-template-hash"];
    if (hash !== undefined && object.spec?.template !== undefined) found.set(hash, object.spec.template);
    Object.values(value).forEach(visit);
  };
  for (const { needs, response } of readExchanges()) if (needs !== "apiserver") visit(response);
  return found;
}

test("templates have the hashes that kube-controller-manager gave them", () => {
  const templates = recordedTemplates();
  assert.ok(templates.size >= 3);
  for (const [hash, template] of templates) {
    const { "pod-template-hash": _, ...labels } = template.metadata.labels ?? {};
    assert.equal(
      podTemplateHash({ ...template, metadata: { ...template.metadata, labels } }, undefined),
      hash,
    );
  }
});

test("the pod that could not be scheduled was made from a template with a node selector and no requests", () => {
  // From the recorded Deployment "stuck", whose ReplicaSet was never read back.
  const recorded = readExchanges().find(({ name }) => name === "a deployment that cannot be scheduled");
  assert.ok(recorded);
  const { spec } = recorded.response as KubeObject;
  assert.equal(podTemplateHash(spec.template, undefined), "cdbcf5b87");
});

test("a collision gives another hash, and absent fields are as good as empty ones", () => {
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  assert.notEqual(podTemplateHash(template, 1), podTemplateHash(template, undefined));
  const padded = {
    metadata: { labels: { a: "b" }, annotations: {}, creationTimestamp: null },
    spec: { containers: [{ name: "c", image: "i", args: [], resources: {} }], volumes: [] },
  };
  assert.equal(podTemplateHash(padded, undefined), podTemplateHash(template, undefined));
});

test("what a revision keeps has its keys in order, as others compare its bytes", () => {
  const template = { spec: { nodeName: "n", containers: [{ name: "c", image: "i" }] }, metadata: {} };
  assert.equal(
    JSON.stringify(revisionData(template)),
    '{"spec":{"template":{"$patch":"replace","metadata":{},"spec":{"containers":[{"image":"i","name":"c"}],"nodeName":"n"}}}}',
  );
});
