import assert from "node:assert/strict";
import { test } from "node:test";
import { loneWritesMin } from "../../src/replica/limits.ts";
import { LoneWriter } from "../../src/replica/lone-writer.ts";

function alone(): LoneWriter {
  const writer = new LoneWriter();
  for (let i = 0; i < loneWritesMin; i++) {
    assert.equal(writer.isAlone, false);
    writer.writes(1);
  }
  return writer;
}

test("who has written alone for a while is alone until a write is shared", () => {
  const writer = alone();
  assert.equal(writer.isAlone, true);
  writer.writes(1);
  assert.equal(writer.isAlone, true);
  writer.writes(2);
  assert.equal(writer.isAlone, false);
  writer.writes(1);
  assert.equal(writer.isAlone, false);
});

test("nobody is alone during whose write somebody came", () => {
  const writer = alone();
  writer.joined();
  assert.equal(writer.isAlone, false);
});
