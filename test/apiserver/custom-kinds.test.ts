import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { noLease } from "../../src/base/index.ts";
import { type Ask, asker } from "./asker.ts";
import { openServer } from "./open-server.ts";

const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const noxus = "/apis/example.com/v1/noxus";

function definition(properties: object, spec: object = {}) {
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "noxus.example.com" },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "noxus", kind: "Noxu", listKind: "NoxuItemList" },
      versions: [
        {
          name: "v1",
          served: true,
          storage: true,
          schema: { openAPIV3Schema: { type: "object", properties } },
        },
      ],
      ...spec,
    },
  };
}

async function until<T>(read: () => Promise<T>, is: (value: T) => boolean): Promise<T> {
  const end = performance.now() + 10_000;
  for (;;) {
    const value = await read();
    if (is(value)) return value;
    assert.ok(performance.now() < end, JSON.stringify(value));
    await sleep(5);
  }
}

async function serve(ask: Ask, properties: object): Promise<void> {
  const made = await ask("POST", definitions, definition(properties));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await until(
    () => ask("GET", noxus),
    ({ status }) => status === 200,
  );
}

test("a list of custom objects is of the kind that the CRD names, streamed from bytes or made of objects", async () => {
  const opened = openServer();
  const ask = asker(opened);
  await serve(ask, {});
  assert.equal((await ask("GET", noxus)).body.kind, "NoxuItemList");
  const created = await ask("POST", noxus, {
    apiVersion: "example.com/v1",
    kind: "Noxu",
    metadata: { name: "a" },
  });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  const { body } = await ask("GET", noxus);
  assert.deepEqual([body.kind, body.items.length], ["NoxuItemList", 1]);
  await opened.close();
});

test("objects of namespaces are neither made nor deleted across all of them, as if there were no such path", async () => {
  const opened = openServer();
  const ask = asker(opened);
  const { spec, ...named } = definition({});
  const made = await ask("POST", definitions, { ...named, spec: { ...spec, scope: "Namespaced" } });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await until(
    () => ask("GET", noxus),
    ({ status }) => status === 200,
  );
  const object = { apiVersion: "example.com/v1", kind: "Noxu", metadata: { name: "a" } };
  assert.equal((await ask("POST", noxus, object)).status, 404);
  assert.equal((await ask("DELETE", noxus)).status, 404);
  await opened.close();
});

test("a CRD whose webhook has a CA bundle that is none is not established, and says why", async () => {
  const opened = openServer();
  const ask = asker(opened);
  const clientConfig = { url: "https://127.0.0.1:1/", caBundle: Buffer.from("none").toString("base64") };
  const conversion = {
    strategy: "Webhook",
    webhook: { conversionReviewVersions: ["v1"], clientConfig },
  };
  const made = await ask("POST", definitions, definition({}, { conversion }));
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const established = async (): Promise<{ status: string; reason: string; message: string } | undefined> =>
    (await ask("GET", `${definitions}/noxus.example.com`)).body.status?.conditions?.find(
      ({ type }: { type: string }) => type === "Established",
    );
  const condition = await until(established, (now) => now !== undefined && now.reason !== "Installing");
  assert.deepEqual(
    [condition?.status, condition?.reason, condition?.message],
    ["False", "InvalidCABundle", "The conversion webhook CABundle is invalid"],
  );
  await opened.close();
});

const identity = { apiVersion: "v1", kind: "Thing", metadata: { name: "bar", unknown: "unknown" } };

test("defaults of embedded resources bring no fields that metadata does not have, at whatever depth they stand", async () => {
  const opened = openServer();
  const ask = asker(opened);
  const embedded = {
    type: "object",
    "x-kubernetes-embedded-resource": true,
    "x-kubernetes-preserve-unknown-fields": true,
  };
  const text = (value: string) => ({ type: "string", default: value });
  await serve(ask, {
    whole: { ...embedded, default: identity },
    around: { type: "object", properties: { inner: embedded }, default: { inner: identity } },
    metadata: { type: "object" },
    apart: {
      ...embedded,
      properties: {
        apiVersion: text("v1"),
        kind: text("Thing"),
        metadata: { type: "object", properties: { name: text("bar"), unknown: text("unknown") } },
      },
    },
  });
  const made = await ask("POST", noxus, {
    apiVersion: "example.com/v1",
    kind: "Noxu",
    metadata: { name: "a" },
    apart: { metadata: {} },
  });
  assert.equal(made.status, 201, JSON.stringify(made.body));
  const wanted = { ...identity, metadata: { name: "bar" } };
  assert.deepEqual([made.body.whole, made.body.around.inner, made.body.apart], [wanted, wanted, wanted]);
  await opened.close();
});

