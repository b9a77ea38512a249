import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  applyConfiguration,
  type KubeObject,
  StatusError,
  trackUpdate,
} from "../../src/apimachinery/index.ts";
import { canonicalize, decode, emptyObject, schemaOfKind } from "../../src/schema/index.ts";

const kind = { group: "", version: "v1", kind: "ConfigMap" };
const schema = schemaOfKind(kind);
assert.ok(schema !== undefined);
const service = schemaOfKind({ group: "", version: "v1", kind: "Service" });
assert.ok(service !== undefined);

function writer(manager: string, time = "2026-01-01T00:00:00Z", of = schema) {
  assert.ok(of !== undefined);
  return { manager, apiVersion: "v1", subresource: "", time, schema: of, empty: emptyObject(kind) };
}

function configMap(
  data: Record<string, string>,
  metadata: KubeObject["metadata"] = { name: "a" },
): KubeObject {
  return { kind: "ConfigMap", apiVersion: "v1", metadata, data };
}

function owners(object: KubeObject): Record<string, unknown> {
  return Object.fromEntries(
    (object.metadata.managedFields ?? []).map((entry) => [
      `${entry.manager} ${entry.operation}`,
      entry.fieldsV1,
    ]),
  );
}

test("an update takes what it changes from whoever had it", () => {
  const created = trackUpdate(undefined, configMap({ a: "1", b: "1" }), writer("one"));
  assert.deepEqual(owners(created), { "one Update": { "f:data": { ".": {}, "f:a": {}, "f:b": {} } } });
  const next = { ...created, data: { a: "2", b: "1" } };
  const updated = trackUpdate(created, next, writer("two"));
  assert.deepEqual(owners(updated), {
    "one Update": { "f:data": { ".": {}, "f:b": {} } },
    "two Update": { "f:data": { "f:a": {} } },
  });
  assert.deepEqual(owners(trackUpdate(updated, { ...updated, data: { a: "2" } }, writer("three"))), {
    "one Update": { "f:data": {} },
    "two Update": { "f:data": { "f:a": {} } },
  });
});

test("an update that changes nothing leaves no trace", () => {
  const created = trackUpdate(undefined, configMap({ a: "1" }), writer("one"));
  const again = trackUpdate(created, created, writer("two", "2027-01-01T00:00:00Z"));
  assert.deepEqual(again, created);
});

test("a body with an empty list of managers has them forgotten, and no list leaves them", () => {
  const created = trackUpdate(undefined, configMap({ a: "1" }), writer("one"));
  const { managedFields: _, ...metadata } = created.metadata;
  const sent = (extra: object) =>
    decode(kind, { ...created, metadata: { ...metadata, ...extra } } as never).object;
  assert.deepEqual(owners(trackUpdate(created, sent({ managedFields: [] }), writer("two"))), {});
  assert.deepEqual(owners(trackUpdate(created, sent({}), writer("two"))), owners(created));
});

test("an apply claims what it mentions and removes what it mentions no longer", () => {
  const first = applyConfiguration(undefined, configMap({ a: "1", b: "1" }), {
    ...writer("one"),
    force: false,
  });
  assert.deepEqual(owners(first), { "one Apply": { "f:data": { "f:a": {}, "f:b": {} } } });
  const second = applyConfiguration(first, configMap({ a: "1" }), { ...writer("one"), force: false });
  assert.deepEqual(second.data, { a: "1" });
});

test("what another manager owns too stays when one applier drops it", () => {
  let object = applyConfiguration(undefined, configMap({ a: "1", b: "1" }), {
    ...writer("one"),
    force: false,
  });
  object = applyConfiguration(object, configMap({ b: "1" }), { ...writer("two"), force: false });
  object = applyConfiguration(object, configMap({ a: "1" }), { ...writer("one"), force: false });
  assert.deepEqual(object.data, { a: "1", b: "1" });
  assert.deepEqual(owners(object), {
    "one Apply": { "f:data": { "f:a": {} } },
    "two Apply": { "f:data": { "f:b": {} } },
  });
});

test("changing what others own is a conflict that names them all, unless it is forced", () => {
  let object = applyConfiguration(undefined, configMap({ a: "1" }), { ...writer("one"), force: false });
  object = trackUpdate(object, { ...object, data: { a: "1", b: "1" } }, writer("two"));
  const wanted = configMap({ a: "2", b: "2" });
  assert.throws(
    () => applyConfiguration(object, wanted, { ...writer("three"), force: false }),
    (error) => {
      assert.ok(error instanceof StatusError);
      assert.equal(error.code, 409);
      assert.equal(
        error.message,
        'Apply failed with 2 conflicts: conflicts with "one":\n- .data.a\nconflicts with "two" using v1:\n- .data.b',
      );
      assert.deepEqual(error.status.details?.causes?.[1], {
        reason: "FieldManagerConflict",
        message: 'conflict with "two" using v1',
        field: ".data.b",
      });
      return true;
    },
  );
  const forced = applyConfiguration(object, wanted, { ...writer("three"), force: true });
  assert.deepEqual(owners(forced), { "three Apply": { "f:data": { "f:a": {}, "f:b": {} } } });
});

