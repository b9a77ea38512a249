import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { fromUtf8, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import type { Kv } from "../../src/kv/index.ts";
import { keepCompacting } from "../../src/main/stores/etcd-compaction.ts";
import { openStore } from "../etcdapi/store.ts";
import { quietLog } from "../replica/cluster.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const intervalMs = 300_000;

/** One etcd with so many servers on it. */
function servers(t: TestContext, count: number) {
  const clock = new ManualClock();
  const store = openStore(clock);
  t.after(() => store.close());
  const { kv } = store;
  const running = Array.from({ length: count }, () => start(kv));
  t.after(() => {
    for (const one of running) one.stop();
  });
  function start(on: Kv) {
    return keepCompacting({ kv: on, clock, intervalMs, log: quietLog });
  }
  return {
    kv,
    running,
    start,
    put: async (key: string) => {
      const put = { type: "put", key: utf8(key), value: utf8("value"), lease: noLease } as const;
      return (await kv.txn({ compare: [], success: [put], failure: [] })).header.revision;
    },
    /** An interval passes, and what falls due is done: in memory, it takes a turn. */
    async round(): Promise<void> {
      clock.advance(intervalMs);
      await setImmediate();
    },
    /** The oldest revision that can be read is above this one. */
    isForgotten: (revision: Revision) =>
      kv.range({ key: utf8("a"), revision }).then(
        () => false,
        (error: { code?: string }) => {
          assert.equal(error.code, "COMPACTED");
          return true;
        },
      ),
    async rounds(): Promise<[version: number | undefined, value: string]> {
      const [found] = (await kv.range({ key: utf8("compact_rev_key") })).kvs;
      return [found?.version, found ? fromUtf8(found.value) : ""];
    },
  };
}

test("history is kept for one interval at least, and forgotten after two", async (t) => {
  const { put, round, isForgotten } = servers(t, 1);
  const first = await put("a");
  await round();
  const second = await put("a");
  assert.equal(await isForgotten(first), false);
  await round();
  assert.equal(await isForgotten(first), true);
  assert.equal(await isForgotten(second), false, "an interval has not passed since it was the newest");
  await round();
  assert.equal(await isForgotten(second), true);
});

test("of several servers one compacts in each round, and the others learn where the store was", async (t) => {
  const { put, round, rounds, isForgotten, running } = servers(t, 3);
  const first = await put("a");
  await round();
  await round();
  await round();
  const [version] = await rounds();
  assert.equal(version, 3, "one write a round");
  assert.equal(await isForgotten(first), true);
  const second = await put("a");
  // Whoever has been the one so far goes, and the others go on.
  running[0]?.stop();
  await round();
  await round();
  await round();
  assert.equal(await isForgotten(second), true);
});

test("a server that starts late does not forget what others have kept for less than an interval", async (t) => {
  const { kv, start, put, round, isForgotten } = servers(t, 1);
  await round();
  await round();
  const young = await put("a");
  const late = start(kv);
  t.after(() => late.stop());
  assert.equal(await isForgotten(young), false);
  await round();
  assert.equal(await isForgotten(young), false);
  await round();
  assert.equal(await isForgotten(young), true);
});

test("a round that fails is tried again with the next one", async (t) => {
  const { kv, start, put, round, isForgotten, running } = servers(t, 1);
  running[0]?.stop();
  let failing = true;
  const flaky: Kv = {
    ...kv,
    range: (query) => kv.range(query),
    compact: (revision) => (failing ? Promise.reject(new Error("no route")) : kv.compact(revision)),
    txn: (txn) => kv.txn(txn),
  };
  const late = start(flaky);
  t.after(() => late.stop());
  const first = await put("a");
  await round();
  await round();
  assert.equal(await isForgotten(first), false);
  failing = false;
  await round();
  assert.equal(await isForgotten(first), true);
});
