import assert from "node:assert/strict";
import { test } from "node:test";
import { type LeaseId, type Revision, seededPrng, utf8 } from "../../src/base/index.ts";
import { KvError, type KvEvent, type WatchObserver, type WatchQuery } from "../../src/kv/index.ts";
import { createMvcc, type Mvcc } from "../../src/mvcc/index.ts";
import { createWatchHub, type WatchHubOptions } from "../../src/watch/index.ts";

function setUp(options: Partial<WatchHubOptions> = {}) {
  const store = createMvcc({ leases: { has: () => false, attach: () => {}, detach: () => {} } });
  let needed = 0;
  const hub = createWatchHub({ source: store, onCatchUpNeeded: () => needed++, ...options });
  const write = (...keys: string[]) => {
    apply(store, ...keys);
    hub.publish();
  };
  return { store, hub, write, needed: () => needed };
}

function apply(store: Mvcc, ...keys: string[]): void {
  const success = keys.map((key) => ({
    type: "put" as const,
    key: utf8(key),
    value: utf8("v"),
    lease: 0n as LeaseId,
  }));
  store.apply({ compare: [], success, failure: [] });
}

/** Notes what it is told. */
function recorder(answers: (events: readonly KvEvent[]) => boolean = () => true) {
  const told: string[] = [];
  const observer: WatchObserver = {
    onEvents: (events, revision) => {
      told.push(
        `${events.map(({ type, kv }) => `${type} ${Buffer.from(kv.key)}@${kv.modRevision}`).join(" ")} | ${revision}`,
      );
      return answers(events);
    },
    onProgress: (revision) => told.push(`progress ${revision}`),
    onClosed: ({ code, message, compactRevision }) =>
      told.push(`closed ${code} ${message} ${compactRevision}`),
  };
  return { told, observer };
}

const all: WatchQuery = { key: utf8("\0"), rangeEnd: utf8("\0") };

test("several applied revisions are one batch, and a revision is never cut", () => {
  const { store, hub } = setUp();
  const { told, observer } = recorder();
  hub.watch(all, observer);
  apply(store, "a", "b");
  apply(store, "c");
  hub.publish();
  hub.publish();
  assert.deepEqual(told, ["put a@2 put b@2 put c@3 | 3"]);
});

test("an observer without room gets the same batch again after it resumes, with what came since", () => {
  const { hub, write, needed } = setUp();
  let room = false;
  const { told, observer } = recorder(() => room);
  const watch = hub.watch(all, observer);
  write("a");
  write("b");
  assert.deepEqual(told, ["put a@2 | 2"]);
  assert.deepEqual(hub.counts, { synced: 0, catchingUp: 0, slow: 1 });
  assert.equal(hub.catchUp(), false);
  room = true;
  watch.resume();
  watch.resume();
  assert.equal(needed(), 1);
  assert.equal(hub.catchUp(), false);
  assert.deepEqual(told.slice(1), ["put a@2 put b@3 | 3"]);
  write("c");
  assert.deepEqual(told.slice(2), ["put c@4 | 4"]);
});

test("a watch from a compacted revision ends with COMPACTED, never inside `watch`", () => {
  const { store, hub, write } = setUp();
  for (let i = 0; i < 10; i++) write("a");
  store.compact(8 as Revision);
  const tooOld = recorder();
  const fits = recorder();
  hub.watch({ ...all, startRevision: 7 as Revision }, tooOld.observer);
  hub.watch({ ...all, startRevision: 8 as Revision }, fits.observer);
  assert.deepEqual(tooOld.told, []);
  while (hub.catchUp()) {}
  assert.deepEqual(tooOld.told, [
    "closed COMPACTED etcdserver: mvcc: required revision has been compacted 8",
  ]);
  assert.deepEqual(fits.told, ["put a@8 put a@9 put a@10 put a@11 | 11"]);
});

test("a start revision in the future waits for it", () => {
  const { hub, write } = setUp();
  const { told, observer } = recorder();
  const watch = hub.watch({ ...all, startRevision: 4 as Revision }, observer);
  write("a");
  write("b");
  watch.requestProgress();
  write("c");
  assert.deepEqual(told, ["progress 3", "put c@4 | 4"]);
});

