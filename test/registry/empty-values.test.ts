import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../src/apimachinery/index.ts";
import { dropUnchangedEmpties } from "../../src/registry/empty-values.ts";
import { schemaOfKind } from "../../src/schema/index.ts";

const pod = schemaOfKind({ group: "", version: "v1", kind: "Pod" });
assert.ok(pod !== undefined);

test("an empty list where none was is no change, one where something was stays", () => {
  const old = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", args: ["x"] }] } };
  const next: Json = {
    metadata: { labels: {}, annotations: {}, finalizers: [] },
    spec: { containers: [{ name: "c", args: [], env: [] }], volumes: [], nodeSelector: {} },
  };
  dropUnchangedEmpties(next, old, pod);
  assert.deepEqual(next, { metadata: { labels: {} }, spec: { containers: [{ name: "c", args: [] }] } });
});

test("an empty struct is there, and what null stood for stays null", () => {
  const old = { spec: { containers: null, volumes: [{ name: "v" }] } };
  const next: Json = {
    spec: { containers: [], securityContext: {}, volumes: [{ name: "v", emptyDir: {} }] },
  };
  dropUnchangedEmpties(next, old, pod);
  assert.deepEqual(next, {
    spec: { containers: null, securityContext: {}, volumes: [{ name: "v", emptyDir: {} }] },
  });
});
