import assert from "node:assert/strict";
import http from "node:http";
import { type TestContext, test } from "node:test";
import { fromUtf8, prefixEnd, utf8 } from "../../src/base/index.ts";
import type { Kv } from "../../src/kv/index.ts";
import { etcdserverpb, v3electionpb, v3lockpb } from "../../src/wire/index.ts";
import { type GrpcClient, grpcClient } from "./grpc-client.ts";
import { serveMembers } from "./members.ts";

const { LeaseService } = etcdserverpb;
const { LockService } = v3lockpb;
const { ElectionService } = v3electionpb;

async function keysUnder(kv: Kv, prefix: string): Promise<string[]> {
  const key = utf8(prefix);
  const { kvs } = await kv.range({
    key,
    rangeEnd: prefixEnd(key),
    sort: { target: "create", order: "ascend" },
  });
  return kvs.map((one) => fromUtf8(one.key));
}

/** Until there are so many claims on a name. */
async function claims(kv: Kv, prefix: string, count: number): Promise<string[]> {
  for (;;) {
    const keys = await keysUnder(kv, prefix);
    if (keys.length === count) return keys;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function leases(client: GrpcClient, ...ids: bigint[]): Promise<void> {
  for (const ID of ids) await client.call(LeaseService.LeaseGrant, { ID, TTL: 300 });
}

async function one(t: TestContext) {
  const { cluster, ports } = await serveMembers(t, 1);
  const [port = 0] = ports;
  return { kv: cluster.replicas[0] as Kv, port, client: grpcClient(t, port) };
}

test("locks are held one after the other, in the order they were asked for", async (t) => {
  const { kv, client } = await one(t);
  await leases(client, 0xan, 0xbn, 0xcn);
  const name = utf8("m");
  const held: string[] = [];
  const lock = async (lease: bigint) => {
    const answer = await client.call(LockService.Lock, { name, lease });
    held.push(fromUtf8(answer.key));
    return answer;
  };
  const first = await lock(0xcn);
  const second = lock(0xan);
  await claims(kv, "m/", 2);
  const third = lock(0xbn);
  assert.deepEqual(await claims(kv, "m/", 3), ["m/c", "m/a", "m/b"]);
  assert.deepEqual(held, ["m/c"]);
  // Only the next one may go on when the turn ends.
  await client.call(LockService.Unlock, { key: first.key });
  const { key, header } = await second;
  assert.equal(header?.revision, (await kv.range({ key })).header.revision);
  assert.deepEqual(held, ["m/c", "m/a"]);
  // A lease that ends ends the turn, too.
  await client.call(LeaseService.LeaseRevoke, { ID: 0xan });
  await third;
  assert.deepEqual(await keysUnder(kv, "m/"), ["m/b"]);
});

test("a waiting Lock that is cancelled, times out or loses its connection leaves no key", async (t) => {
  const { kv, client, port } = await one(t);
  await leases(client, 1n, 2n);
  const name = utf8("m");
  await client.call(LockService.Lock, { name, lease: 1n });

  const stream = client.open(LockService.Lock);
  stream.send({ name, lease: 2n });
  stream.halfClose();
  await claims(kv, "m/", 2);
  stream.cancel();
  assert.deepEqual(await claims(kv, "m/", 1), ["m/1"]);

  await assert.rejects(client.call(LockService.Lock, { name, lease: 2n }, { deadlineMs: 200 }), { code: 4 });
  assert.deepEqual(await claims(kv, "m/", 1), ["m/1"]);

  const request = http.request({ port, path: "/v3/lock/lock", method: "POST" });
  request.on("error", () => {});
  request.end(JSON.stringify({ name: Buffer.from(name).toString("base64"), lease: "2" }));
  await claims(kv, "m/", 2);
  request.destroy();
  assert.deepEqual(await claims(kv, "m/", 1), ["m/1"]);
});

test("a Lock whose lease ends while it waits is told so when its turn comes", async (t) => {
  const { kv, client } = await one(t);
  await leases(client, 1n, 2n);
  const name = utf8("m");
  const { key } = await client.call(LockService.Lock, { name, lease: 1n });
  const waiting = client.call(LockService.Lock, { name, lease: 2n });
  await claims(kv, "m/", 2);
  await client.call(LeaseService.LeaseRevoke, { ID: 2n });
  const refused = assert.rejects(waiting, { code: 2, details: "mutex: session is expired" });
  await client.call(LockService.Unlock, { key });
  await refused;
});

test("a Lock without a lease gets one of 60 seconds", async (t) => {
  const { kv, client } = await one(t);
  const { key } = await client.call(LockService.Lock, { name: utf8("m") });
  const { kvs } = await kv.range({ key });
  const lease = kvs[0]?.lease ?? 0n;
  assert.equal(fromUtf8(key), `m/${lease.toString(16)}`);
  const { grantedTTL } = await client.call(LeaseService.LeaseTimeToLive, { ID: lease });
  assert.equal(grantedTTL, 60);
  await assert.rejects(client.call(LockService.Unlock, {}), {
    code: 2,
    details: "etcdserver: key is not provided",
  });
});

test("a waiting Lock and an Observe on one member live through the loss of the leader", async (t) => {
  const { cluster, ports } = await serveMembers(t, 3);
  const leader = await cluster.leader();
  const here = (leader + 1) % 3;
  const kv = cluster.replicas[here] as Kv;
  const client = grpcClient(t, ports[here] as number);
  await leases(client, 1n, 2n, 3n);
  const name = utf8("m");
  const { key } = await client.call(LockService.Lock, { name, lease: 1n });
  const waiting = client.call(LockService.Lock, { name, lease: 2n });
  await claims(kv, "m/", 2);
  const observing = client.open(ElectionService.Observe);
  observing.send({ name: utf8("e") });
  const campaign = await client.call(ElectionService.Campaign, {
    name: utf8("e"),
    lease: 1n,
    value: utf8("x"),
  });
  assert.equal(fromUtf8((await observing.next()).kv?.value ?? utf8("")), "x");

  await cluster.replicas[leader]?.close();
  const cancelled = client.open(LockService.Lock);
  cancelled.send({ name, lease: 3n });
  cancelled.halfClose();
  await claims(kv, "m/", 3);
  cancelled.cancel();
  await claims(kv, "m/", 2);
  await client.call(LockService.Unlock, { key });
  assert.equal(fromUtf8((await waiting).key), "m/2");
  await client.call(ElectionService.Proclaim, { leader: campaign.leader, value: utf8("y") });
  const said = await observing.next();
  assert.equal(fromUtf8(said.kv?.value ?? utf8("")), "y");
  assert.equal(said.header?.revision, said.kv?.modRevision);
  observing.cancel();
});

test("an election hands over when the leader resigns, and observers hear all of it", async (t) => {
  const { kv, client } = await one(t);
  await leases(client, 1n, 2n);
  const name = utf8("e");
  const observing = client.open(ElectionService.Observe);
  observing.send({ name });
  observing.halfClose();
  const heard = async () => {
    const { header, kv: leader } = await observing.next();
    assert.equal(header?.revision, leader?.modRevision);
    return fromUtf8(leader?.value ?? utf8(""));
  };
  const first = await client.call(ElectionService.Campaign, { name, lease: 1n, value: utf8("one") });
  assert.equal(await heard(), "one");
  const second = client.call(ElectionService.Campaign, { name, lease: 2n, value: utf8("two") });
  await claims(kv, "e/", 2);
  // Standing again for something else is a proclamation.
  const again = await client.call(ElectionService.Campaign, { name, lease: 1n, value: utf8("uno") });
  assert.deepEqual(again.leader, first.leader);
  assert.equal(await heard(), "uno");
  await client.call(ElectionService.Resign, { leader: first.leader });
  const { leader } = await second;
  assert.equal(await observing.next().then(({ kv: now }) => fromUtf8(now?.value ?? utf8(""))), "two");
  await assert.rejects(client.call(ElectionService.Proclaim, { leader: first.leader, value: utf8("no") }), {
    code: 2,
    details: "election: not leader",
  });
  // To resign twice is fine.
  await client.call(ElectionService.Resign, { leader: first.leader });
  assert.equal(fromUtf8((await client.call(ElectionService.Leader, { name })).kv?.key ?? utf8("")), "e/2");
  await client.call(ElectionService.Resign, { leader });
  await assert.rejects(client.call(ElectionService.Leader, { name }), {
    code: 2,
    details: "election: no leader",
  });
  observing.cancel();
});

test("a Campaign that is cancelled does not stand any more", async (t) => {
  const { kv, client } = await one(t);
  await leases(client, 1n, 2n);
  const name = utf8("e");
  await client.call(ElectionService.Campaign, { name, lease: 1n, value: utf8("one") });
  await assert.rejects(
    client.call(ElectionService.Campaign, { name, lease: 2n, value: utf8("two") }, { deadlineMs: 200 }),
    { code: 4 },
  );
  assert.deepEqual(await claims(kv, "e/", 1), ["e/1"]);
});