test("events say what was before only to those who ask, and filters leave events out", () => {
  const { store, hub } = setUp();
  const seen: Record<string, KvEvent[]> = { prev: [], plain: [], deletes: [], puts: [] };
  const observe = (name: string, query: Partial<WatchQuery>) =>
    hub.watch(
      { ...all, ...query },
      { onEvents: (events) => !!seen[name]?.push(...events), onClosed: () => {} },
    );
  observe("prev", { prevKv: true });
  observe("plain", {});
  observe("deletes", { noPut: true, prevKv: true });
  observe("puts", { noDelete: true });
  apply(store, "a");
  apply(store, "a");
  store.apply({ compare: [], success: [{ type: "delete", key: utf8("a") }], failure: [] });
  hub.publish();
  const prev = seen["prev"] as KvEvent[];
  assert.deepEqual(
    prev.map(({ type, prevKv }) => [type, prevKv?.modRevision]),
    [
      ["put", undefined],
      ["put", 2],
      ["delete", 3],
    ],
  );
  const tombstone = prev[2]?.kv;
  assert.deepEqual(
    [
      tombstone?.modRevision,
      tombstone?.createRevision,
      tombstone?.version,
      tombstone?.lease,
      tombstone?.value.length,
    ],
    [4, 0, 0, 0n, 0],
  );
  assert.ok(seen["plain"]?.every((event) => event.prevKv === undefined));
  assert.deepEqual(seen["deletes"], [prev[2]]);
  assert.equal(seen["deletes"]?.[0], prev[2], "watchers with the same wishes share the event");
  assert.deepEqual(seen["puts"], seen["plain"]?.slice(0, 2));
});

test("progress is told at once to who is up to date, and to others only once they are", () => {
  const { store, hub, write } = setUp({ catchUpChangesMax: 2 });
  for (let i = 0; i < 5; i++) write("a");
  const synced = recorder();
  hub.watch(all, synced.observer).requestProgress();
  assert.deepEqual(synced.told, ["progress 6"]);
  const behind = recorder();
  hub.watch({ ...all, startRevision: 2 as Revision }, behind.observer).requestProgress();
  while (hub.catchUp()) {}
  assert.deepEqual(behind.told, ["put a@2 put a@3 | 3", "put a@4 put a@5 | 5", "put a@6 | 6", "progress 6"]);
  apply(store, "a");
  const late = recorder();
  hub.watch({ ...all, key: utf8("a"), rangeEnd: utf8("b") }, late.observer).requestProgress();
  assert.deepEqual(late.told, []);
  hub.publish();
  assert.deepEqual(late.told, ["progress 7"]);
});

test("the time for progress tells those who asked for it, are synced and have heard nothing since the last time", () => {
  const { hub, write } = setUp({ progressIntervalMs: 100 });
  const quiet = recorder();
  const busy = recorder();
  const never = recorder();
  const slow = recorder(() => false);
  hub.watch({ key: utf8("q"), progressNotify: true }, quiet.observer);
  hub.watch({ key: utf8("b"), progressNotify: true }, busy.observer);
  hub.watch({ key: utf8("q") }, never.observer);
  hub.watch({ key: utf8("b"), progressNotify: true }, slow.observer);
  hub.tick(1_000);
  write("b");
  hub.tick(1_099);
  assert.deepEqual(quiet.told, []);
  hub.tick(1_100);
  assert.deepEqual(
    [quiet.told, busy.told, never.told, slow.told],
    [["progress 2"], ["put b@2 | 2"], [], ["put b@2 | 2"]],
  );
  hub.tick(1_200);
  assert.deepEqual(
    [quiet.told, busy.told, never.told],
    [["progress 2", "progress 2"], ["put b@2 | 2", "progress 2"], []],
  );
});

test("an observer may close watches, open watches and write while it is called", () => {
  const { store, hub, write } = setUp();
  const victim = recorder();
  const child = recorder();
  const first = recorder((events) => {
    if (events[0]?.kv.modRevision !== 2) return true;
    victimWatch.close();
    hub.watch(all, child.observer);
    write("from inside");
    return true;
  });
  hub.watch(all, first.observer);
  const victimWatch = hub.watch(all, victim.observer);
  const last = recorder();
  hub.watch(all, last.observer);
  apply(store, "a");
  hub.publish();
  assert.deepEqual(first.told, ["put a@2 | 2", "put from inside@3 | 3"]);
  assert.deepEqual(victim.told, []);
  assert.deepEqual(child.told, ["put from inside@3 | 3"]);
  assert.deepEqual(last.told, first.told);
});

