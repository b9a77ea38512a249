import assert from "node:assert/strict";
import { test } from "node:test";
import { noLease, type Revision } from "../../src/base/index.ts";
import { DecodedObjects } from "../../src/storage/decoded-objects.ts";
import { StoredObject } from "../../src/storage/stored-object.ts";

const stored = (name: string, decoded: DecodedObjects): StoredObject => {
  const value = Buffer.from(JSON.stringify({ kind: "K", apiVersion: "v1", metadata: { name } }));
  return new StoredObject({ key: name, value, revision: 7 as Revision, lease: noLease }, undefined, decoded);
};

test("what was decoded first makes room for what is decoded now, and is the same when it is decoded again", () => {
  const bytes = stored("a", new DecodedObjects({})).value.length;
  const decoded = new DecodedObjects({}, { bytesMax: 2 * bytes });
  const [a, b, c] = ["a", "b", "c"].map((name) => stored(name, decoded)) as [
    StoredObject,
    StoredObject,
    StoredObject,
  ];
  const [first, second] = [a.object, b.object];
  assert.equal(a.object, first);
  void c.object;
  assert.equal(b.object, second);
  assert.notEqual(a.object, first);
  assert.deepEqual(a.object, first);
  // Decoding `a` again was the turn of `b`.
  assert.notEqual(b.object, second);
});

test("an object larger than all room stays until the next one comes", () => {
  const decoded = new DecodedObjects({}, { bytesMax: 1 });
  const a = stored("a", decoded);
  const first = a.object;
  assert.equal(a.object, first);
  void stored("b", decoded).object;
  assert.notEqual(a.object, first);
});

test("a frozen object cannot be changed by one of those who share it", () => {
  const { object } = stored("a", new DecodedObjects({}, { frozen: true }));
  assert.throws(() => {
    object.metadata.name = "b";
  }, TypeError);
});
