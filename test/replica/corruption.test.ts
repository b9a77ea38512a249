import assert from "node:assert/strict";
import { test } from "node:test";
import { noLease, utf8 } from "../../src/base/index.ts";
import type { Txn } from "../../src/kv/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openReplica, type Replica, type ReplicaParts } from "../../src/replica/index.ts";
import { quietLog, startReplicas } from "./cluster.ts";

const put = (key: string): Txn => ({
  compare: [],
  success: [{ type: "put", key: utf8(key), value: utf8(key), lease: noLease }],
  failure: [],
});

test("members that hold different data do not start to serve, and who differs from the others is named by an alarm", async (t) => {
  const cluster = await startReplicas(3, { corruptionCheckMs: 150 });
  t.after(() => cluster.close());
  await Promise.all(cluster.replicas.map(({ ready }) => ready));
  const wrong = (await cluster.leader()) === 0 ? 1 : 0;
  await cluster.replicas[wrong]?.close();
  let parts: ReplicaParts | undefined;
  const replica = await openReplica({
    platform: nodePlatform(),
    config: cluster.configs[wrong] as (typeof cluster.configs)[number],
    log: quietLog,
    assemble: (made) => {
      parts = made;
      return made;
    },
  });
  t.after(() => replica.close());
  await replica.checkCorruption();
  const leader = cluster.replicas[await cluster.leader()] as Replica;
  await new Promise((resolve) => setTimeout(resolve, 400));
  assert.deepEqual(leader.alarms(), [], "members that hold the same are left alone");

  // What no entry of the log has said.
  parts?.state.mvcc.apply(put("rot"));
  await leader.txn(put("k"));
  await assert.rejects(leader.checkCorruption(), /holds other data than/);
  while (leader.alarms().length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(leader.alarms(), [{ alarm: "CORRUPT", member: replica.memberId }]);
  await assert.rejects(leader.txn(put("k")), { code: "CORRUPT" });
});
