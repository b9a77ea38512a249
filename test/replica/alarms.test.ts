import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { fromUtf8, noLease, type Revision, type Term, utf8 } from "../../src/base/index.ts";
import { type Kv, KvError } from "../../src/kv/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { imageOf, restoreImage } from "../../src/replica/image.ts";
import type { Replica } from "../../src/replica/index.ts";
import { StateMachine } from "../../src/replica/state-machine.ts";
import { put, txn } from "../kv/contract.ts";
import { quietLog, startReplicas } from "./cluster.ts";

async function open(
  t: TestContext,
  count: number,
  options: { quotaBytes?: number; snapshotCount?: number } = {},
) {
  const cluster = await startReplicas(count, options);
  t.after(() => cluster.close());
  await Promise.all(cluster.replicas.map(({ ready }) => ready));
  return cluster;
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

const remove = { type: "delete", key: utf8("k") } as const;
const noSpace = { code: "NO_SPACE", message: "etcdserver: mvcc: database space exceeded" };

test("an alarm raised on one member stops writes that take space on all of them, until it is lifted", async (t) => {
  const { replicas } = await open(t, 3);
  const [one, two, three] = replicas as [Replica, Replica, Replica];
  const alarm = { alarm: "NOSPACE", member: two.memberId } as const;
  await one.txn(txn(put("k", "v")));
  assert.deepEqual(await one.alarm({ action: "activate", ...alarm }), [alarm]);
  assert.deepEqual(await three.alarm({ action: "get" }), [alarm]);
  for (const member of [one, two, three]) {
    await assert.rejects(member.txn(txn(put("k", "w"))), noSpace);
    await assert.rejects(member.leases.grant({ id: noLease, ttlSeconds: 60 }), noSpace);
  }
  // One that may put is refused, whatever its compares say.
  const maybe = {
    compare: [],
    success: [remove],
    failure: [{ type: "txn", ...txn(put("k", "w")) } as const],
  };
  await assert.rejects(two.txn(maybe), noSpace);
  assert.equal((await three.range({ key: utf8("k") })).count, 1);
  const { header } = await three.txn({ compare: [], success: [remove], failure: [] });
  await one.compact(header.revision);
  await two.defragment();
  assert.deepEqual(await two.alarm({ action: "deactivate", ...alarm }), [alarm]);
  assert.deepEqual(await two.alarm({ action: "deactivate", ...alarm }), []);
  await three.txn(txn(put("k", "w")));
});

test("with the alarm CORRUPT nothing is written, and reads go on", async (t) => {
  const { replicas } = await open(t, 1);
  const [kv] = replicas as [Replica];
  const { header } = await kv.txn(txn(put("k", "v")));
  const { id } = await kv.leases.grant({ id: noLease, ttlSeconds: 60 });
  const alarm = { alarm: "CORRUPT", member: kv.memberId } as const;
  await kv.alarm({ action: "activate", ...alarm });
  const corrupt = { code: "CORRUPT" };
  await assert.rejects(kv.txn(txn(put("k", "w"))), corrupt);
  await assert.rejects(kv.txn({ compare: [], success: [remove], failure: [] }), corrupt);
  await assert.rejects(kv.compact(header.revision), corrupt);
  await assert.rejects(kv.leases.revoke(id), corrupt);
  assert.equal((await kv.range({ key: utf8("k") })).count, 1);
  await kv.alarm({ action: "deactivate", ...alarm });
  await kv.leases.revoke(id);
});

test("whoever finds the quota exceeded raises the alarm; room, defragmentation and disarming make it writable again", async (t) => {
  const quotaBytes = 200_000;
  const cluster = await open(t, 3, { quotaBytes });
  const [kv] = cluster.replicas as [Replica];
  const value = "x".repeat(10_000);
  let written = 0;
  await assert.rejects(async () => {
    for (; ; written++) await kv.txn(txn(put(`k${written}`, value)));
  }, noSpace);
  assert.ok(written >= quotaBytes / value.length, `refused after ${written} writes`);
  const raised = (await kv.alarm({ action: "get" })).filter(({ alarm }) => alarm === "NOSPACE");
  assert.ok(raised.some(({ member }) => member === kv.memberId));
  // On the others too, though nothing was asked of them.
  await until(() => kv.alarms().length === 3);
  await assert.rejects((cluster.replicas[1] as Kv).leases.grant({ id: noLease, ttlSeconds: 5 }), noSpace);

  const all = { type: "delete", key: utf8("k"), rangeEnd: utf8("l") } as const;
  const { header } = await kv.txn({ compare: [], success: [all], failure: [] });
  await kv.compact(header.revision);
  for (const replica of cluster.replicas) {
    await replica.range({ key: utf8("k") });
    await replica.defragment();
    assert.ok(replica.status().dbSizeInUseBytes < quotaBytes);
  }
  for (const alarm of kv.alarms()) await kv.alarm({ action: "deactivate", ...alarm });
  await kv.txn(txn(put("k", value)));
  assert.deepEqual(kv.alarms(), []);
});

test("disarming without making room lasts until the next write", async (t) => {
  const { replicas } = await open(t, 1, { quotaBytes: 1000 });
  const [kv] = replicas as [Replica];
  await kv.txn(txn(put("k", "x".repeat(2000))));
  await until(() => kv.alarms().length === 1);
  for (const alarm of kv.alarms()) await kv.alarm({ action: "deactivate", ...alarm });
  assert.deepEqual(kv.alarms(), []);
  await assert.rejects(kv.txn(txn(put("k", "y"))), noSpace);
  assert.equal(kv.alarms().length, 1);
});

test("a member that starts again, from its log or from an image, knows the alarms", async (t) => {
  for (const snapshotCount of [10_000, 5]) {
    const cluster = await open(t, 1, { snapshotCount });
    const [kv] = cluster.replicas as [Replica];
    const alarm = { alarm: "NOSPACE", member: kv.memberId } as const;
    await kv.alarm({ action: "activate", ...alarm });
    for (let i = 0; i < 20; i++) await kv.txn({ compare: [], success: [remove], failure: [] });
    await kv.close();
    const again = await cluster.restart(0);
    await again.ready;
    assert.deepEqual(again.alarms(), [alarm]);
    await assert.rejects(again.txn(txn(put("k", "v"))), noSpace);
  }
});

test("a member whose disk is almost full raises the alarm by itself, and what was acknowledged stays", async (t) => {
  const platform = nodePlatform();
  let freeBytes = 1e12;
  const disk = { ...platform.disk, freeBytes: async () => freeBytes };
  const cluster = await startReplicas(1, {}, quietLog, { ...platform, disk });
  t.after(() => cluster.close());
  const [kv] = cluster.replicas as [Replica];
  await kv.txn(txn(put("k", "v")));
  freeBytes = 100 * 1024 * 1024;
  await until(() => kv.alarms().length === 1);
  assert.deepEqual(kv.alarms(), [{ alarm: "NOSPACE", member: kv.memberId }]);
  await assert.rejects(kv.txn(txn(put("k", "w"))), noSpace);
  assert.equal(fromUtf8((await kv.range({ key: utf8("k") })).kvs[0]?.value ?? utf8("")), "v");
  await kv.txn({ compare: [], success: [remove], failure: [] });
  freeBytes = 1e12;
  // It has to look once more before it believes that there is room.
  await until(() => kv.diskIsLow === false);
  await kv.alarm({ action: "deactivate", alarm: "NOSPACE", member: kv.memberId });
  await kv.txn(txn(put("k", "w")));
});

test("a store without a bound says so", async (t) => {
  const { replicas } = await open(t, 1, { quotaBytes: Number.POSITIVE_INFINITY });
  assert.equal("dbQuotaBytes" in (replicas[0] as Replica).status(), false);
});

function machine(): StateMachine {
  return new StateMachine({
    leaseTtlSecondsMin: 2,
    onCatchUpNeeded: () => {},
    monotonic: () => 0,
    hashSeed: [1, 1],
  });
}

test("an image from before there were alarms, users and roles is read as one without", async () => {
  const state = machine();
  state.apply({ type: "txn", txn: txn(put("k", "v")) }, 1 as Term);
  const [, members, membersBytes, leases, leasesBytes, , , , , ...keys] = [...imageOf(state)].map((one) =>
    Buffer.from(one),
  );
  const old = [Buffer.from([1, 0, 0, 0]), members, membersBytes, leases, leasesBytes, ...keys] as Buffer[];
  const restored = machine();
  restored.alarms.activate({ alarm: "CORRUPT", member: 1n as never });
  await restoreImage(restored, old);
  assert.deepEqual(restored.alarms.all, []);
  assert.equal(restored.mvcc.range({ key: utf8("k"), revision: 2 as Revision }).count, 1);
  // Cut anywhere.
  const bytewise = machine();
  await restoreImage(
    bytewise,
    [...Buffer.concat(old)].map((byte) => Uint8Array.of(byte)),
  );
  assert.equal(bytewise.mvcc.revision, 2);
  await assert.rejects(restoreImage(machine(), [Buffer.from([9, 0, 0, 0])]), { code: "CORRUPT" });
});

test("alarms of members that do not exist are bounded", () => {
  const { alarms } = machine();
  assert.throws(
    () => {
      for (let member = 0n; ; member++) alarms.activate({ alarm: "CORRUPT", member: member as never });
    },
    (error) => error instanceof KvError && error.code === "TOO_MANY_REQUESTS" && alarms.all.length === 1024,
  );
});
