import assert from "node:assert/strict";
import { test } from "node:test";
import type { Revision } from "../../src/base/index.ts";
import { KvError } from "../../src/kv/index.ts";
import { type AutoCompactionPolicy, startAutoCompaction } from "../../src/replica/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";
import { quietLog } from "./cluster.ts";

const minute = 60_000;
const hour = 60 * minute;

/** A store whose revision is the minutes since it began, and then some. */
function open(policy: AutoCompactionPolicy) {
  const clock = new ManualClock();
  const store = {
    clock,
    leads: true,
    compacted: [] as [minute: number, revision: number][],
    failWith: undefined as KvError | undefined,
    revision: () => 1000 + Math.floor(clock.monotonic() / minute),
    /** Lets what a timer began end before the next one fires. */
    async advance(milliseconds: number): Promise<void> {
      for (let left = milliseconds; left > 0; left -= minute) {
        clock.advance(Math.min(left, minute));
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
    stop: () => {},
  };
  store.stop = startAutoCompaction({
    policy,
    clock,
    log: quietLog.channel("compaction"),
    revision: () => store.revision() as Revision,
    leads: () => store.leads,
    async compact(revision) {
      store.compacted.push([clock.monotonic() / minute, revision - 1000]);
      if (store.failWith) throw store.failWith;
    },
  });
  return store;
}

test("by revision, every five minutes all but the last so many go", async () => {
  const store = open({ mode: "revision", revisionsKept: 990 });
  await store.advance(15 * minute);
  assert.deepEqual(store.compacted, [
    [5, -985],
    [10, -980],
    [15, -975],
  ]);
  store.stop();
  await store.advance(hour);
  assert.equal(store.compacted.length, 3);
  assert.equal(store.clock.pending, 0);
});

test("by revision, a store with fewer revisions than are kept is left alone", async () => {
  const store = open({ mode: "revision", revisionsKept: 5000 });
  await store.advance(hour);
  assert.deepEqual(store.compacted, []);
});

test("by period, what is older than an hour goes, every hour", async () => {
  const store = open({ mode: "periodic", periodMs: hour });
  await store.advance(3 * hour);
  // The first is of the very beginning; later ones are the oldest of eleven samples, six minutes apart.
  assert.deepEqual(store.compacted, [
    [60, 0],
    [120, 54],
    [180, 114],
  ]);
});

test("by a long period, nothing goes before it is over, and then a little every hour", async () => {
  const store = open({ mode: "periodic", periodMs: 24 * hour });
  await store.advance(26 * hour);
  assert.deepEqual(store.compacted, [
    [24 * 60, 0],
    [25 * 60, 54],
    [26 * 60, 114],
  ]);
});

test("by a short period, it goes on every period", async () => {
  const store = open({ mode: "periodic", periodMs: 10 * minute });
  await store.advance(30 * minute);
  assert.deepEqual(
    store.compacted.map(([at]) => at),
    [10, 20, 30],
  );
});

test("only the leader compacts, and whoever becomes it knows the past", async () => {
  const store = open({ mode: "periodic", periodMs: hour });
  store.leads = false;
  await store.advance(3 * hour);
  assert.deepEqual(store.compacted, []);
  store.leads = true;
  await store.advance(6 * minute);
  assert.deepEqual(store.compacted, [[186, 120]]);
});

test("a failed compaction is tried again at the next sample; one that somebody else has done counts", async () => {
  const store = open({ mode: "periodic", periodMs: hour });
  store.failWith = new KvError("TIMEOUT", "etcdserver: request timed out");
  await store.advance(hour);
  store.failWith = undefined;
  await store.advance(12 * minute);
  assert.deepEqual(
    store.compacted.map(([at]) => at),
    [60, 66],
  );
  store.failWith = new KvError("COMPACTED", "etcdserver: mvcc: required revision has been compacted");
  await store.advance(2 * hour);
  assert.deepEqual(
    store.compacted.map(([at]) => at),
    [60, 66, 126, 186],
  );
});
