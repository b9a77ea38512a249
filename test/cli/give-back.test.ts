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
  /** Half a second in which the loop worked so long; what was done at its end. */
  const half = (workedMs: number): string[] => {
    done.length = 0;
    state.worked += workedMs;
    look();
    return [...done];
  };
  /** So many of them without any work, and what was done in all of them. */
  const quiet = (looks: number): string[] => Array.from({ length: looks }, () => half(0)).flat();
  return { state, half, quiet };
}

/** One whose start has been cleaned up after. */
function started(): ReturnType<typeof process> {
  const begun = process();
  begun.half(0);
  return begun;
}

test("what a start leaves is collected thoroughly as soon as it is quiet, once", () => {
  const { half } = process();
  assert.deepEqual(half(400), []);
  assert.deepEqual(half(10), ["collect thoroughly", "trim"]);
  assert.deepEqual(half(10), []);
});

test("what a start leaves is not collected thoroughly once there has been a load", () => {
  const { half, quiet } = process();
  assert.deepEqual(half(400), []);
  assert.deepEqual(half(500), []);
  assert.deepEqual(half(601), []);
  assert.deepEqual(quiet(19), []);
  assert.deepEqual(half(0), ["collect", "trim"]);
  assert.deepEqual(quiet(30), []);
});

test("garbage is collected after ten quiet seconds that follow much work, and a little work all the time is not worth it", () => {
  const { half, quiet } = started();
  assert.deepEqual(half(1500), []);
  assert.deepEqual(quiet(20), []);
  assert.deepEqual(half(900), []);
  assert.deepEqual(quiet(19), []);
  assert.deepEqual(half(15), ["collect", "trim"]);
  for (let i = 0; i < 100; i++) assert.deepEqual(half(14), []);
});

test("who works again within three seconds is not disturbed", () => {
  const { state, half, quiet } = started();
  for (let i = 0; i < 10; i++) {
    state.resident += 50 * mebibyte;
    assert.deepEqual(half(3000), []);
    assert.deepEqual(quiet(5), []);
  }
  assert.deepEqual(half(16), []);
  assert.deepEqual(quiet(19), ["trim"]);
  assert.deepEqual(quiet(1), ["collect", "trim"]);
});

test("a large heap is never collected at once", () => {
  const { state, half } = process();
  state.heap = 500 * mebibyte;
  assert.deepEqual(half(0), []);
  state.heap = 50 * mebibyte;
  assert.deepEqual(half(0), ["collect thoroughly", "trim"]);
});

test("a process that grew gives back what is free after three quiet seconds, measured from what was left the last time or from less since", () => {
  const { state, half, quiet } = started();
  state.resident += 15 * mebibyte;
  half(400);
  assert.deepEqual(quiet(10), []);
  state.resident += 2 * mebibyte;
  half(400);
  assert.deepEqual(quiet(5), []);
  assert.deepEqual(half(0), ["trim"]);
  state.resident -= 20 * mebibyte;
  half(400);
  assert.deepEqual(quiet(10), []);
  state.resident += 16 * mebibyte;
  half(400);
  assert.deepEqual(quiet(6), ["trim"]);
  assert.deepEqual(quiet(10), []);
});
