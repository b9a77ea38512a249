import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { ListJson, ObjectJson } from "../../src/apiserver/encode/stored-json.ts";
import type { Revision } from "../../src/base/index.ts";
import { type BodySource, wholeBody } from "../../src/h2/index.ts";
import type { KindForm } from "../../src/schema/index.ts";

import { encodeObject, StoredObject } from "../../src/storage/stored-object.ts";

const form = (custom: boolean): KindForm =>
  ({ kind: { group: "", version: "v1", kind: "ConfigMap" }, listKind: "ConfigMapList", custom }) as KindForm;

const object = (i: number, text: string): KubeObject =>
  ({
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { name: `n${i}`, uid: `${i}`, labels: { i: `${i}` } },
    data: { text },
  }) as unknown as KubeObject;

/** Objects of all sizes; some of them as only somebody else would store them, or of another kind. */
function items(count: number): StoredObject[] {
  return Array.from({ length: count }, (_, i) => {
    const one = object(i, "é".repeat(i % 7 === 3 ? 5000 : (i * 37) % 300));
    const value =
      i % 5 === 4
        ? Buffer.from(JSON.stringify({ metadata: one.metadata, kind: "ConfigMap", apiVersion: "v1" }))
        : encodeObject(i % 6 === 5 ? { ...one, kind: "Other" } : one);
    return new StoredObject({
      key: `k${i}`,
      value,
      revision: (10 ** (i % 6)) as Revision,
      lease: 0 as never,
    });
  });
}

const list = (count: number) => ({
  items: items(count),
  resourceVersion: "77",
  continue: count > 3 ? "token" : "",
  remainingItemCount: count > 3 ? 9 : undefined,
});

function inPieces(source: BodySource, pieceOf: (left: number) => number): Buffer {
  const bytes = Buffer.alloc(source.length + 8, "!");
  let at = 0;
  while (at < source.length) {
    const piece = Math.min(pieceOf(source.length - at), source.length - at);
    source.writeNext(bytes, at, piece);
    at += piece;
  }
  assert.equal(bytes.toString("latin1", at), "!".repeat(8), "written beyond what was asked for");
  return bytes.subarray(0, at);
}

test("a list's JSON is the same in pieces of any size, and is what its objects say", () => {
  for (const custom of [false, true]) {
    for (const count of [0, 1, 2, 3, 40]) {
      const made = wholeBody(new ListJson(list(count), form(custom))) as Buffer;
      const { items: said, ...rest } = JSON.parse(made.toString());
      assert.equal(made.at(-1), 0x0a);
      assert.deepEqual(rest, {
        kind: "ConfigMapList",
        apiVersion: "v1",
        metadata:
          count > 3
            ? { resourceVersion: "77", continue: "token", remainingItemCount: 9 }
            : { resourceVersion: "77", ...(custom ? { continue: "" } : {}) },
      });
      const expected = items(count).map((stored) => {
        const { kind, apiVersion, ...fields } = stored.object;
        const isShort =
          !custom && stored.jsonBeginsWith(Buffer.from('{"kind":"ConfigMap","apiVersion":"v1",'));
        return isShort ? fields : { kind, apiVersion, ...fields };
      });
      assert.deepEqual(said, expected);
      for (const size of [1, 2, 3, 7, 64, 100, 999, 1000, 4096, 16_384, made.length - 1, made.length]) {
        if (size <= 0) continue;
        const pieces = inPieces(new ListJson(list(count), form(custom)), () => size);
        assert.ok(pieces.equals(made), `${count} objects by ${size} bytes`);
      }
      let state = 12_345;
      const chance = (left: number): number => {
        state = (state * 1_103_515_245 + 12_345) & 0x7fffffff;
        return 1 + (state % Math.min(left, 2000));
      };
      for (let round = 0; round < 20; round++)
        assert.ok(inPieces(new ListJson(list(count), form(custom)), chance).equals(made));
    }
  }
});

test("an object's JSON is the same in pieces of any size", () => {
  for (const stored of items(12)) {
    const made = Buffer.concat([stored.json(), Buffer.from("\n")]);
    for (const size of [1, 5, 100, made.length - 1, made.length])
      assert.ok(inPieces(new ObjectJson(stored), () => size).equals(made));
  }
});
