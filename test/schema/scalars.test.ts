import assert from "node:assert/strict";
import { test } from "node:test";
import { base64Error, canonicalTime, isBase64, timeError } from "../../src/schema/scalars.ts";
import vectors from "../fixtures/kubernetes/go-vectors.json" with { type: "json" };

test("base64 is read where Go reads it and refused at the same byte", () => {
  for (const { in: text, error } of vectors.base64 as { in: string; error?: string }[]) {
    assert.equal(isBase64(text), error === undefined, JSON.stringify(text));
    if (error !== undefined) assert.equal(base64Error(text), error, JSON.stringify(text));
  }
});

for (const micro of [false, true]) {
  test(`${micro ? "MicroTime" : "Time"} is read, written and refused as by Go`, () => {
    const list = (micro ? vectors.microTimes : vectors.times) as {
      in: string;
      out?: string;
      error?: string;
    }[];
    for (const { in: text, out, error } of list) {
      const canonical = canonicalTime(text, micro);
      assert.equal(canonical, out, text);
      if (error !== undefined) assert.equal(timeError(text, micro), error);
    }
  });
}
