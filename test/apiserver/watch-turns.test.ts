import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { WatchTurns } from "../../src/apiserver/encode/watch-turns.ts";

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test("of a thousand watches that wait only some write in one turn of the loop, and all do in the order in which they came", async () => {
  const turns = new WatchTurns();
  const wrote: number[] = [];
  for (let i = 0; i < 1000; i++) turns.take(() => wrote.push(i));
  assert.equal(wrote.length, 0);
  await nextTurn();
  assert.equal(wrote.length, 128);
  for (let turn = 0; wrote.length < 1000 && turn < 10; turn++) await nextTurn();
  assert.deepEqual(
    wrote,
    Array.from({ length: 1000 }, (_, i) => i),
  );
});

test("of many thousands an eighth writes in a turn, so that what waits is bounded by what a few turns bring", async () => {
  const turns = new WatchTurns();
  let wrote = 0;
  for (let i = 0; i < 8000; i++) turns.take(() => wrote++);
  await nextTurn();
  assert.equal(wrote, 1000);
  for (let turn = 0; wrote < 8000 && turn < 25; turn++) await nextTurn();
  assert.equal(wrote, 8000);
});

test("a watch that has more to write when it has written waits behind the others", async () => {
  const turns = new WatchTurns();
  const wrote: string[] = [];
  turns.take(() => {
    wrote.push("first");
    turns.take(() => wrote.push("again"));
  });
  for (let i = 0; i < 200; i++) turns.take(() => wrote.push("other"));
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  assert.equal(wrote.length, 202);
  assert.equal(wrote.at(-1), "again");
});

test("what has written is let go of while others always wait", async () => {
  const turns = new WatchTurns();
  let goesOn = true;
  const again = () => {
    if (goesOn) turns.take(again);
  };
  const takeOnce = () => {
    const once = () => {};
    turns.take(once);
    return new WeakRef(once);
  };
  const once = takeOnce();
  for (let i = 0; i < 400; i++) turns.take(again);
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  collect();
  assert.equal(once.deref(), undefined);
  goesOn = false;
});
