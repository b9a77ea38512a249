import assert from "node:assert/strict";
import { test } from "node:test";
import { seededPrng } from "../../src/base/index.ts";
import { SortedMap } from "../../src/storage/cacher/sorted-map.ts";

const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));

test(`a sorted map is a Map whose keys were sorted (SEED=${seed})`, () => {
  const random = seededPrng(seed);
  const pick = (count: number) => Math.floor(random() * count);
  const map = new SortedMap<number>();
  const model = new Map<string, number>();
  for (let step = 0; step < 20_000; step++) {
    const key = `k${pick(3_000)}`;
    if (pick(3) === 0) {
      assert.equal(map.delete(key), model.get(key));
      model.delete(key);
    } else {
      assert.equal(map.set(key, step), model.get(key));
      model.set(key, step);
    }
    assert.equal(map.size, model.size);
  }
  const sorted = [...model.keys()].sort();
  for (let i = 0; i < 200; i++) {
    const [start, end] = [`k${pick(3_500)}`, `k${pick(3_500)}`];
    const expected = sorted.filter((key) => key >= start && key < end);
    const seen: string[] = [];
    map.scan(start, end, (key, value) => {
      assert.equal(value, model.get(key));
      seen.push(key);
      return true;
    });
    assert.deepEqual(seen, expected);
    assert.equal(map.count(start, end), expected.length);
    assert.equal(map.get(start), model.get(start));
  }
});
