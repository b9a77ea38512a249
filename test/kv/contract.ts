import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { fromUtf8, type LeaseId, noLease, prefixEnd, type Revision, utf8 } from "../../src/base/index.ts";
import {
  type Compare,
  type Kv,
  KvError,
  type KvErrorCode,
  type KvEvent,
  type KvWatch,
  type Op,
  type Txn,
  type WatchQuery,
} from "../../src/kv/index.ts";

/** An implementation under test. Its keys are the suite's alone. */
export interface OpenedKv {
  /** Doors to the same store, one a member: what one acknowledges the others must show. */
  readonly doors: readonly Kv[];
  close(): Promise<void>;
}

const none = noLease;

export function put(key: string, value: string, lease: LeaseId = none): Op {
  return { type: "put", key: utf8(key), value: utf8(value), lease };
}

export function txn(...success: Op[]): Txn {
  return { compare: [], success, failure: [] };
}

/**
 * What every `Kv` promises, whatever stands behind it. Every test has keys of its own and asks through changing doors; revisions are
 * compared with what the store said before, for it need not be empty.
 */
export function kvContract(name: string, open: () => Promise<OpenedKv>): void {
  describe(`kv contract: ${name}`, () => {
    let opened: OpenedKv;
    let turn = 0;
    /** Another door with every call. */
    const kv = (): Kv => opened.doors[turn++ % opened.doors.length] as Kv;

    before(async () => {
      opened = await open();
    });
    after(() => opened.close());

    const get = async (key: string) => (await kv().range({ key: utf8(key) })).kvs[0];
    const text = async (key: string) => {
      const found = await get(key);
      return found && fromUtf8(found.value);
    };
    const keysUnder = async (prefix: string) => {
      const { kvs } = await kv().range({ key: utf8(prefix), rangeEnd: prefixEnd(utf8(prefix)) });
      return kvs.map(({ key }) => fromUtf8(key));
    };

    test("a put makes one revision and counts the key's writes", async () => {
      const first = await kv().txn(txn(put("put/a", "1")));
      const second = await kv().txn(txn(put("put/a", "2")));
      assert.equal(second.header.revision, first.header.revision + 1);
      const found = await get("put/a");
      assert.equal(found?.createRevision, first.header.revision);
      assert.equal(found?.modRevision, second.header.revision);
      assert.equal(found?.version, 2);
      assert.equal(found && fromUtf8(found.value), "2");
      assert.equal(found?.lease, none);
    });

    test("what one door acknowledged every door shows", async () => {
      for (let i = 0; i < 20; i++) {
        await kv().txn(txn(put("doors", `${i}`)));
        for (const door of opened.doors) {
          assert.equal(
            fromUtf8((await door.range({ key: utf8("doors") })).kvs[0]?.value ?? utf8("")),
            `${i}`,
          );
        }
      }
    });

    test("a put answers the pair before it when asked", async () => {
      await kv().txn(txn(put("prev", "old")));
      const { results } = await kv().txn(txn({ ...put("prev", "new"), prevKv: true } as Op));
      assert.equal(results[0]?.type === "put" && fromUtf8(results[0].prevKv?.value ?? utf8("")), "old");
      const fresh = await kv().txn(txn({ ...put("prev/none", "new"), prevKv: true } as Op));
      assert.equal(fresh.results[0]?.type === "put" && fresh.results[0].prevKv, undefined);
    });

    test("a put that keeps the value or the lease needs the key", async () => {
      const { id } = await kv().leases.grant({ id: none, ttlSeconds: 60 });
      await kv().txn(txn(put("keep", "v", id)));
      await kv().txn(txn({ ...put("keep", "", none), ignoreValue: true } as Op));
      assert.equal(await text("keep"), "v");
      assert.equal((await get("keep"))?.lease, none);
      await kv().txn(txn(put("keep", "v", id)));
      await kv().txn(txn({ ...put("keep", "w"), ignoreLease: true } as Op));
      assert.equal((await get("keep"))?.lease, id);
      await refused("KEY_NOT_FOUND", kv().txn(txn({ ...put("keep/none", ""), ignoreValue: true } as Op)));
      await refused("KEY_NOT_FOUND", kv().txn(txn({ ...put("keep/none", ""), ignoreLease: true } as Op)));
      await kv().leases.revoke(id);
    });

    test("a refused transaction changes nothing, not even the revision", async () => {
      const { header } = await kv().txn(txn(put("refused/a", "1")));
      await refused(
        "KEY_NOT_FOUND",
        kv().txn(txn(put("refused/b", "1"), { ...put("refused/c", ""), ignoreValue: true } as Op)),
      );
      await refused("LEASE_NOT_FOUND", kv().txn(txn(put("refused/b", "1", 424242n as LeaseId))));
      await refused("DUPLICATE_KEY", kv().txn(txn(put("refused/b", "1"), put("refused/b", "2"))));
      await refused(
        "TOO_MANY_OPS",
        kv().txn(txn(...Array.from({ length: 129 }, (_, i) => put(`refused/${i}`, "")))),
      );
      await refused("REQUEST_TOO_LARGE", kv().txn(txn(put("refused/b", "x".repeat(1_600_000)))));
      assert.deepEqual(await keysUnder("refused/"), ["refused/a"]);
      const next = await kv().txn(txn(put("refused/a", "2")));
      assert.equal(next.header.revision, header.revision + 1);
    });

    test("ranges are half open, by bytes, with limits, counts and one order", async () => {
      await kv().txn(txn(...["a", "b", "c", "d", "e"].map((key, i) => put(`range/${key}`, `${9 - i}`))));
      const range = (query: object) =>
        kv().range({ key: utf8("range/b"), rangeEnd: utf8("range/e"), ...query });
      const names = (answer: { kvs: readonly { key: Uint8Array }[] }) =>
        answer.kvs.map(({ key }) => fromUtf8(key).slice(6));
      assert.deepEqual(names(await range({})), ["b", "c", "d"]);
      const limited = await range({ limit: 2 });
      assert.deepEqual([names(limited), limited.count, limited.more], [["b", "c"], 3, true]);
      const whole = await range({ limit: 3 });
      assert.deepEqual([whole.count, whole.more], [3, false]);
      assert.deepEqual(names(await range({ sort: { target: "value", order: "ascend" } })), ["d", "c", "b"]);
      assert.deepEqual(names(await range({ sort: { target: "key", order: "descend" }, limit: 1 })), ["d"]);
      // Without an order the limit comes first, and takes one more than it leaves.
      const unordered = { sort: { target: "value", order: "none" }, limit: 1 };
      assert.deepEqual(names(await range(unordered)), ["c"]);
      assert.deepEqual(names(await range({ ...unordered, minModRevision: 1 })), ["d"]);
      const counted = await range({ countOnly: true });
      assert.deepEqual([counted.kvs.length, counted.count], [0, 3]);
      const keysOnly = await range({ keysOnly: true });
      assert.deepEqual(
        keysOnly.kvs.map(({ value }) => value.length),
        [0, 0, 0],
      );
      const toTheLast = await kv().range({ key: utf8("range/d"), rangeEnd: new Uint8Array([0]), limit: 2 });
      assert.deepEqual(names(toTheLast), ["d", "e"]);
    });

    test("bytes are bytes: keys and values need not be text", async () => {
      const key = new Uint8Array([0x62, 0xff, 0x00, 0xfe, 0x80]);
      const value = Uint8Array.from({ length: 256 }, (_, i) => i);
      await kv().txn(txn({ type: "put", key, value, lease: none }));
      const { kvs } = await kv().range({ key, serializable: false });
      assert.deepEqual(Buffer.from(kvs[0]?.value ?? []), Buffer.from(value));
    });

    test("old revisions stay readable until they are compacted", async () => {
      const first = await kv().txn(txn(put("old", "1")));
      await kv().txn(txn({ type: "delete", key: utf8("old") }));
      const third = await kv().txn(txn(put("old", "3")));
      const at = (revision: number) => kv().range({ key: utf8("old"), revision: revision as Revision });
      assert.equal(fromUtf8((await at(first.header.revision)).kvs[0]?.value ?? utf8("")), "1");
      assert.equal((await at(first.header.revision + 1)).count, 0);
      assert.equal((await get("old"))?.version, 1);
      await refused("FUTURE_REVISION", at(third.header.revision + 1000));
      await kv().compact(third.header.revision, { physical: true });
      const error = await refused("COMPACTED", at(first.header.revision));
      assert.equal(
        error.compactRevision === undefined || error.compactRevision === third.header.revision,
        true,
      );
      assert.equal(fromUtf8((await at(third.header.revision)).kvs[0]?.value ?? utf8("")), "3");
      await refused("COMPACTED", kv().compact(third.header.revision));
      await refused("FUTURE_REVISION", kv().compact((third.header.revision + 1000) as Revision));
    });

    test("deleting a range answers what was there", async () => {
      await kv().txn(txn(put("del/a", "1"), put("del/b", "2")));
      const { results } = await kv().txn(
        txn({ type: "delete", key: utf8("del/"), rangeEnd: utf8("del0"), prevKv: true }),
      );
      assert.equal(results[0]?.type === "delete" && results[0].deleted, 2);
      assert.deepEqual(
        results[0]?.type === "delete" && results[0].prevKvs.map((one) => fromUtf8(one.value)),
        ["1", "2"],
      );
      const before = await kv().range({ key: utf8("del/a") });
      const again = await kv().txn(txn({ type: "delete", key: utf8("del/a") }));
      assert.equal(again.results[0]?.type === "delete" && again.results[0].deleted, 0);
      assert.equal(again.header.revision, before.header.revision, "deleting nothing is no revision");
    });

    test("compares choose the branch", async () => {
      const { header } = await kv().txn(txn(put("cmp", "m")));
      const key = utf8("cmp");
      const revision = header.revision;
      const holds = async (...compare: Compare[]) =>
        (await kv().txn({ compare, success: [], failure: [] })).succeeded;
      assert.equal(await holds({ key, result: "equal", target: "value", value: utf8("m") }), true);
      assert.equal(await holds({ key, result: "less", target: "value", value: utf8("m") }), false);
      assert.equal(await holds({ key, result: "greater", target: "value", value: utf8("a") }), true);
      assert.equal(await holds({ key, result: "equal", target: "mod", revision }), true);
      assert.equal(await holds({ key, result: "notEqual", target: "create", revision }), false);
      assert.equal(await holds({ key, result: "greater", target: "version", version: 0 }), true);
      assert.equal(await holds({ key, result: "equal", target: "lease", lease: none }), true);
      assert.equal(
        await holds({ key: utf8("cmp/none"), result: "equal", target: "version", version: 0 }),
        true,
      );
      assert.equal(
        await holds({ key: utf8("cmp/none"), result: "equal", target: "value", value: utf8("") }),
        false,
      );
      assert.equal(
        await holds(
          { key, result: "equal", target: "mod", revision },
          { key, result: "equal", target: "version", version: 7 },
        ),
        false,
      );
      const result = await kv().txn({
        compare: [{ key, result: "equal", target: "version", version: 7 }],
        success: [put("cmp/branch", "success")],
        failure: [put("cmp/branch", "failure"), { type: "range", key: utf8("cmp/branch") }],
      });
      assert.equal(result.succeeded, false);
      const range = result.results[1];
      assert.equal(
        range?.type === "range" && fromUtf8(range.kvs[0]?.value ?? utf8("")),
        "failure",
        "it sees its own writes",
      );
    });

    test("nested transactions happen in the same revision", async () => {
      const inner: Op = { type: "txn", compare: [], success: [put("nested/inner", "1")], failure: [] };
      const { header, results } = await kv().txn(txn(put("nested/outer", "1"), inner));
      assert.equal(results[1]?.type === "txn" && results[1].succeeded, true);
      assert.equal((await get("nested/outer"))?.modRevision, header.revision);
      assert.equal((await get("nested/inner"))?.modRevision, header.revision);
    });

    test("a transaction nested as deep as allowed is carried out, a deeper one refused", async () => {
      const nest = (depth: number): Op =>
        depth === 0
          ? put("deep", "1")
          : { type: "txn", compare: [], success: [nest(depth - 1)], failure: [] };
      await kv().txn(txn(nest(60)));
      assert.equal(await text("deep"), "1");
      await refused("TOO_MANY_OPS", kv().txn(txn(nest(500))));
    });

    test("of concurrent transactions that compare and set, each step succeeds once", async () => {
      await kv().txn(txn(put("cas", "0")));
      let successes = 0;
      await Promise.all(
        Array.from({ length: 8 }, async () => {
          for (let i = 0; i < 10; i++) {
            const door = kv();
            const found = (await door.range({ key: utf8("cas") })).kvs[0];
            if (found === undefined) assert.fail("gone");
            const { succeeded } = await door.txn({
              compare: [{ key: utf8("cas"), result: "equal", target: "mod", revision: found.modRevision }],
              success: [put("cas", `${Number(fromUtf8(found.value)) + 1}`)],
              failure: [],
            });
            if (succeeded) successes++;
          }
        }),
      );
      assert.equal(await text("cas"), `${successes}`);
    });

    test("a watch sees each change once, in order, from an old revision on and then live", async () => {
      const first = await kv().txn(txn(put("watch/a", "1")));
      await kv().txn(txn(put("watch/b", "2"), put("watch/c", "2")));
      const watch = collect(kv(), {
        key: utf8("watch/"),
        rangeEnd: utf8("watch0"),
        startRevision: first.header.revision,
        prevKv: true,
      });
      await kv().txn(txn({ type: "delete", key: utf8("watch/a") }));
      await kv().txn(txn(put("watch/b", "3")));
      await kv().txn(txn(put("elsewhere", "x")));
      await watch.until(5);
      assert.deepEqual(watch.seen, [
        "put watch/a=1",
        "put watch/b=2",
        "put watch/c=2",
        "delete watch/a<1",
        "put watch/b=3<2",
      ]);
      const together = watch.batches.find((batch) => batch.includes("put watch/b=2"));
      assert.ok(together?.includes("put watch/c=2"), "a revision's events come in one batch");
      watch.handle.close();
    });

    test("a watch of one kind of change hears nothing of the other", async () => {
      const start = (await kv().txn(txn(put("only", "1")))).header.revision;
      const puts = collect(kv(), { key: utf8("only"), startRevision: start, noDelete: true });
      const deletes = collect(kv(), { key: utf8("only"), startRevision: start, noPut: true });
      await kv().txn(txn({ type: "delete", key: utf8("only") }));
      await kv().txn(txn(put("only", "2")));
      await Promise.all([puts.until(2), deletes.until(1)]);
      assert.deepEqual(puts.seen, ["put only=1", "put only=2"]);
      assert.deepEqual(deletes.seen, ["delete only"]);
      puts.handle.close();
      deletes.handle.close();
    });

    test("an observer without room gets the same batch again, whole and in order", async () => {
      const start = (await kv().txn(txn(put("room", "0")))).header.revision;
      const seen: string[] = [];
      let refusals = 0;
      const done = Promise.withResolvers<void>();
      const handle: KvWatch = kv().watch(
        { key: utf8("room"), startRevision: start },
        {
          onEvents(events) {
            if (refusals < 5) {
              refusals++;
              setTimeout(() => handle.resume(), 1);
              return false;
            }
            seen.push(...events.map(({ kv: pair }) => fromUtf8(pair.value)));
            if (seen.length >= 30) done.resolve();
            return true;
          },
          onClosed: done.reject,
        },
      );
      for (let i = 1; i < 30; i++) await kv().txn(txn(put("room", `${i}`)));
      await done.promise;
      assert.deepEqual(
        seen,
        Array.from({ length: 30 }, (_, i) => `${i}`),
      );
      handle.close();
    });

    test("a watch from a compacted revision is closed with COMPACTED", async () => {
      const start = (await kv().txn(txn(put("gone", "1")))).header.revision;
      const { header } = await kv().txn(txn(put("gone", "2")));
      await kv().compact(header.revision);
      const reason = await new Promise<KvError>((resolve) => {
        for (const door of opened.doors.slice(0, 1)) {
          void door
            .range({ key: utf8("gone") })
            .then(() =>
              door.watch(
                { key: utf8("gone"), startRevision: start },
                { onEvents: () => true, onClosed: resolve },
              ),
            );
        }
      });
      assert.equal(reason.code, "COMPACTED");
      assert.equal(reason.compactRevision, header.revision);
    });

    test("progress that was asked for says that nothing up to it is missing", async (t) => {
      const { header } = await kv().txn(txn(put("progress", "1")));
      const door = opened.doors[0] as Kv;
      if (door.answersProgress === false)
        return t.skip(
          "this etcd answers before the events are there (before 3.4.31 and 3.5.13): nobody asks it",
        );
      await door.range({ key: utf8("progress") });
      const told = await new Promise<number>((resolve, reject) => {
        const handle = door.watch(
          { key: utf8("progress") },
          {
            onEvents: () => true,
            onProgress(revision) {
              handle.close();
              resolve(revision);
            },
            onClosed: reject,
          },
        );
        handle.requestProgress();
      });
      assert.ok(told >= header.revision, `${told} < ${header.revision}`);
    });

    test("a lease owns its keys and takes them along in one revision", async () => {
      const { id, ttlSeconds } = await kv().leases.grant({ id: none, ttlSeconds: 100 });
      assert.equal(ttlSeconds, 100);
      await kv().txn(txn(put("lease/a", "1", id), put("lease/b", "1", id), put("lease/c", "1", id)));
      await kv().txn(txn(put("lease/c", "2")));
      const { lease } = await kv().leases.timeToLive(id, { keys: true });
      // etcd tells them in no order.
      assert.deepEqual(lease?.keys.map(fromUtf8).sort(), ["lease/a", "lease/b"]);
      assert.equal(lease?.grantedTtlSeconds, 100);
      assert.ok((lease?.ttlSeconds ?? 0) > 90 && (lease?.ttlSeconds ?? 0) <= 100, `${lease?.ttlSeconds}`);
      assert.ok((await kv().leases.list()).ids.includes(id));
      assert.equal((await kv().leases.keepAlive(id)).ttlSeconds, 100);
      const before = (await kv().range({ key: utf8("lease/a") })).header.revision;
      const header = await kv().leases.revoke(id);
      assert.equal(header.revision, before + 1);
      assert.deepEqual(await keysUnder("lease/"), ["lease/c"]);
      assert.equal((await kv().leases.timeToLive(id)).lease, undefined);
      assert.equal((await kv().leases.keepAlive(id)).ttlSeconds, 0);
      await refused("LEASE_NOT_FOUND", kv().leases.revoke(id));
    });

    test("a lease id is taken once, and a time-to-live has a bound", async () => {
      const id = 0x7eadbeefn as LeaseId;
      assert.equal((await kv().leases.grant({ id, ttlSeconds: 50 })).id, id);
      await refused("LEASE_EXISTS", kv().leases.grant({ id, ttlSeconds: 50 }));
      await refused("LEASE_TTL_TOO_LARGE", kv().leases.grant({ id: none, ttlSeconds: 9_000_000_001 }));
      await kv().leases.revoke(id);
    });

    test("a lease that nobody keeps alive ends, and its watchers hear of it once", async () => {
      const { id } = await kv().leases.grant({ id: none, ttlSeconds: 1 });
      const { header } = await kv().txn(txn(put("expire", "1", id)));
      const watch = collect(kv(), { key: utf8("expire"), startRevision: header.revision });
      await watch.until(2);
      await kv().txn(txn(put("expire", "2")));
      await watch.until(3);
      assert.deepEqual(watch.seen, ["put expire=1", "delete expire", "put expire=2"]);
      watch.handle.close();
    });
  });
}

