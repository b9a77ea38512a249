import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { noVersion } from "../../src/mvcc/version-table.ts";
import { WriteOrder } from "../../src/mvcc/write-order.ts";

test("whatever comes is given back in order, each once, however long a run is", () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.integer({ min: 1, max: 1000 }), { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      (versions, runLength) => {
        const order = new WriteOrder((a, b) => b - a, runLength);
        for (const version of versions) order.add(version);
        const given: number[] = [];
        for (let next = order.next(); next !== noVersion; next = order.next()) given.push(next);
        assert.deepEqual(
          given,
          [...versions].sort((a, b) => b - a),
        );
        assert.equal(order.next(), noVersion);
      },
    ),
  );
});
