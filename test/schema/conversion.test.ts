import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json } from "../../src/apimachinery/index.ts";
import { DecodeError, decode } from "../../src/schema/index.ts";

/** What a strategic merge patch that leaves such a Deployment is told. */
function conversionOf(spec: Json): string | undefined {
  try {
    decode({ group: "apps", version: "v1", kind: "Deployment" }, { spec } as Json);
  } catch (error) {
    assert.ok(error instanceof DecodeError);
    return error.conversion();
  }
  return undefined;
}

test("a value that cannot be converted is refused in the converter's words, without a path", () => {
  assert.equal(conversionOf({ replicas: "x" }), "unrecognized type: int32");
  assert.equal(conversionOf({ replicas: 1.5 }), "cannot convert float64 to int32");
  assert.equal(conversionOf({ paused: 1 }), "unrecognized type: bool");
  assert.equal(conversionOf({ selector: "x" }), "cannot restore struct from: string");
  assert.equal(conversionOf({ selector: { matchLabels: [] } }), "cannot restore map from slice");
  assert.equal(conversionOf({ template: { spec: { containers: {} } } }), "cannot restore slice from map");
  assert.equal(
    conversionOf({ template: { spec: { containers: [{ name: 1 }] } } }),
    "cannot convert int64 to string",
  );
  assert.equal(conversionOf({ replicas: 2 }), undefined);
});
