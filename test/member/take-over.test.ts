import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { utf8 } from "../../src/base/index.ts";
import { takeOver } from "../../src/member/take-over.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openReplica, type ReplicaConfig } from "../../src/replica/index.ts";
import { etcdserverpb } from "../../src/wire/index.ts";
import { grpcClient } from "../etcdapi/grpc-client.ts";
import { missing, type RealEtcd, startEtcd } from "../etcdclient/real-etcd.ts";
import { freePorts, quietLog } from "../replica/cluster.ts";

const platform = nodePlatform();
const { KVService, LeaseService } = etcdserverpb;

/** etcd with some history, still running. */
async function usedEtcd(t: TestContext, members = 1, flags: readonly string[] = []): Promise<RealEtcd> {
  const all = await startEtcd(members, undefined, undefined, flags);
  t.after(() => Promise.all(all.map((one) => one.close())));
  const [etcd] = all as [RealEtcd];
  const client = grpcClient(t, Number(new URL(etcd.url).port));
  const put = (key: string, value: string, lease = 0n) =>
    client.call(KVService.Put, { key: utf8(key), value: utf8(value), lease });
  await client.call(LeaseService.LeaseGrant, { ID: 7n, TTL: 500 });
  for (const value of ["one", "two", "three"]) await put("key", value);
  await put("leased", "x", 7n);
  await put("gone", "x");
  await client.call(KVService.DeleteRange, { key: utf8("gone") });
  return etcd;
}

/** A copy of what etcd left, so that etcd's own remains as it is. */
async function left(t: TestContext, etcd: RealEtcd): Promise<ReplicaConfig> {
  const directory = join(mkdtempSync(join(tmpdir(), "raftsman-take-over-")), "data");
  t.after(() => rmSync(join(directory, ".."), { recursive: true, force: true }));
  cpSync(etcd.directory, directory, { recursive: true });
  const [port = 0] = await freePorts(1);
  return {
    name: "m0",
    directory,
    initialMembers: [{ name: "m0", peerUrls: [etcd.peerUrl] }],
    clusterToken: "etcd-cluster",
    listenPeer: { host: "127.0.0.1", port },
    tls: undefined,
    heartbeatMs: 20,
    electionMs: 100,
    snapshotCount: 100_000,
  };
}

test("a store starts on the directory of an etcd that was stopped, with its keys, their history and leases", {
  skip: missing,
}, async (t) => {
  const etcd = await usedEtcd(t);
  await etcd.stop();
  const config = await left(t, etcd);
  // As after a crash in the middle of it.
  for (const name of ["taking-over", "wal"])
    cpSync(join(config.directory, "member", "wal"), join(config.directory, name), { recursive: true });
  const others = { ...config, initialMembers: [{ name: "m0", peerUrls: ["http://127.0.0.1:1"] }] };
  await assert.rejects(
    takeOver(platform, others, quietLog),
    /of other members than --initial-cluster names: say --initial-cluster m0=http/,
  );
  await takeOver(platform, config, quietLog);
  assert.deepEqual(readdirSync(config.directory).sort(), ["member", "member.json", "snapshots", "wal"]);
  const replica = await openReplica({ platform, config, log: quietLog });
  t.after(() => replica.close());
  const range = async (key: string, revision = 0) => {
    const { kvs, header } = await replica.range({ key: utf8(key), revision } as never);
    return [
      header.revision,
      ...kvs.map(({ value, version, lease }) => [Buffer.from(value).toString(), version, lease]),
    ];
  };
  assert.deepEqual(await range("key"), [7, ["three", 3, 0n]]);
  assert.deepEqual(await range("key", 3), [7, ["two", 2, 0n]]);
  assert.deepEqual(await range("leased"), [7, ["x", 1, 7n]]);
  assert.deepEqual(await range("gone"), [7]);
  assert.deepEqual((await range("gone", 6)).length, 2);
  // It has started: nothing is taken over again.
  await takeOver(platform, { ...config, initialMembers: [] }, quietLog);
});

test("what etcd was killed over and damage are refused, and change nothing", {
  skip: missing,
}, async (t) => {
  // It writes its database when it is stopped, or in an hour.
  const etcd = await usedEtcd(t, 1, ["--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"]);
  await etcd.stop();
  await etcd.start();
  const client = grpcClient(t, Number(new URL(etcd.url).port));
  await client.call(KVService.Put, { key: utf8("key"), value: utf8("acknowledged") });
  await etcd.kill();
  const config = await left(t, etcd);
  const before = readdirSync(config.directory);
  const refused = (words: RegExp, given = config) =>
    assert.rejects(takeOver(platform, given, quietLog), words);
  await refused(
    /not stopped in order: \d+ entries of its log are not in its database yet: start etcd on it once more/,
  );
  await refused(/its log is elsewhere: move \/elsewhere to/, { ...config, walDirectory: "/elsewhere" });
  const wal = join(config.directory, "member", "wal");
  const log = join(wal, readdirSync(wal).find((name) => name.endsWith(".wal")) as string);
  const bytes = readFileSync(log);
  bytes[100] = (bytes[100] as number) ^ 1;
  writeFileSync(log, bytes);
  await refused(/a wrong checksum at offset \d+/);
  assert.deepEqual(readdirSync(config.directory), before);
  assert.equal(existsSync(join(config.directory, "member.json")), false);
});
