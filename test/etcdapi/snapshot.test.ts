import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { type LeaseId, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import { decode, etcdserverpb, mvccpb } from "../../src/wire/index.ts";
import { readBbolt } from "../bbolt/reader.ts";
import { grpcClient } from "./grpc-client.ts";
import { serveMembers } from "./members.ts";

const { KVService, MaintenanceService } = etcdserverpb;

test("a snapshot is etcd's database file of one revision, its hash behind it, whatever is written meanwhile", async (t) => {
  const { cluster, ports } = await serveMembers(t, 1);
  const replica = cluster.replicas[0];
  if (replica === undefined) return;
  const put = (key: string, value: string, lease = noLease) =>
    replica.txn({
      compare: [],
      success: [{ type: "put", key: utf8(key), value: utf8(value), lease }],
      failure: [],
    });
  for (let i = 0; i < 300; i++) await put(`k${i % 100}`, `v${i}`);
  await put("large", "x".repeat(50_000));
  await replica.compact(150 as Revision);
  await replica.txn({ compare: [], success: [{ type: "delete", key: utf8("k7") }], failure: [] });
  await replica.leases.grant({ id: 77n as LeaseId, ttlSeconds: 1000 });
  const { header } = await put("leased", "l", 77n as LeaseId);

  const stream = grpcClient(t, ports[0] ?? 0).open(MaintenanceService.Snapshot);
  stream.send({});
  const blobs: Uint8Array[] = [];
  for (let remaining = 1; remaining > 0; ) {
    const { header: none, blob, remainingBytes, version } = await stream.next();
    blobs.push(blob);
    remaining = remainingBytes;
    assert.match(version, /^3\.6\./);
    assert.equal(none, undefined);
    if (blobs.length === 1) await put("k1", "after");
  }
  const hash = await stream.next();
  assert.equal(hash.remainingBytes, 0);
  blobs.push(hash.blob);
  const whole = Buffer.concat(blobs);
  const file = whole.subarray(0, -32);
  assert.ok(createHash("sha256").update(file).digest().equals(whole.subarray(-32)));

  const buckets = readBbolt(file);
  const versions = (buckets.get("key") ?? []).map(([key, value]) => ({
    revision: Number(key.readBigUInt64BE(0)),
    deleted: key.length === 18,
    kv: decode(mvccpb.KeyValue, value),
  }));
  assert.equal(versions.at(-1)?.revision, header.revision);
  const latest = new Map<string, string>();
  for (const { kv, deleted } of versions) {
    const key = Buffer.from(kv.key).toString();
    if (deleted) latest.delete(key);
    else latest.set(key, Buffer.from(kv.value).toString());
  }
  const now = await replica.range({ key: utf8("a"), rangeEnd: utf8("z"), revision: header.revision });
  assert.deepEqual(
    [...latest].sort(([a], [b]) => (a < b ? -1 : 1)),
    now.kvs.map(({ key, value }) => [Buffer.from(key).toString(), Buffer.from(value).toString()]),
  );
  assert.ok(
    versions.some(({ revision }) => revision < 150),
    "what was there before the compaction",
  );
  assert.equal(buckets.get("lease")?.length, 1);
  assert.equal(buckets.get("members")?.length, 1);
  const meta = new Map(buckets.get("meta")?.map(([key, value]) => [key.toString(), value]));
  assert.equal(meta.get("finishedCompactRev")?.readBigUInt64BE(0), 150n);
});

test("a range in pieces is the same as the range, as of one revision", async (t) => {
  const { cluster, ports } = await serveMembers(t, 1);
  const client = grpcClient(t, ports[0] ?? 0);
  const value = Buffer.alloc(3000, "v");
  for (let i = 0; i < 1000; i += 100) {
    const ops = Array.from({ length: 100 }, (_, j) => ({
      requestPut: { key: utf8(`r/${String(i + j).padStart(4, "0")}`), value },
    }));
    await client.call(KVService.Txn, { success: ops });
  }
  const range = { key: utf8("r/"), rangeEnd: utf8("r0") };
  const pieces = async (request: object) => {
    const stream = client.open(KVService.RangeStream);
    stream.send({ ...range, ...request });
    const kvs: mvccpb.KeyValue[] = [];
    for (let messages = 1; ; messages++) {
      const { rangeResponse: piece } = await stream.next();
      kvs.push(...(piece?.kvs ?? []));
      if (messages === 1) await client.call(KVService.Put, { key: utf8("r/0999"), value: utf8("later") });
      if (piece?.header) return { kvs, count: piece.count, more: piece.more, messages, header: piece.header };
    }
  };
  const revision = cluster.replicas[0]?.header().revision;
  const all = await pieces({});
  assert.ok(all.messages > 3, `${all.messages} messages`);
  assert.deepEqual([all.kvs.length, all.count, all.more, all.header.revision], [1000, 1000, false, revision]);
  assert.equal(all.kvs.at(-1)?.value.length, 3000, "what is written later is not seen");
  const some = await pieces({ limit: 500 });
  assert.deepEqual([some.kvs.length, some.count, some.more], [500, 1000, true]);
  const none = await pieces({ countOnly: true });
  assert.deepEqual([none.kvs.length, none.count, none.more], [0, 1000, false]);
  const sorted = client.open(KVService.RangeStream);
  sorted.send({ ...range, sortOrder: 2 });
  await assert.rejects(sorted.next(), /RangeStream does not support custom sort orders/);
});
