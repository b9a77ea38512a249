import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { type GroupVersionKind, type Json, parseJson } from "../../src/apimachinery/index.ts";
import {
  applyDefaults,
  builtinResources,
  canonicalize,
  DecodeError,
  decode,
  emptyObject,
  schemaOfKind,
  strictErrors,
} from "../../src/schema/index.ts";

const pod: GroupVersionKind = { group: "", version: "v1", kind: "Pod" };
const service: GroupVersionKind = { group: "", version: "v1", kind: "Service" };

test("upstream's fully filled object of every kind reads back as it is, with no field unknown", () => {
  const file = new URL("../fixtures/kubernetes/roundtrip.jsonl.gz", import.meta.url);
  let count = 0;
  for (const line of gunzipSync(readFileSync(file)).toString("utf8").trim().split("\n")) {
    const { json } = JSON.parse(line) as { json: { apiVersion: string; kind: string } };
    const object = typeof json === "string" ? (parseJson(json) as unknown as typeof json) : json;
    if (object.apiVersion === undefined) continue;
    const [version = "", group = ""] = object.apiVersion.split("/").reverse();
    const kind = { group, version, kind: object.kind };
    if (schemaOfKind(kind) === undefined) continue;
    const decoded = decode(kind, object as unknown as Json);
    assert.deepEqual(decoded.unknownFields, [], object.kind);
    assert.deepEqual(decoded.object, object, object.kind);
    count++;
  }
  assert.ok(count > 60, `only ${count} kinds`);
});

test("every resource has a schema, and its empty object is canonical", () => {
  for (const info of builtinResources()) {
    assert.ok(schemaOfKind(info) !== undefined, `${info.group}/${info.version} ${info.kind}`);
    const empty = emptyObject(info);
    assert.deepEqual(canonicalize(info, empty), empty, info.kind);
  }
});

function refusal(kind: GroupVersionKind, body: Json): string {
  try {
    decode(kind, body);
    return "";
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return error.message;
  }
}

test("a wrong type is named by its struct, its path and Go's type", () => {
  const cases: [GroupVersionKind, Json, string][] = [
    [
      service,
      { spec: { ports: [{ port: "x" }] } },
      "string into Go struct field ServicePort.spec.ports.port of type int32",
    ],
    [
      service,
      { spec: { ports: {} } },
      "object into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort",
    ],
    [
      service,
      { spec: { type: 1 } },
      "number into Go struct field ServiceSpec.spec.type of type v1.ServiceType",
    ],
    [service, { spec: [] }, "array into Go struct field Service.spec of type v1.ServiceSpec"],
    [
      service,
      { spec: { ports: [{ targetPort: true }] } },
      "bool into Go struct field ServicePort.spec.ports.targetPort of type int32",
    ],
    [
      service,
      { metadata: { labels: { a: 1 } } },
      "number into Go struct field ObjectMeta.metadata.labels of type string",
    ],
    [
      pod,
      { spec: { priority: 2_147_483_648 } },
      "number 2147483648 into Go struct field PodSpec.spec.priority of type int32",
    ],
    [
      pod,
      { metadata: { creationTimestamp: 5 } },
      "number into Go struct field ObjectMeta.metadata.creationTimestamp of type string",
    ],
    [
      pod,
      { spec: { nodeSelector: "x" } },
      "string into Go struct field PodSpec.spec.nodeSelector of type map[string]string",
    ],
    [pod, [], "array into Go value of type v1.Pod"],
  ];
  for (const [kind, body, text] of cases) assert.equal(refusal(kind, body), `json: cannot unmarshal ${text}`);
});

test("the first wrong type is told, but a type with a reader of its own ends the reading", () => {
  const both = { spec: { priority: "x", nodeName: 7 } };
  assert.match(refusal(pod, both), /PodSpec\.spec\.priority/);
  const withQuantity = { spec: { priority: "x", overhead: { cpu: "lots" } } };
  assert.match(refusal(pod, withQuantity), /^quantities must match/);
});

test("null is nothing, and what Go always writes is there without being asked for", () => {
  const { object } = decode(pod, {
    metadata: { labels: null, name: "a" },
    spec: { containers: [null], volumes: null },
  });
  assert.deepEqual(object, {
    kind: "Pod",
    apiVersion: "v1",
    metadata: { name: "a" },
    spec: { containers: [{ name: "", resources: {} }] },
    status: {},
  });
});

test("unknown fields are listed in the order of the body and left out", () => {
  const body = {
    spec: { containers: [{ name: "a", imagee: "b", ports: [{ contPort: 1 }] }], extra: 1 },
    Spec: {},
  };
  const { object, unknownFields } = decode(pod, body);
  assert.deepEqual(unknownFields, [
    "spec.containers[0].imagee",
    "spec.containers[0].ports[0].contPort",
    "spec.extra",
    "Spec",
  ]);
  assert.equal(JSON.stringify(object).includes("imagee"), false);
});

test("a duplicate below an unknown field is not told twice", () => {
  assert.deepEqual(strictErrors(["spec.foo"], ["spec.foo.a", "data.x"]), [
    'unknown field "spec.foo"',
    'duplicate field "data.x"',
  ]);
});

test("a key called __proto__ is data like any other", () => {
  const body = parseJson('{"metadata":{"name":"a"},"data":{"__proto__":"x","constructor":"y"}}');
  const { object } = decode({ group: "", version: "v1", kind: "ConfigMap" }, body);
  assert.equal(JSON.stringify(object.data), '{"__proto__":"x","constructor":"y"}');
});

