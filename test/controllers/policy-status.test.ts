/** What kube-controller-manager 1.35.4 says in the status of policies whose expressions do not fit the kinds that they are for. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { startRealCluster } from "./real-cluster.ts";

interface Recorded {
  readonly name: string;
  readonly spec: object;
  readonly status: object;
}

const recorded = JSON.parse(
  readFileSync(new URL("../fixtures/kubernetes/policy-type-checks.json", import.meta.url), "utf8"),
) as Recorded[];
const policies = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "validatingadmissionpolicies",
};
const definitions = {
  group: "apiextensions.k8s.io",
  version: "v1",
  resource: "customresourcedefinitions",
};

const widgets = {
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Namespaced",
    names: { kind: "Widget", plural: "widgets", singular: "widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: {
                type: "object",
                properties: {
                  size: { type: "integer" },
                  any: { "x-kubernetes-int-or-string": true },
                  free: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
                  emb: {
                    type: "object",
                    "x-kubernetes-embedded-resource": true,
                    "x-kubernetes-preserve-unknown-fields": true,
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

test("a policy's status tells what of its expressions does not fit which kinds, in upstream's words", async () => {
  const cluster = await startRealCluster("validatingadmissionpolicy-status-controller");
  const { client, until } = cluster;
  await client.create(definitions, widgets);
  await until("the custom kind is served", async () => {
    const { status } = await client.raw({ method: "GET", path: "/openapi/v3/apis/example.com/v1" });
    return status === 200;
  });
  for (const { name, spec } of recorded) {
    await client.create<KubeObject>(policies, { metadata: { name }, spec });
  }
  for (const { name, status } of recorded) {
    const policy = await until(`${name} is checked`, async () => {
      const found = await client.get(policies, name);
      return found["status"]?.observedGeneration === 1 && found;
    });
    assert.deepEqual({ name, status: policy["status"] }, { name, status });
    const [entry] = (policy.metadata.managedFields ?? []).filter(({ subresource }) => subresource);
    assert.deepEqual(
      [entry?.manager, entry?.operation, entry?.subresource],
      ["validatingadmissionpolicy-status", "Apply", "status"],
    );
  }
  await cluster.stop();
});
