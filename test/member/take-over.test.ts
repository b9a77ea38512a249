import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Revision, utf8 } from "../../src/base/index.ts";
import { storedCommand } from "../../src/etcdapi/maintenance/stored-request.ts";
import { takeOver } from "../../src/member/take-over.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openReplica, type ReplicaConfig } from "../../src/replica/index.ts";
import { etcdserverpb } from "../../src/wire/index.ts";
import { grpcClient } from "../etcdapi/grpc-client.ts";
import { missing, type RealEtcd, startEtcd } from "../etcdclient/real-etcd.ts";
import { freePorts, quietLog } from "../replica/cluster.ts";

const platform = nodePlatform();
const { AuthService, KVService, LeaseService } = etcdserverpb;

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

test("what etcd has acknowledged and not yet written into its database when it is killed is there", {
  skip: missing,
}, async (t) => {
  const etcd = await killable(t);
  const { call } = grpcClient(t, Number(new URL(etcd.url).port));
  const key = utf8;
  const user = async (name: string, options: object = {}) => {
    await call(AuthService.UserAdd, { name, password: `${name}pw` }, options);
    await call(AuthService.RoleAdd, { name }, options);
    await call(AuthService.UserGrantRole, { user: name, role: name }, options);
  };
  const as = async (name: string) => {
    const { token } = await call(AuthService.Authenticate, { name, password: `${name}pw` });
    return { metadata: { token } };
  };
  await call(KVService.Compact, { revision: 4, physical: true });
  await user("root");
  // Up to here everything is written, for it asks for that.
  await call(AuthService.AuthEnable, {});
  const root = await as("root");
  await call(LeaseService.LeaseRevoke, { ID: 7n }, root);
  await user("alice", root);
  const perm = { permType: 2, key: key("many1") };
  await call(AuthService.RoleGrantPermission, { name: "alice", perm }, root);
  const alice = await as("alice");
  for (let i = 0; i < 20; i++)
    await call(KVService.Put, { key: key(`many${i % 7}`), value: utf8(`v${i}`) }, root);
  await call(LeaseService.LeaseGrant, { ID: 8n, TTL: 700 }, root);
  await call(KVService.Put, { key: key("leased"), value: utf8("y"), lease: 8n }, root);
  const exists = {
    target: etcdserverpb.CompareCompareTarget.values.VERSION,
    result: etcdserverpb.CompareCompareResult.values.GREATER,
    key: key("many1"),
    version: 0,
  };
  await call(
    KVService.Txn,
    {
      compare: [exists],
      success: [
        { requestDeleteRange: { key: key("many2"), rangeEnd: key("many4") } },
        { requestPut: { key: key("many1"), ignoreValue: true, lease: 8n } },
      ],
      failure: [{ requestPut: { key: key("wrong") } }],
    },
    root,
  );
  await call(KVService.DeleteRange, { key: key("many5") }, root);
  await assert.rejects(call(KVService.Put, { key: key("refused"), lease: 99n }, root));
  await call(KVService.Put, { key: key("many1"), value: utf8("alice's") }, alice);
  await assert.rejects(call(KVService.Put, { key: key("many2") }, alice));
  const theirs = await call(etcdserverpb.MaintenanceService.HashKV, {}, await as("root"));
  await etcd.kill();
  const config = await left(t, etcd);
  const told: unknown[] = [];
  await takeOver(platform, config, {
    ...quietLog,
    warn: (_, fields) => told.push(fields?.["commands-of-its-log"]),
  });
  // Before 3.6 users, roles and the revoking among them, which since then are written at once.
  assert.ok(told.length === 1 && Number(told[0]) >= 27, `${told}`);
  const replica = await openReplica({ platform, config, log: quietLog });
  t.after(() => replica.close());
  await replica.ready;
  const { hash, hashRevision, compactRevision } = await replica.hashKv(0 as Revision);
  assert.deepEqual(
    [hash, hashRevision, compactRevision],
    [theirs.hash, theirs.header?.revision, theirs.compactRevision],
  );
  assert.equal(replica.access.enabled, true);
  assert.ok((await replica.access.authenticate("alice", "alicepw")).token);
  const { kvs } = await replica.range({ key: key("many1") });
  assert.deepEqual(
    kvs.map(({ value, lease }) => [Buffer.from(value).toString(), lease]),
    [["alice's", 0n]],
  );
  assert.deepEqual((await replica.leases.list()).ids, [8n]);
});

test("of what etcd's log may say all that changes something is understood, or refused", () => {
  const request = (field: number, ...bytes: number[]) => {
    const tag = field < 16 ? [field * 8 + 2] : [((field * 8 + 2) & 0x7f) | 0x80, (field * 8 + 2) >> 7];
    return Uint8Array.of(0x08, 1, ...tag, bytes.length, ...bytes);
  };
  assert.deepEqual(storedCommand(request(7, 0x08, 5)), { type: "compact", revision: 5 });
  assert.deepEqual(storedCommand(request(10, 0x08, 1, 0x10, 9, 0x18, 1)), {
    type: "alarm",
    action: "activate",
    member: 9n,
    alarm: "NOSPACE",
  });
  assert.deepEqual(storedCommand(request(11, 0x0a, 4, 0x08, 3, 0x10, 60)), {
    type: "lease-checkpoint",
    leases: [{ id: 3n, remainingTtlSeconds: 60 }],
  });
  const anybody = { user: "", revision: 0 };
  assert.deepEqual(storedCommand(request(1011)), {
    type: "access",
    caller: anybody,
    change: { action: "disable" },
  });
  // Of API version 2: a method, not a message.
  assert.equal(storedCommand(request(2, 0x50, 0x55, 0x54)), undefined);
  for (const harmless of [3, 1012, 1301]) assert.equal(storedCommand(request(harmless)), undefined);
  assert.throws(() => storedCommand(request(1400)), /a request of an unknown kind: 1400/);
  const addUser = { action: "add-user", user: "a", noPassword: false } as const;
  // "pw", as it was typed, and its hash, which is here the letter h in base64.
  assert.deepEqual(storedCommand(request(1100, 0x0a, 1, 0x61, 0x12, 2, 0x70, 0x77)), {
    type: "access",
    caller: anybody,
    change: { ...addUser, passwordHash: "" },
    password: "pw",
  });
  assert.deepEqual(storedCommand(request(1100, 0x0a, 1, 0x61, 0x22, 4, 0x61, 0x41, 0x3d, 0x3d)), {
    type: "access",
    caller: anybody,
    change: { ...addUser, passwordHash: "h" },
  });
});

test("a log that is damaged, lacks something or is elsewhere is refused, and nothing changes", {
  skip: missing,
}, async (t) => {
  const etcd = await killable(t);
  const client = grpcClient(t, Number(new URL(etcd.url).port));
  await client.call(KVService.Put, { key: utf8("key"), value: utf8("acknowledged") });
  await etcd.kill();
  const config = await left(t, etcd);
  const before = readdirSync(config.directory);
  const refused = (words: RegExp, given = config) =>
    assert.rejects(takeOver(platform, given, quietLog), words);
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

/** An etcd that writes its database when it is stopped, or in an hour; all that is said to it from now on is in its log alone. */
async function killable(t: TestContext): Promise<RealEtcd> {
  const etcd = await usedEtcd(t, 1, ["--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"]);
  await etcd.stop();
  await etcd.start();
  return etcd;
}
