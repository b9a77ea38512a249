import assert from "node:assert/strict";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { fromUtf8, prefixEnd, utf8 } from "../../src/base/index.ts";
import type { Replica, ReplicaConfig } from "../../src/replica/index.ts";
import { missing, runEtcdctl, startEtcdctl } from "./etcdctl.ts";
import { serveMembers } from "./members.ts";

async function open(
  t: TestContext,
  options: { count?: number } & Partial<Pick<ReplicaConfig, "quotaBytes">> = {},
) {
  const { count = 1, ...config } = options;
  const { cluster, ports } = await serveMembers(t, count, config);
  const flags = [`--endpoints=${ports.map((port) => `127.0.0.1:${port}`).join(",")}`];
  return {
    replica: cluster.replicas[0] as Replica,
    run: (args: readonly string[], input?: string) => runEtcdctl([...flags, ...args], input),
    /** One that stays, and the lines it prints. */
    start(args: readonly string[]) {
      const child = startEtcdctl([...flags, ...args]);
      t.after(() => child.kill("SIGKILL"));
      const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
      return { child, line: async () => String((await lines.next()).value) };
    },
  };
}

async function claims(replica: Replica, prefix: string, count: number): Promise<string[]> {
  const key = utf8(prefix);
  for (;;) {
    const { kvs } = await replica.range({ key, rangeEnd: prefixEnd(key) });
    if (kvs.length === count) return kvs.map((one) => fromUtf8(one.key));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("etcdctl lock holds a lock against another etcdctl until it is interrupted", {
  skip: missing,
}, async (t) => {
  const { replica, run, start } = await open(t);
  const first = start(["lock", "mutex"]);
  const key = await first.line();
  assert.match(key, /^mutex\/[0-9a-f]+$/);
  const second = run(["lock", "mutex", "echo", "mine"]);
  const waiting = (await claims(replica, "mutex/", 2)).find((one) => one !== key);
  first.child.kill("SIGINT");
  await once(first.child, "close");
  assert.equal(await second, "mine\n");
  assert.notEqual(waiting, undefined);
  await claims(replica, "mutex/", 0);
});

test("etcdctl elect leads, is observed, and hands over", { skip: missing }, async (t) => {
  const { replica, start } = await open(t);
  const observer = start(["elect", "--listen", "boss"]);
  const first = start(["elect", "boss", "one"]);
  const key = await first.line();
  assert.match(key, /^boss\/[0-9a-f]+$/);
  assert.equal(await first.line(), "one");
  assert.deepEqual([await observer.line(), await observer.line()], [key, "one"]);
  const second = start(["elect", "boss", "two"]);
  await claims(replica, "boss/", 2);
  first.child.kill("SIGINT");
  const heir = await second.line();
  assert.equal(await second.line(), "two");
  assert.deepEqual([await observer.line(), await observer.line()], [heir, "two"]);
  second.child.kill("SIGINT");
  await once(second.child, "close");
});

test("etcdctl finds the store full, makes room with compaction and defrag, and disarms the alarm", {
  skip: missing,
}, async (t) => {
  const { replica, run } = await open(t, { quotaBytes: 100_000 });
  const value = "x".repeat(30_000);
  for (let i = 0; i < 4; i++) await run(["put", "k", value]);
  await assert.rejects(run(["put", "k", value]), /etcdserver: mvcc: database space exceeded/);
  assert.equal(await run(["alarm", "list"]), `memberID:${replica.memberId} alarm:NOSPACE \n`);
  const { revision } = replica.header();
  assert.equal(await run(["compaction", "--physical", `${revision}`]), `compacted revision ${revision}\n`);
  assert.match(await run(["defrag"]), /^Finished defragmenting etcd member/);
  assert.equal(await run(["alarm", "disarm"]), `memberID:${replica.memberId} alarm:NOSPACE \n`);
  assert.equal(await run(["put", "k", "room"]), "OK\n");
  assert.equal(await run(["alarm", "list"]), "");
});
