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
    collect: (thoroughly) => done.push(thoroughly ? "collect thoroughly" : "collect"),
    trim: () => done.push("trim"),
  });
  return {
    state,
    /** Half a second in which the loop worked so long; what was done at its end. */
    half(workedMs: number): string[] {
      done.length = 0;
      state.worked += workedMs;
      look();
      return [...done];
    },
  };
}

test("what a start leaves is collected thoroughly as soon as it is quiet, once", () => {
  const { half } = process();
  assert.deepEqual(half(400), []);
  assert.deepEqual(half(10), ["collect thoroughly", "trim"]);
  assert.deepEqual(half(10), []);
});

test("garbage is collected when it is quiet after much work, and a little work all the time is not worth it", () => {
  const { half } = process();
  half(0);
  assert.deepEqual(half(1500), []);
  assert.deepEqual(half(0), []);
  assert.deepEqual(half(900), []);
  assert.deepEqual(half(15), ["collect", "trim"]);
  for (let i = 0; i < 100; i++) assert.deepEqual(half(14), []);
});

test("a large heap is never collected at once", () => {
  const { state, half } = process();
  state.heap = 500 * mebibyte;
  assert.deepEqual(half(0), []);
  state.heap = 50 * mebibyte;
  assert.deepEqual(half(0), ["collect thoroughly", "trim"]);
});

test("a busy process gives back what is free when it has grown, measured from what was left the last time", () => {
  const { state, half } = process();
  half(400);
  state.resident += 15 * mebibyte;
  assert.deepEqual(half(400), []);
  state.resident += 2 * mebibyte;
  assert.deepEqual(half(400), ["trim"]);
  state.resident += 15 * mebibyte;
  assert.deepEqual(half(400), []);
  state.resident -= 20 * mebibyte;
  assert.deepEqual(half(400), []);
  state.resident += 16 * mebibyte;
  assert.deepEqual(half(400), ["trim"]);
});
