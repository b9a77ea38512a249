import assert from "node:assert/strict";
import { test } from "node:test";
import { createWorkqueue, silentLog } from "../../src/client/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";
import { settle } from "./world.ts";

function queueOf(process: (key: string) => Promise<void>, options: { concurrency?: number } = {}) {
  const clock = new ManualClock();
  const queue = createWorkqueue({ name: "test", clock, log: silentLog, process, ...options });
  queue.start();
  return { clock, queue };
}

test("a key added many times before it is worked on is worked on once", async () => {
  const worked: string[] = [];
  const { queue } = queueOf(async (key) => void worked.push(key));
  for (const key of ["a", "b", "a", "a"]) queue.add(key);
  await settle();
  assert.deepEqual(worked, ["a", "b"]);
});

test("a key added while it is in work comes again, and is never in work twice", async () => {
  let inWork = 0;
  let most = 0;
  let rounds = 0;
  const { queue } = queueOf(async (key) => {
    most = Math.max(most, ++inWork);
    if (rounds++ === 0) {
      queue.add(key);
      queue.add(key);
    }
    await settle(2);
    inWork--;
  });
  queue.add("a");
  await settle();
  assert.deepEqual([rounds, most], [2, 1]);
});

test("no more keys are in work than allowed", async () => {
  let inWork = 0;
  let most = 0;
  const { queue } = queueOf(
    async () => {
      most = Math.max(most, ++inWork);
      await settle(2);
      inWork--;
    },
    { concurrency: 3 },
  );
  for (let i = 0; i < 10; i++) queue.add(String(i));
  await settle();
  assert.deepEqual([most, queue.idle], [3, true]);
});

test("a failing key is tried again, each time twice as late, and starts over after a success", async () => {
  const at: number[] = [];
  let fails = 4;
  const { clock, queue } = queueOf(async () => {
    at.push(clock.monotonic());
    if (fails-- > 0) throw new Error("not yet");
  });
  queue.add("a");
  for (let i = 0; i < 100; i++) {
    await settle(2);
    clock.advance(1);
  }
  assert.deepEqual(at, [0, 5, 15, 35, 75]);
  fails = 1;
  at.length = 0;
  const before = clock.monotonic();
  queue.add("a");
  for (let i = 0; i < 10; i++) {
    await settle(2);
    clock.advance(1);
  }
  assert.deepEqual(at, [before, before + 5]);
});

test("of several delays the earliest counts, and one run is enough", async () => {
  const at: number[] = [];
  const { clock, queue } = queueOf(async () => void at.push(clock.monotonic()));
  queue.addAfter("a", 100);
  queue.addAfter("a", 10);
  queue.addAfter("a", 50);
  for (let i = 0; i < 15; i++) {
    clock.advance(10);
    await settle(2);
  }
  assert.deepEqual(at, [10]);
});

test("nothing is worked on before the start, and stopping waits for what is in hand", async () => {
  const clock = new ManualClock();
  const done: string[] = [];
  const queue = createWorkqueue({
    name: "test",
    clock,
    log: silentLog,
    concurrency: 1,
    async process(key) {
      await settle(5);
      done.push(key);
    },
  });
  queue.add("a");
  queue.add("b");
  await settle();
  assert.deepEqual(done, []);
  queue.start();
  await settle(2);
  await queue.stop();
  assert.deepEqual(done, ["a"], "what was in hand ends, what waited is dropped");
  assert.equal(clock.pending, 0);
});