test("items of a keyed list are owned by their keys, defaults of keys included", () => {
  const applied = {
    kind: "Service",
    apiVersion: "v1",
    metadata: { name: "s" },
    spec: { ports: [{ port: 80, name: "http" }] },
  };
  const object = applyConfiguration(undefined, applied, {
    ...writer("one", undefined, service),
    force: false,
  });
  assert.deepEqual(owners(object)["one Apply"], {
    "f:spec": { "f:ports": { 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:name": {}, "f:port": {} } } },
  });
  const live = {
    ...object,
    spec: {
      ports: [
        { port: 80, name: "http", protocol: "TCP" },
        { port: 81, name: "b", protocol: "TCP" },
      ],
    },
  };
  const next = applyConfiguration(
    live,
    { ...applied, spec: { ports: [{ port: 82, name: "c" }] } },
    { ...writer("one", undefined, service), force: false },
  );
  assert.deepEqual(next.spec.ports.map(({ port }: { port: number }) => port).sort(), [81, 82]);
});

test("the first apply over updates that nobody recorded blames before-first-apply", () => {
  assert.throws(
    () =>
      applyConfiguration(configMap({ a: "1" }), configMap({ a: "2" }), { ...writer("one"), force: false }),
    /^StatusError: Apply failed with 1 conflict: conflict with "before-first-apply" using v1: \.data\.a$/,
  );
});

test("a configuration that does not fit the schema is refused in upstream's words", () => {
  const refused = (object: unknown, of = schema): string => {
    try {
      applyConfiguration(undefined, object as KubeObject, { ...writer("one", undefined, of), force: false });
      return "";
    } catch (error) {
      return (error as Error).message;
    }
  };
  assert.equal(
    refused({ ...configMap({}), sped: 1 }),
    "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .sped: field not declared in schema",
  );
  const port = { port: 80, name: "x" };
  assert.equal(
    refused(
      {
        kind: "Service",
        apiVersion: "v1",
        metadata: { name: "s", namespace: "n" },
        spec: { ports: [port, port] },
      },
      service,
    ),
    'failed to create typed patch object (n/s; /v1, Kind=Service): .spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
  );
  assert.equal(
    refused(configMap({}, { name: "a", managedFields: [{ manager: "x" }] })),
    "metadata.managedFields must be nil",
  );
});

test("more than ten updaters become ancient changes", () => {
  let object = trackUpdate(undefined, configMap({ k0: "0" }), writer("m0", "2026-01-01T00:00:00Z"));
  for (let i = 1; i < 15; i++) {
    const time = `2026-01-01T00:00:${String(i).padStart(2, "0")}Z`;
    object = trackUpdate(
      object,
      { ...object, data: { ...object.data, [`k${i}`]: "0" } },
      writer(`m${i}`, time),
    );
  }
  const entries = object.metadata.managedFields ?? [];
  assert.equal(entries.length, 10);
  assert.ok(entries.some((entry) => entry.manager === "ancient-changes"));
});

test("a list of one empty entry resets ownership; a bad list is ignored", () => {
  const created = trackUpdate(undefined, configMap({ a: "1" }), writer("one"));
  const withEntries = (managedFields: object[]): KubeObject =>
    ({ ...created, metadata: { ...created.metadata, managedFields } }) as KubeObject;
  assert.deepEqual(owners(trackUpdate(created, withEntries([{}]), writer("two"))), {});
  assert.deepEqual(
    owners(trackUpdate(created, withEntries([{ operation: "Odd" }]), writer("two"))),
    owners(created),
  );
});

test("applying the same again changes nothing, and every applied field is owned by its applier", () => {
  const data = fc.dictionary(fc.constantFrom("a", "b", "c", "d", "__proto__"), fc.constantFrom("1", "2"), {
    noNullPrototype: true,
    minKeys: 1,
  });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("x", "y"), data), { minLength: 1, maxLength: 6 }),
      (steps) => {
        let object: KubeObject | undefined;
        for (const [manager, applied] of steps) {
          const request = { ...writer(manager), force: true };
          const apply = (live: KubeObject | undefined): KubeObject =>
            canonicalize(kind, applyConfiguration(live, configMap(applied), request));
          object = apply(object);
          assert.deepEqual(apply(object), object);
          for (const [key, value] of Object.entries(applied)) assert.equal(object.data?.[key], value);
          const owned = owners(object)[`${manager} Apply`] as Record<string, object> | undefined;
          assert.deepEqual(
            Object.keys(owned?.["f:data"] ?? {}).filter((key) => key !== "."),
            Object.keys(applied)
              .map((key) => `f:${key}`)
              .sort(),
          );
        }
      },
    ),
  );
});