test("64-bit integers keep every digit", () => {
  const body = parseJson('{"metadata":{"name":"a","generation":9007199254740993}}');
  assert.equal(decode(pod, body).object.metadata.generation as unknown, 9_007_199_254_740_993n);
  assert.match(refusal(pod, parseJson('{"metadata":{"generation":9223372036854775808}}')), /of type int64$/);
});

test("any body is decoded or refused, never anything else, and what is decoded is canonical", () => {
  const kinds = builtinResources();
  const shaped = fc.letrec<{ value: Json }>((tie) => ({
    value: fc.oneof(
      { depthSize: "small" },
      fc.constantFrom<Json>(null, true, 0, 1, -1, 1.5, "", "a", "1Gi", "2025-01-01T00:00:00Z", "aGk="),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.dictionary(
        fc.constantFrom(
          "metadata",
          "spec",
          "status",
          "name",
          "labels",
          "containers",
          "ports",
          "port",
          "template",
          "data",
          "items",
          "__proto__",
        ),
        tie("value"),
        { maxKeys: 4 },
      ),
    ) as fc.Arbitrary<Json>,
  })).value;
  fc.assert(
    fc.property(fc.nat(kinds.length - 1), shaped, (at, body) => {
      const kind = kinds[at] as (typeof kinds)[number];
      let object: ReturnType<typeof decode>["object"];
      try {
        ({ object } = decode(kind, body));
      } catch (error) {
        assert.ok(error instanceof DecodeError, String(error));
        assert.notEqual(error.message, "json: the value does not fit its type");
        return;
      }
      const stored = canonicalize(kind, object);
      assert.equal(JSON.stringify(canonicalize(kind, stored)), JSON.stringify(stored));
      const again = decode(kind, object as unknown as Json).object;
      assert.equal(JSON.stringify(again), JSON.stringify(object));
    }),
    { numRuns: 2_000 },
  );
});

test("lists and maps without items stay until the object is stored", () => {
  const body = {
    metadata: { name: "r", labels: {}, finalizers: [] },
    aggregationRule: {},
    rules: [],
  };
  const kind = { group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRole" };
  const { object } = decode(kind, body);
  assert.deepEqual(object.metadata, body.metadata);
  assert.deepEqual(object["rules"], []);
  assert.deepEqual(canonicalize(kind, object), {
    kind: "ClusterRole",
    apiVersion: "rbac.authorization.k8s.io/v1",
    metadata: { name: "r" },
    rules: null,
    aggregationRule: {},
  });
});

test("what is kept as JSON tells an empty list without omitempty from none", () => {
  const kind = { group: "apiextensions.k8s.io", version: "v1", kind: "CustomResourceDefinition" };
  const names = { plural: "a", kind: "A", categories: [] };
  const { object } = decode(kind, { spec: { names, versions: [] } });
  const { spec } = canonicalize(kind, object) as unknown as { spec: object };
  assert.deepEqual(spec, { group: "", names: { plural: "a", kind: "A" }, scope: "", versions: [] });
});

test("defaults fill what is open, change nothing that is set, and are stable", () => {
  const given = {
    metadata: { name: "d" },
    spec: {
      replicas: 0,
      selector: {},
      template: { spec: { containers: [{ name: "a", image: "r.example:5000/x" }] } },
    },
  };
  const kind = { group: "apps", version: "v1", kind: "Deployment" };
  const object = applyDefaults(kind, decode(kind, given).object);
  assert.equal(object.spec.replicas, 0);
  assert.equal(object.spec.template.spec.containers[0].imagePullPolicy, "Always");
  assert.deepEqual(object.spec.strategy, {
    type: "RollingUpdate",
    rollingUpdate: { maxUnavailable: "25%", maxSurge: "25%" },
  });
  const once = JSON.stringify(object);
  assert.equal(JSON.stringify(applyDefaults(kind, object)), once);
});

test("labels and selectors without entries are taken from the template, as absent ones are", () => {
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c" }] } };
  const sent = { metadata: { name: "r", labels: {} }, spec: { selector: {}, template } };
  for (const [group, name] of [
    ["", "ReplicationController"],
    ["batch", "Job"],
  ] as const) {
    const kind = { group, version: "v1", kind: name };
    const { metadata, spec } = applyDefaults(kind, decode(kind, structuredClone(sent)).object);
    assert.deepEqual(metadata.labels, { a: "b" }, name);
    if (group === "") assert.deepEqual(spec.selector, { a: "b" });
  }
});

test("the pull policy follows the tag", () => {
  const policies: Record<string, string> = {
    app: "Always",
    "app:latest": "Always",
    "app:1": "IfNotPresent",
    "r.example:5000/app": "Always",
    "r.example:5000/app:1": "IfNotPresent",
    [`app@sha256:${"0".repeat(64)}`]: "IfNotPresent",
    "app:latest@sha256:00": "Always",
    "": "IfNotPresent",
  };
  for (const [image, policy] of Object.entries(policies)) {
    const object = applyDefaults(pod, decode(pod, { spec: { containers: [{ name: "a", image }] } }).object);
    assert.equal(object.spec.containers[0].imagePullPolicy, policy, image);
  }
});

test("a secret's texts become data", () => {
  const kind = { group: "", version: "v1", kind: "Secret" };
  const { object } = decode(kind, { data: { a: "YQ==" }, stringData: { a: "b", c: "d" } });
  const { data, stringData, type } = applyDefaults(kind, object);
  assert.deepEqual(
    { data, stringData, type },
    { data: { a: "Yg==", c: "ZA==" }, stringData: undefined, type: "Opaque" },
  );
});
