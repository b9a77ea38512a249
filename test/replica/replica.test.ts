import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, type LeaseId, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import type { Kv, KvEvent, Txn } from "../../src/kv/index.ts";
import { startReplicas } from "./cluster.ts";

const put = (key: string, value: string, lease: LeaseId = noLease): Txn => ({
  compare: [],
  success: [{ type: "put", key: utf8(key), value: utf8(value), lease }],
  failure: [],
});

async function read(kv: Kv, key: string): Promise<string | undefined> {
  const { kvs } = await kv.range({ key: utf8(key) });
  return kvs[0] && fromUtf8(kvs[0].value);
}

test("a member alone leads at once, writes, and remembers after a restart", async () => {
  const cluster = await startReplicas(1);
  try {
    const [replica] = cluster.replicas;
    assert(replica);
    for (let i = 0; i < 100; i++) await replica.txn(put(`k${i}`, `v${i}`));
    const { revision } = replica.header();
    assert.equal(revision, 101);
    await replica.close();
    const again = await cluster.restart(0);
    assert.equal(await read(again, "k99"), "v99");
    assert.equal(again.header().revision, revision);
  } finally {
    await cluster.close();
  }
});

test("what one member acknowledged every member reads, and a lost leader is replaced", async () => {
  const cluster = await startReplicas(3);
  try {
    await cluster.leader();
    for (const [i, replica] of cluster.replicas.entries()) await replica.txn(put(`from-${i}`, "x"));
    for (const replica of cluster.replicas)
      for (const i of [0, 1, 2]) assert.equal(await read(replica, `from-${i}`), "x");
    const leader = await cluster.leader();
    await cluster.replicas[leader]?.close();
    const other = cluster.replicas[(leader + 1) % 3] as Kv;
    await cluster.leader();
    await other.txn(put("after", "y"));
    const back = await cluster.restart(leader);
    assert.equal(await read(back, "after"), "y");
    assert.equal(await read(back, "from-0"), "x");
  } finally {
    await cluster.close();
  }
});

test("a follower that starts again in the same term is ready though nobody writes anything", async () => {
  const cluster = await startReplicas(3);
  try {
    const leader = await cluster.leader();
    const follower = (leader + 1) % 3;
    const writer = cluster.replicas[leader];
    assert(writer);
    await writer.txn(put("before", "x"));
    const { term } = writer.header();
    await cluster.replicas[follower]?.close();
    await writer.txn(put("meanwhile", "y"));
    const back = await cluster.restart(follower);
    await back.ready;
    assert.equal(back.header().revision, writer.header().revision);
    assert.equal(back.header().term, term, "nobody else was elected");
  } finally {
    await cluster.close();
  }
});

test("a member that slept through several images gets one over the wire", async () => {
  const trailingBytes = 50_000;
  const cluster = await startReplicas(3, { snapshotCount: 10, segmentBytes: 4096, trailingBytes });
  try {
    const leader = await cluster.leader();
    const sleeper = (leader + 1) % 3;
    await cluster.replicas[sleeper]?.close();
    const writer = cluster.replicas[leader] as Kv;
    // More than is kept for slow followers.
    const value = "x".repeat(trailingBytes / 5);
    for (let i = 0; i < 40; i++) await writer.txn(put(`k${i}`, value));
    const back = await cluster.restart(sleeper);
    // However long that takes on a busy machine: reads have a time-out.
    await back.ready;
    assert.equal((await read(back, "k39"))?.length, value.length);
    assert.equal((await read(back, "k0"))?.length, value.length);
    assert.equal(
      (await back.hashKv(0 as Revision)).hash,
      (await cluster.replicas[leader]?.hashKv(0 as Revision))?.hash,
    );
  } finally {
    await cluster.close();
  }
});

test("a watch on a follower sees every write once, in order, through a change of leader", async () => {
  const cluster = await startReplicas(3);
  try {
    const leader = await cluster.leader();
    const follower = cluster.replicas[(leader + 1) % 3] as Kv;
    const seen: string[] = [];
    follower.watch(
      { key: utf8("w"), rangeEnd: utf8("x"), startRevision: 1 as Revision },
      {
        onEvents(events: readonly KvEvent[]) {
          for (const { kv } of events) seen.push(fromUtf8(kv.value));
          return true;
        },
        onClosed: (reason) => assert.equal(reason.code, "STOPPED"),
      },
    );
    for (let i = 0; i < 50; i++) await follower.txn(put("w", `${i}`));
    await cluster.replicas[leader]?.close();
    await cluster.leader();
    for (let i = 50; i < 100; i++) await follower.txn(put("w", `${i}`));
    assert.deepEqual(
      seen,
      Array.from({ length: 100 }, (_, i) => `${i}`),
    );
  } finally {
    await cluster.close();
  }
});

test("a lease takes its keys with it when its time is over, and lives on while it is kept alive", async () => {
  const cluster = await startReplicas(3);
  try {
    const leader = await cluster.leader();
    const follower = cluster.replicas[(leader + 1) % 3] as Kv;
    const short = await follower.leases.grant({ id: noLease, ttlSeconds: 1 });
    const kept = await follower.leases.grant({ id: noLease, ttlSeconds: 1 });
    await follower.txn(put("short", "x", short.id));
    await follower.txn(put("kept", "x", kept.id));
    const gone = new Promise<void>((resolve) => {
      follower.watch(
        { key: utf8("short") },
        {
          onEvents(events) {
            if (events.some(({ type }) => type === "delete")) resolve();
            return true;
          },
          onClosed: (reason) => assert.equal(reason.code, "STOPPED"),
        },
      );
    });
    const keeping = setInterval(() => follower.leases.keepAlive(kept.id).catch(() => {}), 200);
    await gone;
    clearInterval(keeping);
    assert.equal(await read(follower, "kept"), "x");
    assert.equal((await follower.leases.timeToLive(short.id)).lease, undefined);
    assert.deepEqual((await follower.leases.timeToLive(kept.id, { keys: true })).lease?.keys.map(fromUtf8), [
      "kept",
    ]);
    assert.equal((await follower.leases.keepAlive(short.id)).ttlSeconds, 0);
  } finally {
    await cluster.close();
  }
});
