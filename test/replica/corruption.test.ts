import assert from "node:assert/strict";
import { test } from "node:test";
import { noLease, type Revision, utf8 } from "../../src/base/index.ts";
import type { Txn } from "../../src/kv/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openReplica, type Replica, type ReplicaParts } from "../../src/replica/index.ts";
import { quietLog, type ReplicaCluster, startReplicas } from "./cluster.ts";

const put = (key: string): Txn => ({
  compare: [],
  success: [{ type: "put", key: utf8(key), value: utf8(key), lease: noLease }],
  failure: [],
});

/** Opens a stopped member again, and answers its parts, too: so that what it holds can be changed by nobody's order. */
async function reopen(cluster: ReplicaCluster, position: number): Promise<[Replica, ReplicaParts]> {
  let parts: ReplicaParts | undefined;
  const replica = await openReplica({
    platform: nodePlatform(),
    config: cluster.configs[position] as ReplicaCluster["configs"][number],
    log: quietLog,
    assemble: (made) => {
      parts = made;
      return made;
    },
  });
  return [replica, parts as ReplicaParts];
}

test("members that hold different data do not start to serve, and who differs from the others is named by an alarm", async (t) => {
  const cluster = await startReplicas(3, { corruptionCheckMs: 150 });
  t.after(() => cluster.close());
  await Promise.all(cluster.replicas.map(({ ready }) => ready));
  const wrong = (await cluster.leader()) === 0 ? 1 : 0;
  await cluster.replicas[wrong]?.close();
  const [replica, parts] = await reopen(cluster, wrong);
  t.after(() => replica.close());
  await replica.checkCorruption();
  const leader = cluster.replicas[await cluster.leader()] as Replica;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual(leader.alarms(), [], "members that hold the same are left alone");

  // What no entry of the log has said.
  parts.state.mvcc.apply(put("rot"));
  await leader.txn(put("k"));
  await assert.rejects(leader.checkCorruption(), /holds other data than/);
  while (leader.alarms().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(leader.alarms(), [{ alarm: "CORRUPT", member: replica.memberId }]);
  await assert.rejects(leader.txn(put("k")), { code: "CORRUPT" });
});

test("who held something else when all compacted is named by an alarm, by the hashes that each has made then", async (t) => {
  const cluster = await startReplicas(3, { compactionCheckMs: 100 });
  t.after(() => cluster.close());
  await Promise.all(cluster.replicas.map(({ ready }) => ready));
  const wrong = (await cluster.leader()) === 0 ? 1 : 0;
  await cluster.replicas[wrong]?.close();
  const [replica, parts] = await reopen(cluster, wrong);
  t.after(() => replica.close());
  await replica.ready;
  const leader = cluster.replicas[await cluster.leader()] as Replica;
  for (const key of ["a", "b", "c"]) await leader.txn(put(key));
  await leader.compact(3 as Revision);
  const caughtUp = () => replica.range({ key: utf8("a") });
  await caughtUp();
  const { hash } = await leader.hashKv(3 as Revision);
  assert.deepEqual(await leader.hashKv(3 as Revision), { hash, compactRevision: 0, hashRevision: 3 });
  assert.deepEqual(await replica.hashKv(3 as Revision), { hash, compactRevision: 0, hashRevision: 3 });

  // What no entry of the log has said: the member's next write gets another revision than everywhere else.
  parts.state.mvcc.apply(put("rot"));
  await leader.txn(put("d"));
  await leader.compact(4 as Revision);
  await caughtUp();
  const both = await Promise.all([leader, replica].map((one) => one.hashKv(4 as Revision)));
  assert.equal(both[0]?.hash, both[1]?.hash, "up to there they hold the same");
  assert.deepEqual(leader.alarms(), []);
  await leader.compact(5 as Revision);
  while (leader.alarms().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(leader.alarms(), [{ alarm: "CORRUPT", member: replica.memberId }]);
});
