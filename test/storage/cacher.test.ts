import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { noLease, type Revision, utf8 } from "../../src/base/index.ts";
import { KvError } from "../../src/kv/index.ts";
import { type CacherOptions, createCacher, type SelectionPredicate } from "../../src/storage/index.ts";
import {
  configMap,
  everything,
  failsWith,
  key,
  labelled,
  list,
  names,
  open,
  prefix,
  Recorder,
  settle,
} from "./contract.ts";

const openCacher = (options: Partial<CacherOptions> = {}) =>
  open(({ kv, clock }) => createCacher({ kv, clock, keyPrefix: prefix, namespaced: true, ...options }));

describe("the watch cache", () => {
  test("any number of clients cost the store one watch, and a fresh list only the question for its revision", async () => {
    const { storage, kv } = openCacher();
    await storage.create(key("a"), configMap("a"));
    for (let i = 0; i < 50; i++) new Recorder(storage, prefix, { resourceVersion: "0" });
    await storage.list(prefix, list());
    await settle();
    assert.equal(kv.watchCount, 1);
    const before = kv.ranges;
    await Promise.all(Array.from({ length: 20 }, () => storage.list(prefix, list({ limit: 5 }))));
    assert.ok(kv.ranges - before <= 2, `${kv.ranges - before} ranges for 20 lists`);
  });

  test("nothing is started before somebody asks, and writes ask nothing", async () => {
    const { storage, kv, clock } = openCacher();
    await storage.create(key("a"), configMap("a"));
    await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "2" }));
    await storage.get(key("a"));
    assert.equal(kv.watchCount, 0);
    assert.equal(clock.pending, 0);
  });

  test("every watcher, list and get of a revision shares one object, and its JSON is theirs to keep", async () => {
    const { storage } = openCacher();
    await storage.list(prefix, list());
    const first = new Recorder(storage, prefix, { resourceVersion: "0" });
    const second = new Recorder(storage, prefix, { resourceVersion: "0", predicate: labelled("x", "1") });
    await settle();
    const created = await storage.create(key("a"), configMap("a", { labels: { x: "1" } }));
    await Promise.all([first.count(1), second.count(1)]);
    const [one, two] = [first.events[0], second.events[0]];
    assert.ok(one?.type === "ADDED" && two?.type === "ADDED");
    assert.equal(one.stored, created);
    assert.equal(two.stored, created);
    assert.equal((await storage.list(prefix, list())).items[0], created);
    assert.equal(await storage.get(key("a")), created);
    assert.notEqual(created.json(), created.json());
    assert.deepEqual(created.json(), one.stored.json());
  });

  test("what was written here is not decoded for those who watch; what another server wrote is", async () => {
    const { storage, kv } = openCacher();
    await storage.list(prefix, list());
    const watch = new Recorder(storage, prefix, { resourceVersion: "0" });
    await settle();
    const ours = configMap("a", { value: "1" });
    await storage.create(key("a"), ours);
    await anotherServer(kv).create(key("b"), ours);
    await watch.count(2);
    const [own, foreign] = watch.events.map((event) => event.type === "ADDED" && event.stored.object);
    assert.ok(own && foreign);
    assert.equal(own["data"], ours["data"]);
    assert.equal(
      own.metadata.resourceVersion,
      watch.events[0]?.type === "ADDED" && watch.events[0].stored.resourceVersion,
    );
    assert.deepEqual(foreign["data"], ours["data"]);
    assert.notEqual(foreign["data"], ours["data"]);
  });

  test("an update is tried with the copy from memory and reads nothing", async () => {
    const { storage, kv } = openCacher();
    await storage.create(key("a"), configMap("a"));
    await storage.list(prefix, list());
    const before = kv.ranges;
    await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "2" }));
    assert.equal(kv.ranges, before);
  });

  test("a refusal of a stale copy is checked against the store", async () => {
    const { storage, kv } = openCacher();
    const other = anotherServer(kv);
    await storage.create(key("a"), configMap("a", { value: "1" }));
    await storage.list(prefix, list());
    kv.lagging = true;
    await other.guaranteedUpdate(key("a"), () => configMap("a", { value: "2" }));
    const updated = await storage.guaranteedUpdate(key("a"), (current) => {
      if (current?.object["data"].value === "1") throw new Error("stale");
      return configMap("a", { value: "3" });
    });
    assert.equal(updated.object["data"].value, "3");
    // What would change nothing in the stale copy does change the object as it is.
    const back = await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "1" }));
    assert.equal(back.object["data"].value, "1");
    assert.equal((await other.get(key("a"))).object["data"].value, "1");
  });

  test("a consistent list sees a write that the watch has not brought yet, from the store after 3 s", async () => {
    const { storage, kv, clock } = openCacher();
    await storage.list(prefix, list());
    kv.lagging = true;
    await storage.create(key("a"), configMap("a"));
    assert.deepEqual(names(await storage.list(prefix, list({ resourceVersion: "0" }))), []);
    const listing = storage.list(prefix, list());
    await settle();
    clock.advance(3_000);
    assert.deepEqual(names(await listing), ["a"]);
    const waiting = storage.list(prefix, list());
    await settle();
    kv.lagging = false;
    clock.advance(100);
    assert.deepEqual(names(await waiting), ["a"]);
  });

  test("a version that the cache has not seen is waited for 3 s, then 504", async () => {
    const { storage, kv, clock } = openCacher();
    await storage.list(prefix, list());
    kv.lagging = true;
    const { resourceVersion } = await storage.create(key("a"), configMap("a"));
    const late = failsWith(storage.get(key("a"), { resourceVersion }), "TOO_LARGE_RESOURCE_VERSION");
    await settle();
    clock.advance(3_000);
    assert.equal(
      (await late).message,
      `Too large resource version: ${resourceVersion}, current: ${Number(resourceVersion) - 1}`,
    );
    const inTime = storage.get(key("a"), { resourceVersion });
    await settle();
    kv.lagging = false;
    kv.publish();
    assert.equal((await inTime).resourceVersion, resourceVersion);
  });

  test("a page of an old list comes from memory while nothing changed, at the cost of one key", async () => {
    const { storage, kv } = openCacher();
    for (const name of ["a", "b", "c"]) await storage.create(key(name), configMap(name));
    const page = await storage.list(prefix, list({ limit: 1 }));
    const before = kv.ranges;
    assert.deepEqual(names(await storage.list(prefix, list({ continue: page.continue }))), ["b", "c"]);
    assert.equal(kv.ranges, before + 1, "whether the revision is kept, and no more");
    await storage.delete(key("c"));
    assert.deepEqual(names(await storage.list(prefix, list({ continue: page.continue }))), ["b", "c"]);
    assert.ok(kv.ranges > before + 1);
  });

  test("a page of a list that the store has compacted is expired although nothing changed", async () => {
    const { storage, kv } = openCacher();
    for (const name of ["a", "b", "c"]) await storage.create(key(name), configMap(name));
    const page = await storage.list(prefix, list({ limit: 1 }));
    // Something else changed.
    await kv.txn({
      compare: [],
      success: [{ type: "put", key: utf8("/elsewhere"), value: utf8("x"), lease: noLease }],
      failure: [],
    });
    await kv.compact(kv.mvcc.revision);
    const expired = await failsWith(storage.list(prefix, list({ continue: page.continue })), "EXPIRED");
    const rest = await storage.list(prefix, list({ continue: expired.details.continue as string }));
    assert.deepEqual(names(rest), ["b", "c"]);
  });

  test("a watch from before the window is expired with upstream's text", async () => {
    const { storage } = openCacher({
      window: { changesMin: 3, changesMax: 5, freshMs: 1_000, bytesMax: 1_000_000 },
    });
    await storage.create(key("a"), configMap("a"));
    await storage.list(prefix, list());
    for (let i = 0; i < 10; i++)
      await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: `v${i}` }));
    await settle();
    const expired = await new Recorder(storage, prefix, { resourceVersion: "3" }).end();
    assert.equal(expired?.message, "too old resource version: 3 (7)");
    assert.equal((await new Recorder(storage, prefix, { resourceVersion: "7" }).count(5)).length, 5);
  });

  test("old changes are forgotten down to the smallest window", async () => {
    const { storage, clock } = openCacher({
      window: { changesMin: 3, changesMax: 1_000, freshMs: 1_000, bytesMax: 1_000_000 },
    });
    await storage.create(key("a"), configMap("a"));
    await storage.list(prefix, list());
    const update = (value: string) => storage.guaranteedUpdate(key("a"), () => configMap("a", { value }));
    for (let i = 0; i < 20; i++) await update(`v${i}`);
    await settle();
    assert.equal((await new Recorder(storage, prefix, { resourceVersion: "2" }).count(20)).length, 20);
    clock.advance(1_001);
    await update("last");
    await settle();
    assert.equal((await new Recorder(storage, prefix, { resourceVersion: "2" }).end())?.code, "EXPIRED");
  });

  test("a few large changes are as much as many small ones", async () => {
    const limits = { changesMin: 1_000, changesMax: 1_000, freshMs: 1_000, bytesMax: 10_000 };
    const { storage } = openCacher({ window: limits });
    await storage.create(key("a"), configMap("a"));
    await storage.list(prefix, list());
    for (let i = 0; i < 10; i++)
      await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: `${i}`.repeat(3_000) }));
    await settle();
    assert.equal((await new Recorder(storage, prefix, { resourceVersion: "8" }).end())?.code, "EXPIRED");
    assert.equal((await new Recorder(storage, prefix, { resourceVersion: "9" }).count(3)).length, 3);
  });

  test("a selection by labels decodes nothing", async () => {
    const { storage } = openCacher();
    await storage.create(key("a"), configMap("a", { labels: { x: "1" } }));
    await storage.create(key("b"), configMap("b", { labels: { x: "2" } }));
    const predicate: SelectionPredicate = {
      empty: false,
      matches: () => assert.fail("looked at the object"),
      matchesAttributes: ({ labels }) => labels?.["x"] === "2",
    };
    assert.deepEqual(names(await storage.list(prefix, list({ predicate }))), ["b"]);
  });

  test("a cache started late shows what changed since the server started", async () => {
    const { storage, kv } = openCacher({ windowFrom: 1 as Revision });
    const created = await storage.create(key("a"), configMap("a"));
    await storage.delete(key("a"));
    await storage.create(key("b"), configMap("b"));
    const recorder = new Recorder(storage, prefix, { resourceVersion: created.resourceVersion });
    assert.deepEqual(await recorder.count(2), ["DELETED a@3", "ADDED b@4"]);
    assert.deepEqual(names(await storage.list(prefix, list({ resourceVersion: "0" }))), ["b"]);
    assert.equal(kv.watchCount, 1);
  });

  test("a cache whose beginning is compacted away starts as of now", async () => {
    const { storage, kv } = openCacher({ windowFrom: 1 as Revision });
    await storage.create(key("a"), configMap("a"));
    await storage.create(key("b"), configMap("b"));
    await kv.compact(kv.mvcc.revision);
    assert.deepEqual(names(await storage.list(prefix, list({ resourceVersion: "0" }))), ["a", "b"]);
    const expired = await new Recorder(storage, prefix, { resourceVersion: "1" }).end();
    assert.equal(expired?.message, "too old resource version: 1 (3)");
  });

  test("bookmarks tell a quiet watcher each minute how far the store is", async () => {
    const { storage, kv, clock } = openCacher();
    await storage.list(prefix, list());
    const unwatched = clock.pending;
    const recorder = new Recorder(storage, prefix, { resourceVersion: "0", allowBookmarks: true });
    const silent = new Recorder(storage, prefix, { resourceVersion: "0" });
    await settle();
    const put = {
      type: "put",
      key: Buffer.from("/other"),
      value: Buffer.from("1"),
      lease: 0n as never,
    } as const;
    await kv.txn({ compare: [], success: [put], failure: [] });
    clock.advance(59_999);
    await settle();
    assert.deepEqual(recorder.told, []);
    clock.advance(1);
    assert.deepEqual(await recorder.count(1), [`BOOKMARK@${kv.mvcc.revision}`]);
    assert.deepEqual(silent.told, []);
    recorder.close();
    assert.equal(clock.pending, unwatched, "no timer runs for nobody");
  });

  test("a watch of the store that breaks goes on without a gap", async () => {
    const { storage, kv, clock } = openCacher();
    await storage.list(prefix, list());
    const recorder = new Recorder(storage, prefix, { resourceVersion: "0" });
    await settle();
    kv.breakWatches(new KvError("NO_LEADER", "etcdserver: no leader"));
    await storage.create(key("a"), configMap("a"));
    clock.advance(2_000);
    assert.deepEqual(await recorder.count(1), ["ADDED a@2"]);
    assert.equal(recorder.ended, undefined);
  });

  test("changes lost to a compaction end every watcher and are listed anew", async () => {
    const { storage, kv, clock } = openCacher();
    await storage.create(key("a"), configMap("a"));
    await storage.list(prefix, list());
    const recorder = new Recorder(storage, prefix, { resourceVersion: "0" });
    await recorder.count(1);
    kv.breakWatches(new KvError("NO_LEADER", "etcdserver: no leader"));
    await storage.delete(key("a"));
    await storage.create(key("b"), configMap("b"));
    await kv.compact(kv.mvcc.revision);
    clock.advance(2_000);
    assert.equal(await recorder.end(), undefined);
    await settle();
    assert.deepEqual(names(await storage.list(prefix, list({ resourceVersion: "0" }))), ["b"]);
  });

  test("a store that is down fails a request and not the next one", async () => {
    const { storage, kv } = openCacher();
    kv.failing = new KvError("NO_LEADER", "etcdserver: no leader");
    await failsWith(storage.list(prefix, list({ resourceVersion: "0" })), "UNAVAILABLE");
    assert.equal((await new Recorder(storage, prefix, { resourceVersion: "0" }).end())?.code, "UNAVAILABLE");
    kv.failing = undefined;
    assert.deepEqual(names(await storage.list(prefix, list({ resourceVersion: "0" }))), []);
  });

  test("watchers of other values of an indexed field are not asked", async () => {
    const nodeOf = (object: KubeObject): string => object["data"].value;
    const { storage } = openCacher({ indexes: { "spec.nodeName": nodeOf } });
    await storage.list(prefix, list());
    let asked = 0;
    const on = (value: string): SelectionPredicate => ({
      empty: false,
      index: { field: "spec.nodeName", value },
      matches: (object) => {
        asked++;
        return nodeOf(object) === value;
      },
    });
    const recorders = Array.from(
      { length: 100 },
      (_, i) => new Recorder(storage, prefix, { resourceVersion: "0", predicate: on(`n${i}`) }),
    );
    await settle();
    await storage.create(key("a"), configMap("a", { value: "n7" }));
    await storage.guaranteedUpdate(key("a"), () => configMap("a", { value: "n8" }));
    await settle();
    assert.deepEqual(recorders[7]?.told, ["ADDED a@2", "DELETED a@3"]);
    assert.deepEqual(recorders[8]?.told, ["ADDED a@3"]);
    assert.ok(asked < 10, `${asked} predicates were asked`);
  });

  test("a value that is no object is left out of lists and watches", async () => {
    const { storage, kv } = openCacher();
    await storage.create(key("b"), configMap("b"));
    const put = {
      type: "put",
      key: Buffer.from(key("a")),
      value: Buffer.from("{"),
      lease: 0n as never,
    } as const;
    await kv.txn({ compare: [], success: [put], failure: [] });
    const recorder = new Recorder(storage, prefix, { resourceVersion: "0" });
    await recorder.count(1);
    await kv.txn({ compare: [], success: [{ ...put, value: Buffer.from("[]") }], failure: [] });
    await kv.txn({ compare: [], success: [{ ...put, key: Buffer.from(key("b")) }], failure: [] });
    assert.deepEqual(await recorder.count(2), ["ADDED b@2", "DELETED b@5"]);
    assert.deepEqual(names(await storage.list(prefix, list())), []);
  });

  test("closing ends watchers and waiting readers", async () => {
    const { storage, kv, clock } = openCacher();
    await storage.list(prefix, list());
    const recorder = new Recorder(storage, prefix, { resourceVersion: "0", allowBookmarks: true });
    await settle();
    const waiting = failsWith(storage.get(key("a"), { resourceVersion: "999" }), "UNAVAILABLE");
    await settle();
    await storage.close();
    await waiting;
    assert.equal(await recorder.end(), undefined);
    assert.equal(kv.watchCount, 0);
    assert.equal(clock.pending, 0);
    await failsWith(storage.list(prefix, list({ resourceVersion: "0" })), "UNAVAILABLE");
  });

  test("a watch closed while the cache starts stays silent", async () => {
    const { storage } = openCacher();
    await storage.create(key("a"), configMap("a"));
    const recorder = new Recorder(storage, prefix, { resourceVersion: "0", predicate: everything });
    recorder.close();
    await settle();
    assert.deepEqual(recorder.told, []);
    assert.equal(recorder.ended, undefined);
  });
});

function anotherServer(kv: ReturnType<typeof openCacher>["kv"]) {
  return open(({ clock }) => createCacher({ kv, clock, keyPrefix: prefix, namespaced: true })).storage;
}
