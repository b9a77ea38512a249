import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import {
  createKubernetesCodec,
  type KubernetesObject,
  type KubernetesTable,
  ProtobufError,
} from "../../src/wire/index.ts";

const table = JSON.parse(
  readFileSync(new URL("../../schemas/kubernetes/protobuf.json", import.meta.url), "utf8"),
) as KubernetesTable;
const codec = createKubernetesCodec(table);

interface Sample {
  readonly name: string;
  readonly json: KubernetesObject;
  readonly protobuf: string;
}

const allSamples = gunzipSync(
  readFileSync(new URL("../fixtures/kubernetes/roundtrip.jsonl.gz", import.meta.url)),
)
  .toString("utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Sample);
/** The event of a watch is no object: it has no kind and, on the wire, no envelope. */
const samples = allSamples.filter(({ name }) => name !== "core.v1.WatchEvent");

test("the event of a watch is written as Go writes it", () => {
  const sample = allSamples.find(({ name }) => name === "core.v1.WatchEvent") as Sample;
  const event = codec.encodeWatchEvent("typeValue", Buffer.from(JSON.stringify(sample.json["object"])));
  assert.ok(Buffer.from(sample.protobuf, "base64").includes(event));
});

test("every kind of upstream's test data is written byte for byte as Go writes it", () => {
  assert.ok(samples.length > 180);
  for (const { name, json, protobuf } of samples) {
    assert.equal(Buffer.from(codec.encode(json)).toString("base64"), protobuf, name);
  }
});

test("every kind of upstream's test data is read as the JSON that Go writes", () => {
  for (const { name, json, protobuf } of samples) {
    assert.deepEqual(codec.decode(Buffer.from(protobuf, "base64")), json, name);
  }
});

/** To protobuf and back. */
function roundTrip<T extends KubernetesObject>(object: T): KubernetesObject {
  return codec.decode(codec.encode(object));
}

test("a field that is a pointer in Go keeps its zero, another is left out", () => {
  const object = {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "a", generation: 0, namespace: "" },
    spec: {
      replicas: 0,
      paused: false,
      selector: {},
      template: { spec: { containers: [{ name: "c", env: [{ name: "E" }] }] } },
    },
  };
  assert.deepEqual(roundTrip(object), {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "a" },
    spec: {
      replicas: 0,
      selector: {},
      template: { spec: { containers: [{ name: "c", env: [{ name: "E" }] }] } },
    },
  });
});

test("special forms survive: times, quantities, ports by name, any JSON, inlined volumes", () => {
  const pod = {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: "p",
      creationTimestamp: "2026-01-02T03:04:05Z",
      labels: { z: "1", a: "2", __proto__x: "3" },
    },
    spec: {
      volumes: [{ name: "v", emptyDir: { sizeLimit: "1Gi" } }],
      containers: [
        {
          name: "c",
          resources: { limits: { memory: "64Mi", cpu: "100m" } },
          livenessProbe: { httpGet: { port: "web" }, periodSeconds: 3 },
          readinessProbe: { tcpSocket: { port: 8080 } },
        },
      ],
    },
  };
  assert.deepEqual(roundTrip(pod), pod);
  const event = {
    apiVersion: "events.k8s.io/v1",
    kind: "Event",
    metadata: { name: "e" },
    eventTime: "2026-01-02T03:04:05.678901Z",
  };
  assert.deepEqual(roundTrip(event), event);
  const schema = {
    type: "object",
    additionalProperties: false,
    items: { type: "string" },
    default: { any: [1, null, "x"] },
    dependencies: { a: ["b"], c: { type: "integer" } },
    properties: { n: { type: "number", maximum: 1.5, additionalProperties: { type: "string" } } },
    "x-kubernetes-preserve-unknown-fields": true,
  };
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "x" },
    spec: {
      group: "g",
      names: { plural: "xs", kind: "X" },
      scope: "Namespaced",
      versions: [{ name: "v1", served: true, storage: true, schema: { openAPIV3Schema: schema } }],
    },
  };
  assert.deepEqual(roundTrip(definition).spec, definition.spec);
});

test("a map key named __proto__ is data", () => {
  const labels = JSON.parse('{"__proto__": "polluted"}');
  const back = roundTrip({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", labels } });
  const metadata = back.metadata as { labels: Record<string, string> };
  assert.equal(Object.getOwnPropertyDescriptor(metadata.labels, "__proto__")?.value, "polluted");
  assert.equal(({} as { polluted?: string }).polluted, undefined);
});

test("kinds of meta are understood in any group, custom resources are not", () => {
  assert.ok(codec.supports("apps/v1", "DeleteOptions") && codec.supports("v1", "Status"));
  assert.ok(
    !codec.supports("example.com/v1", "Widget") && !codec.supports("apps.example.com/v1", "Deployment"),
  );
});

test("the core group's list of resources has no version of its own", () => {
  const list = { kind: "APIResourceList", groupVersion: "v1" };
  assert.deepEqual(codec.decode(codec.encode(list)), { ...list, apiVersion: "" });
});

test("a value of the wrong type is refused with the name of its field", () => {
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", spec: { replicas: "3" } };
  assert.throws(() => codec.encode(deployment), /replicas must be a value of type int32/);
  assert.throws(() => codec.encode({ apiVersion: "v1", kind: "Pod", metadata: 5 }), ProtobufError);
});

test("input that is cut, changed or random is read or refused with a ProtobufError, never anything else", () => {
  const arbitrary = fc.tuple(
    fc.constantFrom(...samples),
    fc.nat(),
    fc.uint8Array({ minLength: 1, maxLength: 8 }),
  );
  fc.assert(
    fc.property(arbitrary, ([sample, at, noise]) => {
      const bytes = Buffer.from(sample.protobuf, "base64");
      bytes.set(noise.subarray(0, bytes.length), at % Math.max(1, bytes.length - noise.length));
      try {
        codec.decode(bytes);
      } catch (error) {
        assert.ok(error instanceof ProtobufError, String((error as Error).stack));
      }
    }),
    { numRuns: 1500 },
  );
});
