import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { keepIdleTimes } from "../../src/registry/managed-fields.ts";

function claimed(time: string, data: Record<string, string>, field = "f:data"): KubeObject {
  const claim = { manager: "one", operation: "Apply", apiVersion: "v1", fieldsType: "FieldsV1" } as const;
  return {
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { name: "a", managedFields: [{ ...claim, time, fieldsV1: { [field]: {} } }] },
    data,
  };
}

const before = "2026-01-01T00:00:00Z";
const after = "2026-01-01T00:00:01Z";

test("a write that changes nothing else leaves its time behind", () => {
  const next = claimed(after, { a: "1" });
  keepIdleTimes(next, claimed(before, { a: "1" }));
  assert.deepEqual(next, claimed(before, { a: "1" }));
});

test("a write that changes a field, or who has one, tells when", () => {
  const next = claimed(after, { a: "2" });
  keepIdleTimes(next, claimed(before, { a: "1" }));
  assert.deepEqual(next, claimed(after, { a: "2" }));
  const taken = claimed(after, { a: "1" }, "f:metadata");
  keepIdleTimes(taken, claimed(before, { a: "1" }));
  assert.deepEqual(taken, claimed(after, { a: "1" }, "f:metadata"));
});
