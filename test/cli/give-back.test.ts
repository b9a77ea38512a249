import assert from "node:assert/strict";
import { test } from "node:test";
import { giveMemoryBack } from "../../src/cli/give-back.ts";
import type { Clock } from "../../src/platform/index.ts";

const mebibyte = 1024 * 1024;

/** A process as the test says it is, looked at when the test says so. */
function process() {
  const state = { resident: 100 * mebibyte, heap: 40 * mebibyte, worked: 0 };
  const done: string[] = [];
  let look: () => void = () => {};
  const clock = {
    every(_milliseconds: number, fire: () => void) {
      look = fire;
      return { cancel() {} };
    },
  };
  giveMemoryBack(clock as unknown as Clock, {
    residentBytes: () => state.resident,
    heapBytes: () => state.heap,
    workedMs: () => state.worked,
    collect: () => done.push("collect"),
    trim: () => done.push("trim"),
  });
  return {
    state,
    /** A second in which the loop worked so long; what was done at its end. */
    second(workedMs: number): string[] {
      done.length = 0;
      state.worked += workedMs;
      look();
      return [...done];
    },
  };
}

test("what a start leaves is collected in the first quiet second, once", () => {
  const { second } = process();
  assert.deepEqual(second(400), []);
  assert.deepEqual(second(10), ["collect", "trim"]);
  assert.deepEqual(second(10), []);
});

test("garbage is collected in a quiet second after much work, and a little work all the time is not worth it", () => {
  const { second } = process();
  second(0);
  assert.deepEqual(second(1500), []);
  assert.deepEqual(second(0), []);
  assert.deepEqual(second(900), []);
  assert.deepEqual(second(50), ["collect", "trim"]);
  for (let i = 0; i < 19; i++) assert.deepEqual(second(99), []);
});

test("a large heap is never collected at once", () => {
  const { state, second } = process();
  state.heap = 500 * mebibyte;
  assert.deepEqual(second(0), []);
  state.heap = 50 * mebibyte;
  assert.deepEqual(second(0), ["collect", "trim"]);
});

test("a busy process gives back what is free when it has grown, measured from what was left the last time", () => {
  const { state, second } = process();
  state.resident += 15 * mebibyte;
  assert.deepEqual(second(900), []);
  state.resident += 2 * mebibyte;
  assert.deepEqual(second(900), ["trim"]);
  state.resident += 15 * mebibyte;
  assert.deepEqual(second(900), []);
  state.resident -= 20 * mebibyte;
  assert.deepEqual(second(900), []);
  state.resident += 16 * mebibyte;
  assert.deepEqual(second(900), ["trim"]);
});
