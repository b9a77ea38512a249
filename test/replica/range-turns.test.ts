import assert from "node:assert/strict";
import { test } from "node:test";
import type { RangeResult } from "../../src/kv/index.ts";
import { rangeKeysPerTurn } from "../../src/replica/limits.ts";
import { RangeTurns } from "../../src/replica/range-turns.ts";

const nothing = {} as RangeResult;

function newTurns() {
  const due: (() => void)[] = [];
  const turns = new RangeTurns({
    soon: (run) => void due.push(run),
    next: () => assert.fail("others come first"),
  });
  return { turns, nextTurn: () => due.shift()?.(), due };
}

test("a range waits for the next turn only where much was handed out in this one", () => {
  const { turns, nextTurn } = newTurns();
  turns.took(rangeKeysPerTurn - 1);
  assert.equal(turns.isOver, false);
  turns.took(1);
  assert.equal(turns.isOver, true);
  nextTurn();
  assert.equal(turns.isOver, false);
});

test("of the ranges that wait a turn has one large one, or many small ones, in their order", async () => {
  const { turns, nextTurn, due } = newTurns();
  const read: string[] = [];
  turns.took(rangeKeysPerTurn);
  const later = (name: string, keys: number) =>
    turns.later(() => {
      read.push(name);
      turns.took(keys);
      return nothing;
    });
  const all = [
    later("large", rangeKeysPerTurn),
    later("larger", 10 * rangeKeysPerTurn),
    later("a", 1),
    later("b", 1),
  ];
  assert.deepEqual(read, []);
  nextTurn();
  assert.deepEqual(read, ["large"]);
  nextTurn();
  assert.deepEqual(read, ["large", "larger"]);
  nextTurn();
  assert.deepEqual(read, ["large", "larger", "a", "b"]);
  assert.deepEqual(due, []);
  await Promise.all(all);
});

test("a range that fails in its turn tells its caller, and the next one has its own", async () => {
  const { turns, nextTurn } = newTurns();
  const failed = turns.later(() => {
    throw new Error("compacted");
  });
  const good = turns.later(() => nothing);
  nextTurn();
  await assert.rejects(failed, /compacted/);
  assert.equal(await good, nothing);
});