test("closing the hub tells every watcher why, once", () => {
  const { hub, write } = setUp();
  write("a");
  const synced = recorder();
  const behind = recorder();
  const slow = recorder(() => false);
  const recorders = [synced, behind, slow];
  const watch = hub.watch(all, synced.observer);
  hub.watch({ ...all, startRevision: 1 as Revision }, behind.observer);
  hub.watch({ key: utf8("b") }, slow.observer);
  write("b");
  assert.deepEqual(hub.counts, { synced: 1, catchingUp: 1, slow: 1 });
  hub.close(new KvError("STOPPED", "the member stops"));
  hub.close(new KvError("STOPPED", "the member stops"));
  watch.close();
  watch.resume();
  watch.requestProgress();
  for (const { told } of recorders) assert.equal(told.at(-1), "closed STOPPED the member stops undefined");
  assert.deepEqual(hub.counts, { synced: 0, catchingUp: 0, slow: 0 });
});

test("many watchers that catch up share the walk through the changes, and each step of it is bounded", () => {
  const { store, write } = setUp();
  for (let i = 0; i < 5_000; i++) write(`key-${i % 50}`);
  let steps = 0;
  const hub = createWatchHub({
    source: {
      get revision() {
        return store.revision;
      },
      get compactRevision() {
        return store.compactRevision;
      },
      changesSince: (revision) => {
        const changes = store.changesSince(revision);
        const { next } = changes;
        changes.next = () => {
          steps++;
          return next.call(changes);
        };
        return changes;
      },
    },
    onCatchUpNeeded: () => {},
    catchUpChangesMax: 100,
  });
  const seen = new Map<number, number>();
  for (let i = 0; i < 1_000; i++) {
    seen.set(i, 0);
    hub.watch(
      { key: utf8(`key-${i % 50}`), startRevision: 2 as Revision },
      { onEvents: (events) => !!seen.set(i, (seen.get(i) ?? 0) + events.length), onClosed: () => {} },
    );
  }
  for (let more = true; more; ) {
    const before = steps;
    more = hub.catchUp();
    assert.ok(steps - before <= 102, `${steps - before} changes in one step`);
  }
  assert.deepEqual(new Set(seen.values()), new Set([100]));
  assert.ok(steps < 10_000, `${steps} changes were looked at`);
});

test("a watcher that begins far back does not keep others from catching up", () => {
  const { hub, write } = setUp({ catchUpChangesMax: 10 });
  for (let i = 0; i < 1_000; i++) write("a");
  const recent = recorder();
  for (let i = 0; i < 5; i++) hub.watch({ ...all, startRevision: 2 as Revision }, recorder().observer);
  hub.watch({ ...all, startRevision: 990 as Revision }, recent.observer);
  for (let i = 0; i < 12; i++) hub.catchUp();
  assert.equal(recent.told.length, 2);
});

test("ten thousand watchers of other keys and ranges cost a write nothing", () => {
  const random = seededPrng(1);
  const cpu = (watchers: number): number => {
    const { hub, write } = setUp();
    let seen = 0;
    const observer: WatchObserver = { onEvents: () => !!++seen, onClosed: () => {} };
    hub.watch({ key: utf8("mine/"), rangeEnd: utf8("mine0") }, observer);
    for (let i = 0; i < watchers; i++) {
      const key = utf8(`other/${Math.floor(random() * 1e6).toString(36)}`);
      const nobody: WatchObserver = { onEvents: () => assert.fail("not for me"), onClosed: () => {} };
      hub.watch(i % 2 === 0 ? { key } : { key, rangeEnd: Buffer.concat([key, utf8("\xff")]) }, nobody);
    }
    const start = process.cpuUsage();
    for (let i = 0; i < 20_000; i++) write(`mine/${i % 100}`);
    assert.equal(seen, 20_000);
    return process.cpuUsage(start).user;
  };
  cpu(0);
  const few = Math.min(cpu(0), cpu(0));
  const many = Math.min(cpu(10_000), cpu(10_000));
  // Looking at each of them would make it a thousand times as much.
  assert.ok(many < few * 5 + 50_000, `${many} µs with, ${few} µs without`);
});
