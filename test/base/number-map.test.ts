import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NumberMap } from "../../src/base/index.ts";

test("a NumberMap holds what a Map holds, whatever comes and goes", () => {
  // Few keys and many steps, so that they meet; large ones, for only some of their bits make the hash.
  const key = fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 2 ** 52, max: 2 ** 52 + 40 }));
  const step = fc.record({ key, deletes: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
      const map = new NumberMap<{ readonly step: number }>();
      const model = new Map<number, { readonly step: number }>();
      for (const [position, { key, deletes }] of steps.entries()) {
        if (deletes) assert.equal(map.delete(key), model.delete(key));
        else {
          const value = { step: position };
          map.set(key, value);
          model.set(key, value);
        }
        assert.equal(map.size, model.size);
        assert.equal(map.get(key), model.get(key));
      }
      for (const [key, value] of model) assert.equal(map.get(key), value);
      assert.deepEqual(new Set(map.values()), new Set(model.values()));
    }),
  );
});

test("a NumberMap of numbers that follow each other finds each at once, though an old one stays", () => {
  const map = new NumberMap<{ readonly key: number }>();
  map.set(3, { key: 3 });
  for (let key = 4; key < 20_000; key++) {
    map.set(key, { key });
    if (key > 100) assert.equal(map.delete(key - 96), true);
  }
  assert.equal(map.get(3)?.key, 3);
  assert.equal(map.get(19_999)?.key, 19_999);
  assert.equal(map.size, 98);
});
