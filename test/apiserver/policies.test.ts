import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type Client, createClient } from "../../src/client/index.ts";
import { openServer } from "./open-server.ts";

const opened = openServer();
const client: Client = createClient({
  transport: opened.server.transport({ name: "admin", groups: ["system:masters", "system:authenticated"] }),
  userAgent: "test",
});
after(() => opened.close());

const core = { group: "", version: "v1" };
const configMaps = { ...core, resource: "configmaps", namespace: "default" };
const admission = { group: "admissionregistration.k8s.io", version: "v1" };
const policies = { ...admission, resource: "validatingadmissionpolicies" };
const bindings = { ...admission, resource: "validatingadmissionpolicybindings" };

const configMap = (name: string, data: Record<string, string> = {}): KubeObject => ({
  metadata: { name },
  data,
});

/** The rest of what the event loop has to do, so that the server has heard of what was written. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    return (error as Error).message;
  }
  assert.fail("it was let through");
}

/** A policy for ConfigMaps under one binding, for as long as `then` takes. */
async function bound(spec: object, binding: object, then: () => Promise<void>): Promise<void> {
  const rule = { apiGroups: [""], apiVersions: ["v1"], operations: ["CREATE"], resources: ["configmaps"] };
  await client.create(policies, {
    metadata: { name: "p" },
    spec: { matchConstraints: { resourceRules: [rule] }, ...spec },
  } as KubeObject);
  await client.create(bindings, {
    metadata: { name: "b" },
    spec: { policyName: "p", validationActions: ["Deny"], ...binding },
  } as KubeObject);
  await settled();
  try {
    await then();
  } finally {
    await client.delete(policies, "p");
    await client.delete(bindings, "b");
  }
}

const denied = (name: string, why: string): string =>
  `configmaps "${name}" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: ${why}`;

test("a namespace to work in", async () => {
  await client.create(
    { ...core, resource: "namespaces" },
    { metadata: { name: "default", labels: { team: "red" } } },
  );
});

test("a policy's limits come from an object that its binding names; without it the binding says what happens", async () => {
  const spec = {
    paramKind: { apiVersion: "v1", kind: "ConfigMap" },
    variables: [
      { name: "max", expression: "int(params.data.max)" },
      { name: "count", expression: "has(object.data) ? object.data.size() : 0" },
    ],
    validations: [
      {
        expression: "variables.count <= variables.max",
        messageExpression: "'at most ' + string(variables.max) + ' keys, not ' + string(variables.count)",
      },
    ],
  };
  const paramRef = { name: "limits", namespace: "default", parameterNotFoundAction: "Deny" };
  await bound(spec, { paramRef }, async () => {
    assert.equal(
      await refusal(client.create(configMaps, configMap("limits", { max: "1" }))),
      denied(
        "limits",
        "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
      ),
    );
  });
  await client.create(configMaps, configMap("limits", { max: "1" }));
  await bound(spec, { paramRef }, async () => {
    await client.create(configMaps, configMap("one", { a: "1" }));
    assert.equal(
      await refusal(client.create(configMaps, configMap("two", { a: "1", b: "2" }))),
      denied("two", "at most 1 keys, not 2"),
    );
  });
});

test("a policy whose parameters are of a kind that nobody serves refuses as a whole", async () => {
  const spec = {
    paramKind: { apiVersion: "nobody.example/v1", kind: "Limit" },
    validations: [{ expression: "true" }],
  };
  await bound(spec, { paramRef: { name: "x", parameterNotFoundAction: "Allow" } }, async () => {
    assert.equal(
      await refusal(client.create(configMaps, configMap("x"))),
      `configmaps "x" is forbidden: ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'nobody.example/v1, Kind=Limit'`,
    );
  });
});

test("a policy sees the namespace, the request and what its user may do; where it fails, its failurePolicy decides", async () => {
  const validations = [
    { expression: "namespaceObject.metadata.labels.team == 'red'" },
    { expression: "request.operation == 'CREATE' && request.userInfo.username == 'admin'" },
    { expression: "request.name == 'x' && request.namespace == 'default'" },
    { expression: "authorizer.group('').resource('secrets').namespace('default').check('get').allowed()" },
    {
      expression:
        "!authorizer.serviceAccount('default', 'x').group('').resource('configmaps').check('create').allowed()",
    },
    { expression: "object.missing == 1" },
  ];
  await bound({ validations }, {}, async () => {
    assert.equal(
      await refusal(client.create(configMaps, configMap("x"))),
      denied("x", "expression 'object.missing == 1' resulted in error: no such key: missing"),
    );
  });
  await bound({ validations, failurePolicy: "Ignore" }, {}, async () => {
    await client.create(configMaps, configMap("x"));
  });
});

test("an expression that would never end is stopped by its cost", async () => {
  const expression = "lists.range(10000).all(x, lists.range(10000).all(y, x + y >= 0))";
  await bound({ validations: [{ expression }] }, {}, async () => {
    assert.equal(
      await refusal(client.create(configMaps, configMap("y"))),
      denied(
        "y",
        `expression '${expression}' resulted in error: operation cancelled: actual cost limit exceeded`,
      ),
    );
  });
});

test("two writers cannot both take the last that a quota allows", async () => {
  const namespaced = { ...core, namespace: "default" };
  const quotas = { ...namespaced, resource: "resourcequotas" };
  const quota = await client.create(quotas, {
    metadata: { name: "q" },
    spec: { hard: { "count/secrets": "1" } },
  } as KubeObject);
  await client.update(
    quotas,
    { ...quota, status: { hard: { "count/secrets": "1" }, used: { "count/secrets": "0" } } } as KubeObject,
    "status",
  );
  await settled();
  const secrets = { ...namespaced, resource: "secrets" };
  const outcomes = await Promise.allSettled(
    ["a", "b", "c"].map((name) => client.create(secrets, { metadata: { name } })),
  );
  assert.equal(outcomes.filter(({ status }) => status === "fulfilled").length, 1);
  const refused = outcomes.find(({ status }) => status === "rejected") as PromiseRejectedResult;
  assert.match(
    (refused.reason as Error).message,
    /exceeded quota: q, requested: count\/secrets=1, used: count\/secrets=1, limited: count\/secrets=1$/,
  );
});

test("a claim grows only when it is bound to a volume of a class that lets it", async () => {
  const claims = { ...core, resource: "persistentvolumeclaims", namespace: "default" };
  const spec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
  const claim = await client.create(claims, { metadata: { name: "c" }, spec } as KubeObject);
  await client.update(claims, { ...claim, status: { phase: "Bound" } } as KubeObject, "status");
  const patch = { type: "merge" as const, body: { spec: { resources: { requests: { storage: "2Gi" } } } } };
  assert.equal(
    await refusal(client.patch(claims, "c", patch)),
    'persistentvolumeclaims "c" is forbidden: only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
  );
});
