import assert from "node:assert/strict";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { status } from "@grpc/grpc-js";
import { type MemberId, type Revision, utf8 } from "../../src/base/index.ts";
import { storedCommand } from "../../src/etcdapi/maintenance/stored-request.ts";
import type { KeyValue } from "../../src/kv/index.ts";
import { takeOver } from "../../src/member/take-over.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openReplica, type ReplicaConfig } from "../../src/replica/index.ts";
import { etcdserverpb } from "../../src/wire/index.ts";
import { grpcClient } from "../etcdapi/grpc-client.ts";
import { missing, type RealEtcd, startEtcd } from "../etcdclient/real-etcd.ts";
import { quietLog } from "../replica/cluster.ts";

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
async function left(t: TestContext, etcd: RealEtcd, name = "m0"): Promise<ReplicaConfig> {
  const directory = join(mkdtempSync(join(tmpdir(), "raftsman-take-over-")), "data");
  t.after(() => rmSync(join(directory, ".."), { recursive: true, force: true }));
  cpSync(etcd.directory, directory, { recursive: true });
  return {
    name,
    directory,
    initialMembers: [{ name, peerUrls: [etcd.peerUrl] }],
    clusterToken: "etcd-cluster",
    listenPeer: { host: "127.0.0.1", port: Number(new URL(etcd.peerUrl).port) },
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
  // What flags say is for a cluster that begins, as it is to etcd.
  const others = { ...config, initialMembers: [{ name: "m0", peerUrls: ["http://127.0.0.1:1"] }] };
  await takeOver(platform, others, quietLog);
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
    warn: (_, fields) => told.push(fields?.["entries-of-its-log"]),
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

test("three members of an etcd are taken over each by itself, and go on as the cluster that they were", {
  skip: missing,
}, async (t) => {
  const all = await startEtcd(3, undefined, undefined, hoarding);
  t.after(() => Promise.all(all.map((one) => one.close())));
  const clients = all.map(({ url }) => grpcClient(t, Number(new URL(url).port)));
  // Whoever leads may have gone just now.
  const put = async (i: number, key: string) => {
    const { call } = clients[i] as (typeof clients)[0];
    for (;;) {
      try {
        return await call(KVService.Put, { key: utf8(key), value: utf8(`of ${key}`) });
      } catch (error) {
        if ((error as { code?: number }).code !== status.UNAVAILABLE) throw error;
      }
    }
  };
  for (const i of all.keys()) await put(i, `member ${i} has started`);
  for (const etcd of all) await etcd.stop();
  // From here on all is in the logs alone, until somebody is stopped.
  await Promise.all(all.map((etcd) => etcd.start()));
  for (const i of all.keys()) await put(i, `member ${i} has started again`);
  const [first, second, third] = all as [RealEtcd, RealEtcd, RealEtcd];
  await third.stop();
  await put(0, "one is away");
  await put(1, "one is still away");
  const { call } = clients[0] as (typeof clients)[0];
  const every = { key: utf8("a"), rangeEnd: utf8("z") };
  const theirs = await call(KVService.Range, every);
  const { members } = await call(etcdserverpb.ClusterService.MemberList, {});
  const { hash } = await call(etcdserverpb.MaintenanceService.HashKV, {});
  await Promise.all([first.kill(), second.kill()]);

  const configs = await Promise.all(all.map((etcd, i) => left(t, etcd, `m${i}`)));
  for (const config of configs) await takeOver(platform, config, quietLog);
  const replicas = await Promise.all(
    configs.map((config) => openReplica({ platform, config, log: quietLog })),
  );
  t.after(() => Promise.all(replicas.map((replica) => replica.close())));
  await Promise.all(replicas.map((replica) => replica.ready));
  for (const replica of replicas) {
    const ours = await replica.range(every);
    assert.deepEqual(ours.kvs.map(plain), theirs.kvs.map(plain));
    assert.equal(ours.header.clusterId, theirs.header?.clusterId);
    assert.equal((await replica.hashKv(ours.header.revision)).hash, hash);
  }
  const told = (await replicas[0]?.members({ linearizable: true })) ?? [];
  assert.deepEqual(
    told.map(({ id, peerUrls }) => ({ ID: id, peerURLs: peerUrls })),
    members.map(({ ID, peerURLs }) => ({ ID, peerURLs })).sort((a, b) => (a.ID < b.ID ? -1 : 1)),
  );
});

/** All that is the same in etcd's messages and here. */
function plain({ key, value, createRevision, modRevision, version }: Plain): unknown[] {
  return [Buffer.from(key).toString(), Buffer.from(value).toString(), createRevision, modRevision, version];
}

interface Plain extends Pick<KeyValue, "key" | "value" | "version"> {
  readonly createRevision: number;
  readonly modRevision: number;
}

test("members that etcd was told of and had only in its log when it was killed are members", {
  skip: missing,
}, async (t) => {
  const etcd = await killable(t);
  const { call } = grpcClient(t, Number(new URL(etcd.url).port));
  const { MemberAdd, MemberRemove, MemberUpdate } = etcdserverpb.ClusterService;
  const add = async (url: string) => {
    const { member } = await call(MemberAdd, { peerURLs: [url], isLearner: true });
    return member?.ID ?? 0n;
  };
  const gone = await add("http://127.0.0.1:1");
  await call(MemberRemove, { ID: gone });
  const learner = await add("http://127.0.0.1:2");
  await call(MemberUpdate, { ID: learner, peerURLs: ["http://127.0.0.1:3"] });
  await call(KVService.Put, { key: utf8("key"), value: utf8("last") });
  await etcd.kill();
  const config = await left(t, etcd);
  await takeOver(platform, config, quietLog);
  const replica = await openReplica({ platform, config, log: quietLog });
  t.after(() => replica.close());
  await replica.ready;
  const members = await replica.members({ linearizable: true });
  assert.deepEqual(members.map(({ peerUrls, learner }) => [learner, ...peerUrls]).sort(), [
    [false, etcd.peerUrl],
    [true, "http://127.0.0.1:3"],
  ]);
  await assert.rejects(replica.removeMember(gone as MemberId), /member not found/);
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
    countedInTerm: 0,
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

const hoarding = ["--backend-batch-interval", "1h", "--backend-batch-limit", "1000000"];

/** An etcd that writes its database when it is stopped, or in an hour; all that is said to it from now on is in its log alone. */
async function killable(t: TestContext): Promise<RealEtcd> {
  const etcd = await usedEtcd(t, 1, hoarding);
  await etcd.stop();
  await etcd.start();
  return etcd;
}