/** Collects what a watch delivers, as text. */
function collect(kv: Kv, query: WatchQuery) {
  const seen: string[] = [];
  const batches: string[][] = [];
  let lastRevision = 0;
  let wake = (): void => {};
  let failure: Error | undefined;
  const handle = kv.watch(query, {
    onEvents(events: readonly KvEvent[], revision) {
      batches.push(events.map(describeEvent));
      for (const event of events) {
        assert.ok(event.kv.modRevision >= lastRevision, "out of order");
        assert.ok(event.kv.modRevision <= revision, "beyond the batch's revision");
        lastRevision = event.kv.modRevision;
        seen.push(describeEvent(event));
      }
      wake();
      return true;
    },
    onClosed(reason) {
      failure = reason;
      wake();
    },
  });
  return {
    seen,
    batches,
    handle,
    async until(count: number): Promise<void> {
      while (seen.length < count) {
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

function describeEvent({ type, kv, prevKv }: KvEvent): string {
  const value = type === "put" ? `=${fromUtf8(kv.value)}` : "";
  return `${type} ${fromUtf8(kv.key)}${value}${prevKv === undefined ? "" : `<${fromUtf8(prevKv.value)}`}`;
}

async function refused(code: KvErrorCode, work: Promise<unknown>): Promise<KvError> {
  try {
    await work;
  } catch (error) {
    assert.ok(error instanceof KvError, String(error));
    assert.equal(error.code, code, error.message);
    return error;
  }
  assert.fail(`${code} was expected`);
}