test("kubectl takes over without a conflict what it applied itself before the server did it, and nothing else", () => {
  const lastApplied = JSON.stringify(configMap({ a: "1", b: "1" }));
  const metadata = {
    name: "a",
    annotations: { "kubectl.kubernetes.io/last-applied-configuration": lastApplied },
  };
  const applied = trackUpdate(
    undefined,
    configMap({ a: "1", b: "1" }, metadata),
    writer("kubectl-client-side-apply"),
  );
  const taken = applyConfiguration(applied, configMap({ a: "2", b: "1" }), {
    ...writer("kubectl"),
    force: false,
  });
  assert.deepEqual(taken["data"], { a: "2", b: "1" });

  const conflicts = (manager: string, live: KubeObject) => {
    try {
      applyConfiguration(live, configMap({ a: "2", b: "2" }), { ...writer(manager), force: false });
      return [];
    } catch (error) {
      assert.ok(error instanceof StatusError);
      return error.status.details?.causes?.map(({ field }) => field);
    }
  };
  assert.deepEqual(conflicts("somebody", applied), [".data.a", ".data.b"]);
  // Changed by somebody else since: kubectl's claim to it is gone.
  const edited = trackUpdate(
    applied,
    configMap({ a: "1", b: "9" }, applied.metadata),
    writer("editor", "2026-01-01T00:01:00Z"),
  );
  assert.deepEqual(conflicts("kubectl", edited), [".data.b"]);
});

test("what kubectl remembers of its own applies follows what the server applies for it, under its own name only", () => {
  const annotation = "kubectl.kubernetes.io/last-applied-configuration";
  const metadata = { name: "a", annotations: { [annotation]: JSON.stringify(configMap({ a: "1" })) } };
  const live = trackUpdate(undefined, configMap({ a: "1" }, metadata), writer("kubectl-client-side-apply"));
  const apply = (manager: string) =>
    applyConfiguration(live, configMap({ b: "2" }), { ...writer(manager), force: true });
  assert.equal(
    apply("kubectl").metadata.annotations?.[annotation],
    '{"apiVersion":"v1","data":{"b":"2"},"kind":"ConfigMap","metadata":{"name":"a"}}\n',
  );
  assert.equal(apply("other").metadata.annotations?.[annotation], metadata.annotations[annotation]);
});

test("a list without items is owned where it is written, and where omitempty leaves it out it is not", () => {
  const clusterRole = { group: "rbac.authorization.k8s.io", version: "v1", kind: "ClusterRole" };
  const shape = schemaOfKind(clusterRole);
  const request = { ...writer("one", "2026-01-01T00:00:00Z", shape), empty: emptyObject(clusterRole) };
  const sent = (rules: unknown) =>
    decode(clusterRole, { metadata: { name: "r", labels: {} }, rules } as never).object;
  assert.deepEqual(owners(trackUpdate(undefined, sent([]), request)), { "one Update": { "f:rules": {} } });
  assert.deepEqual(owners(trackUpdate(undefined, sent(null), request)), {});
});

test("what does not fit the schema is shown as Go shows it, each type in its own way", () => {
  const refused = (spec: object): string => {
    const applied = { kind: "Service", apiVersion: "v1", metadata: { name: "a" }, spec } as KubeObject;
    try {
      applyConfiguration(undefined, applied, { ...writer("one", undefined, service), force: false });
      return "";
    } catch (error) {
      return (error as Error).message.replace(/.*\): /s, "");
    }
  };
  assert.equal(
    refused({ healthCheckNodePort: "x" }),
    ".spec.healthCheckNodePort: expected numeric (int or float), got string",
  );
  assert.equal(
    refused({ publishNotReadyAddresses: [1, "a"] }),
    ".spec.publishNotReadyAddresses: expected boolean, got &{[1 a]}",
  );
  assert.equal(refused({ ports: { a: 1 } }), ".spec.ports: expected list, got &{map[a:1]}");
  assert.equal(
    refused({ type: { a: ["x", null] } }),
    '.spec.type: expected string, got &value.valueUnstructured{Value:map[string]interface {}{"a":[]interface {}{"x", interface {}(nil)}}}',
  );
});