test("metadata that somebody wrote into the store is shown without what it cannot have, and the object can be mended", async () => {
  const opened = openServer();
  const ask = asker(opened);
  await serve(ask, {
    embedded: {
      type: "object",
      "x-kubernetes-embedded-resource": true,
      "x-kubernetes-preserve-unknown-fields": true,
    },
  });
  const odd = { unknown: 42, annotations: { foo: 42, bar: "abc" }, labels: { invalid: "x y" } };
  const stored = {
    apiVersion: "example.com/v1",
    kind: "Noxu",
    metadata: { name: "a", ...odd },
    embedded: { apiVersion: "v1", kind: 7, metadata: odd },
  };
  await opened.kv.txn({
    compare: [],
    success: [
      {
        type: "put",
        key: Buffer.from("/kubernetes.io/example.com/noxus/a"),
        value: Buffer.from(JSON.stringify(stored)),
        lease: noLease,
      },
    ],
    failure: [],
  });
  const { body } = await until(
    () => ask("GET", `${noxus}/a`),
    ({ status }) => status === 200,
  );
  const { resourceVersion: _, ...metadata } = body.metadata;
  const labels = { invalid: "x y" };
  assert.deepEqual(metadata, { generation: 1, labels, name: "a" });
  assert.deepEqual(body.embedded, { apiVersion: "v1", metadata: { labels } });
  body.metadata.labels.invalid = "fixed";
  body.embedded = { apiVersion: "v1", kind: "Thing", metadata: { labels: { invalid: "fixed" } } };
  const mended = await ask("PUT", `${noxus}/a`, body);
  assert.equal(mended.status, 200, JSON.stringify(mended.body));
  await opened.close();
});

test("a CRD of before there were several versions, found in the store, is told of and keeps no other from being served", async () => {
  const opened = openServer();
  const ask = asker(opened);
  const old = {
    apiVersion: "apiextensions.k8s.io/v1beta1",
    kind: "CustomResourceDefinition",
    metadata: { name: "olds.example.com", uid: "u" },
    spec: { group: "example.com", version: "v1", scope: "Cluster", names: { plural: "olds", kind: "Old" } },
    status: { conditions: [{ type: "NamesAccepted", status: "True" }] },
  };
  await opened.kv.txn({
    compare: [],
    success: [
      {
        type: "put",
        key: Buffer.from("/kubernetes.io/apiextensions.k8s.io/customresourcedefinitions/olds.example.com"),
        value: Buffer.from(JSON.stringify(old)),
        lease: noLease,
      },
    ],
    failure: [],
  });
  await until(
    async () => opened.logged,
    (told) => told.some((text) => text.includes("olds.example.com cannot be served")),
  );
  await serve(ask, {});
  await opened.close();
});

test("a custom object of no namespace is scaled, and told in its own words what it cannot be", async () => {
  const opened = openServer();
  const ask = asker(opened);
  const scale = { specReplicasPath: ".spec.replicas", statusReplicasPath: ".status.replicas" };
  const schema = {
    openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
  };
  const versions = [{ name: "v1", served: true, storage: true, schema, subresources: { scale } }];
  await ask("POST", definitions, definition({}, { versions }));
  await until(
    () => ask("GET", noxus),
    ({ status }) => status === 200,
  );
  const spec = { replicas: 1 };
  await ask("POST", noxus, { apiVersion: "example.com/v1", kind: "Noxu", metadata: { name: "a" }, spec });
  const scaled = (replicas: number): ReturnType<Ask> =>
    ask("PATCH", `${noxus}/a/scale`, { spec: { replicas } }, "application/merge-patch+json");
  const up = await scaled(3);
  assert.deepEqual([up.status, up.body.spec], [200, { replicas: 3 }]);
  const down = await scaled(-1);
  assert.deepEqual(
    [down.status, down.body.message],
    [
      422,
      'Noxu.example.com "a" is invalid: .spec.replicas: Invalid value: -1: should be a non-negative integer',
    ],
  );
  await opened.close();
});
