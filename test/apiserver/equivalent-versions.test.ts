import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type Client, createClient } from "../../src/client/index.ts";
import { openServer } from "./open-server.ts";

const opened = openServer();
const client: Client = createClient({
  transport: opened.server.transport({ name: "admin", groups: ["system:masters", "system:authenticated"] }),
  userAgent: "test",
});
after(() => opened.close());

const group = "example.com";
const gadgets = (version: string) => ({ group, version, resource: "gadgets", namespace: "default" });
const policies = {
  group: "admissionregistration.k8s.io",
  version: "v1",
  resource: "validatingadmissionpolicies",
};
const bindings = { ...policies, resource: "validatingadmissionpolicybindings" };

const version = (name: string, storage: boolean) => ({
  name,
  served: true,
  storage,
  schema: {
    openAPIV3Schema: {
      type: "object",
      properties: { spec: { type: "object", properties: { size: { type: "integer" } } } },
    },
  },
});

test("kinds to work with", async () => {
  await client.create(
    { group: "", version: "v1", resource: "namespaces" },
    { metadata: { name: "default" } },
  );
  await client.create(
    { group: "apiextensions.k8s.io", version: "v1", resource: "customresourcedefinitions" },
    {
      metadata: { name: "gadgets.example.com" },
      spec: {
        group,
        scope: "Namespaced",
        names: { plural: "gadgets", singular: "gadget", kind: "Gadget", listKind: "GadgetList" },
        versions: [version("v1", true), version("v2", false)],
      },
    } as object as never,
  );
  await served();
});

async function served(): Promise<void> {
  for (;;) {
    if (opened.registry.resource({ group, version: "v2", resource: "gadgets" }) !== undefined) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function bind(matchPolicy: "Exact" | "Equivalent"): Promise<void> {
  await client.create(policies, {
    metadata: { name: "small" },
    spec: {
      matchConstraints: {
        matchPolicy,
        resourceRules: [
          { apiGroups: [group], apiVersions: ["v1"], operations: ["CREATE"], resources: ["gadgets"] },
        ],
      },
      validations: [
        {
          expression: "object.spec.size < 10",
          messageExpression:
            "object.apiVersion + ' as ' + request.kind.version + ', asked in ' + request.requestKind.version",
        },
      ],
    },
  } as object as never);
  await client.create(bindings, {
    metadata: { name: "small" },
    spec: { policyName: "small", validationActions: ["Deny"] },
  } as object as never);
  await new Promise((resolve) => setImmediate(resolve));
}

async function unbind(): Promise<void> {
  await client.delete(bindings, "small");
  await client.delete(policies, "small");
  await new Promise((resolve) => setImmediate(resolve));
}

const big = (name: string, at: string) =>
  ({
    apiVersion: `${group}/${at}`,
    kind: "Gadget",
    metadata: { name },
    spec: { size: 11 },
  }) as object as never;

test("a policy for one version sees what is asked in another as the one that it names", async () => {
  await bind("Equivalent");
  await assert.rejects(client.create(gadgets("v2"), big("a", "v2")), /example\.com\/v1 as v1, asked in v2/);
  await assert.rejects(client.create(gadgets("v1"), big("a", "v1")), /example\.com\/v1 as v1, asked in v1/);
  await unbind();
});

test("a policy that means its version exactly sees no other", async () => {
  await bind("Exact");
  await client.create(gadgets("v2"), big("b", "v2"));
  await assert.rejects(client.create(gadgets("v1"), big("c", "v1")), /asked in v1/);
  await unbind();
});
