import assert from "node:assert/strict";
import { test } from "node:test";
import { noLease, utf8 } from "../../src/base/index.ts";
import { KvError } from "../../src/kv/index.ts";
import { type CacherOptions, createCacher } from "../../src/storage/index.ts";
import { configMap, key, list, names, open, prefix, Recorder, settle } from "./contract.ts";

const intervalMs = 5 * 60_000;

/** A cache of which all is known, and how its comparisons ended. */
async function openCompared(options: Partial<CacherOptions> = {}) {
  const results: string[] = [];
  const { storage, kv, clock } = open(({ kv, clock }) =>
    createCacher({
      kv,
      clock,
      keyPrefix: prefix,
      namespaced: true,
      onCompared: (status, differing) => void results.push([status, ...differing].join(" ")),
      ...options,
    }),
  );
  await storage.list(prefix, list());
  return {
    storage,
    kv,
    clock,
    results,
    /** Five minutes pass. */
    async compare() {
      clock.advance(intervalMs);
      await settle();
    },
  };
}

test("what is in the store and in memory is the same, page by page, and says so", async () => {
  const { storage, results, compare, kv } = await openCompared();
  for (let i = 0; i < 2_500; i++) await storage.create(key(`c${i}`), configMap(`c${i}`));
  const before = kv.ranges;
  await compare();
  assert.deepEqual(results, ["success"]);
  assert.equal(kv.ranges - before, 3);
});

for (const [what, change] of [
  ["created", async (storage) => void (await storage.create(key("b"), configMap("b")))],
  [
    "changed",
    async (storage) => void (await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "2" }))),
  ],
  ["deleted", async (storage) => void (await storage.delete(key("a")))],
] as [string, (storage: Awaited<ReturnType<typeof openCompared>>["storage"]) => Promise<void>][]) {
  test(`that an object was ${what} without the cache being told is found, and mended with all who watch`, async () => {
    const { storage, kv, results, compare } = await openCompared();
    await storage.create(key("a"), configMap("a"));
    const watch = new Recorder(storage, prefix, { resourceVersion: "0" });
    await settle();
    kv.losing = true;
    await change(storage);
    await settle();
    kv.losing = false;
    const before = await storage.list(prefix, list());
    await compare();
    assert.deepEqual(results, [`failure ${what === "created" ? key("b") : key("a")}`]);
    assert.deepEqual(watch.ended, { error: undefined });
    const after = await storage.list(prefix, list());
    const truth = await kv.range({ key: utf8(prefix), rangeEnd: utf8(`${prefix.slice(0, -1)}0`) });
    assert.notDeepEqual(after.items, before.items);
    assert.deepEqual(
      after.items.map(({ key: at, resourceVersion }) => `${at} ${resourceVersion}`),
      truth.kvs.map((one) => `${Buffer.from(one.key)} ${one.modRevision}`),
    );
    await compare();
    assert.equal(results.at(-1), "success");
  });
}

test("what changes while the two are compared is no difference", async () => {
  const { storage, kv, clock, results } = await openCompared();
  for (let i = 0; i < 1_500; i++) await storage.create(key(`c${i}`), configMap(`c${i}`));
  let pages = 0;
  kv.beforeRange = async () => {
    if (++pages !== 2) return;
    kv.beforeRange = undefined;
    await storage.delete(key("c1"));
    await storage.delete(key("c998"));
    await storage.guaranteedUpdate(key("c999"), () => configMap("c999", { value: "2" }));
    await storage.create(key("zz"), configMap("zz"));
  };
  clock.advance(intervalMs);
  await settle();
  assert.deepEqual(results, ["success"]);
  const now = names(await storage.list(prefix, list()));
  assert.deepEqual([now.includes("zz"), now.includes("c1"), now.length], [true, false, 1_499]);
});

test("a value that is no object is in the store alone, and no difference", async () => {
  const { kv, results, compare } = await openCompared();
  const put = { type: "put", key: utf8(key("broken")), value: utf8("not JSON"), lease: noLease } as const;
  await kv.txn({ compare: [], success: [put], failure: [] });
  await settle();
  await compare();
  assert.deepEqual(results, ["success"]);
});

test("a store that does not answer is an error, not a difference, and the next comparison comes", async () => {
  const { kv, results, compare } = await openCompared();
  kv.failing = new KvError("TIMEOUT", "etcdserver: request timed out");
  await compare();
  kv.failing = undefined;
  await compare();
  assert.deepEqual(results, ["error", "success"]);
});

test("a cache that is closed, or that nobody asks, compares nothing", async () => {
  const { storage, clock, kv, results, compare } = await openCompared();
  await storage.close();
  const before = kv.ranges;
  await compare();
  assert.deepEqual(results, []);
  assert.equal(kv.ranges, before);
  assert.equal(clock.pending, 0);
});
