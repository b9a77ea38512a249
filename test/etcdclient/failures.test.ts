import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { fromUtf8, type Revision, utf8 } from "../../src/base/index.ts";
import { rpcErrorOf } from "../../src/etcdapi/errors.ts";
import { parseEndpoint } from "../../src/etcdclient/endpoint-address.ts";
import { errorOf } from "../../src/etcdclient/errors.ts";
import { createEtcdClient, type EtcdClient } from "../../src/etcdclient/index.ts";
import { answersProgress } from "../../src/etcdclient/version.ts";
import { KvError, type KvErrorCode } from "../../src/kv/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { put, txn } from "../kv/contract.ts";
import { quietLog as log } from "../replica/cluster.ts";
import { MvccKv } from "../storage/mvcc-kv.ts";
import { headerOf, throughEtcdApi } from "./in-memory.ts";
import { missing, type RealEtcd, startEtcd } from "./real-etcd.ts";

const platform = nodePlatform();

async function etcds(t: TestContext, members = 1): Promise<RealEtcd[]> {
  const started = await startEtcd(members);
  t.after(() => Promise.all(started.map((etcd) => etcd.close())));
  return started;
}

function clientOf(t: TestContext, endpoints: readonly string[], requestTimeoutMs = 10_000): EtcdClient {
  const client = createEtcdClient({ platform, endpoints, log, requestTimeoutMs });
  t.after(() => client.close());
  return client;
}

/** The values that a watch of one key shows, in order. */
function valuesOf(client: EtcdClient, key: string, startRevision: Revision) {
  const values: string[] = [];
  let wake = (): void => {};
  const watch = client.watch(
    { key: utf8(key), startRevision },
    {
      onEvents(events) {
        for (const { kv } of events) values.push(fromUtf8(kv.value));
        wake();
        return true;
      },
      onClosed(reason) {
        values.push(reason.code);
        wake();
      },
    },
  );
  return {
    values,
    watch,
    async until(count: number): Promise<void> {
      while (values.length < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

describe("with a real etcd that fails", { skip: missing }, () => {
  test("a watch goes on after etcd was killed and started again: nothing is missed, nothing comes twice", async (t) => {
    const [etcd] = (await etcds(t)) as [RealEtcd];
    const client = clientOf(t, [etcd.url]);
    const other = clientOf(t, [etcd.url]);
    const { header } = await client.txn(txn(put("w", "0")));
    const seen = valuesOf(client, "w", header.revision);
    await seen.until(1);
    for (let i = 1; i <= 20; i++) await other.txn(txn(put("w", `${i}`)));
    await etcd.kill();
    await etcd.start();
    for (let i = 21; i <= 40; i++) await other.txn(txn(put("w", `${i}`)));
    await seen.until(41);
    assert.deepEqual(
      seen.values,
      Array.from({ length: 41 }, (_, i) => `${i}`),
    );
    seen.watch.close();
  });

  test("reads and writes wait for etcd to come back; without it they say in time why they failed", async (t) => {
    const [etcd] = (await etcds(t)) as [RealEtcd];
    const client = clientOf(t, [etcd.url]);
    await client.txn(txn(put("a", "1")));
    await etcd.kill();
    const waiting = client.range({ key: utf8("a") });
    const hasty = clientOf(t, [etcd.url], 300);
    await assert.rejects(hasty.txn(txn(put("a", "2"))), (error: KvError) => {
      assert.equal(error.code, "NO_LEADER");
      assert.match(error.message, /no etcd endpoint could be used within 300 ms: http:.*ECONNREFUSED/);
      return true;
    });
    await etcd.start();
    assert.equal((await waiting).count, 1);
    assert.equal(fromUtf8((await client.range({ key: utf8("a") })).kvs[0]?.value ?? utf8("")), "1");
    assert.equal(client.problem(), undefined);
  });

  test("of three members one may be killed: calls go on, a watch finds another member, leases live", async (t) => {
    const members = await etcds(t, 3);
    const client = clientOf(
      t,
      members.map(({ url }) => url),
    );
    const { header } = await client.txn(txn(put("w", "0")));
    const seen = valuesOf(client, "w", header.revision);
    const lease = await client.leases.grant({ id: 0n as never, ttlSeconds: 60 });
    let acknowledged = 0;
    let unknown = 0;
    for (let i = 1; i <= 60; i++) {
      if (i === 20) await members[0]?.kill();
      if (i === 40) {
        await members[0]?.start();
        await members[1]?.kill();
      }
      try {
        await client.txn(txn(put("w", `${i}`)));
        acknowledged++;
      } catch (error) {
        // A write that was on its way to the member that died: nobody knows, and nobody makes it twice.
        assert.ok(
          error instanceof KvError && ["TIMEOUT", "LEADER_CHANGED"].includes(error.code),
          String(error),
        );
        unknown++;
      }
      if (i % 10 === 0) assert.equal((await client.leases.keepAlive(lease.id)).ttlSeconds, 60);
    }
    assert.ok(acknowledged >= 55, `${acknowledged} acknowledged, ${unknown} unknown`);
    await client.txn(txn(put("w", "last")));
    while (seen.values.at(-1) !== "last") await seen.until(seen.values.length + 1);
    assert.equal(new Set(seen.values).size, seen.values.length, "nothing came twice");
    assert.ok(seen.values.length >= acknowledged + 2, "nothing acknowledged is missed");
    seen.watch.close();
  });

  test("a range larger than a page is read whole and of one revision", async (t) => {
    const [etcd] = (await etcds(t)) as [RealEtcd];
    const client = clientOf(t, [etcd.url]);
    const keys = Array.from({ length: 20_500 }, (_, i) => `page/${String(i).padStart(6, "0")}`);
    for (let at = 0; at < keys.length; at += 100) {
      await client.txn(txn(...keys.slice(at, at + 100).map((key) => put(key, key))));
    }
    const all = await client.range({ key: utf8("page/"), rangeEnd: utf8("page0") });
    assert.equal(all.count, keys.length);
    assert.equal(all.more, false);
    assert.deepEqual(
      all.kvs.map(({ value }) => fromUtf8(value)),
      keys,
    );
    const some = await client.range({ key: utf8("page/"), rangeEnd: utf8("page0"), limit: 15_000 });
    assert.deepEqual([some.kvs.length, some.count, some.more], [15_000, keys.length, true]);
  });
});

test("a range whose values are more than one answer may hold comes in smaller pages", async () => {
  const kv = new MvccKv();
  const client = throughEtcdApi(kv, headerOf(kv));
  const value = new Uint8Array(8 * 1024 * 1024);
  for (let i = 10; i < 15; i++) {
    await kv.txn(txn({ type: "put", key: utf8(`large/${i}`), value, lease: 0n as never }));
  }
  const { kvs, count, more } = await client.range({
    key: utf8("large/"),
    rangeEnd: utf8("large0"),
    limit: 10_000,
  });
  assert.deepEqual([kvs.length, count, more], [5, 5, false]);
  assert.equal(fromUtf8(kvs[4]?.key ?? utf8("")), "large/14");
});

test("every error of etcd's API comes back as the port's error that it was made of", () => {
  const codes: KvErrorCode[] = [
    "COMPACTED",
    "FUTURE_REVISION",
    "KEY_NOT_FOUND",
    "DUPLICATE_KEY",
    "TOO_MANY_OPS",
    "REQUEST_TOO_LARGE",
    "NO_SPACE",
    "LEASE_NOT_FOUND",
    "LEASE_EXISTS",
    "LEASE_TTL_TOO_LARGE",
    "NO_LEADER",
    "NOT_LEADER",
    "LEADER_CHANGED",
    "TOO_MANY_REQUESTS",
    "TIMEOUT",
    "CORRUPT",
    "STOPPED",
    "PERMISSION_DENIED",
    "USER_EMPTY",
    "AUTH_FAILED",
    "AUTH_OLD_REVISION",
    "INVALID_AUTH_TOKEN",
    "UNHEALTHY",
    "MEMBER_NOT_FOUND",
    "ROLE_NOT_FOUND",
    "VERIFY_ONLY",
  ];
  for (const code of codes) {
    const error = errorOf(rpcErrorOf(code));
    assert.ok(error instanceof KvError && error.code === code, `${code}: ${error.message}`);
  }
  assert.ok(!(errorOf({ code: 13, message: "surprise" }) instanceof KvError));
});

test("endpoints are URLs with a host, and perhaps a port", () => {
  const { host, port, secure } = parseEndpoint("https://[::1]:443");
  assert.deepEqual([host, port, secure], ["::1", 443, true]);
  assert.equal(parseEndpoint("10.0.0.1:4001").port, 4001);
  assert.equal(parseEndpoint("https://etcd.example").port, 2379);
  for (const bad of ["", "ftp://a:1", "http://a:1/v3", "http://u@a:1"]) {
    assert.throws(() => parseEndpoint(bad), /is no URL of an etcd member/, bad);
  }
});

test("progress is asked of servers only that answer it in order", () => {
  for (const good of ["3.4.31", "3.5.13", "3.6.0", "3.7.0-raftsman", "4.0.0"])
    assert.ok(answersProgress(good), good);
  for (const bad of ["3.4.23", "3.5.12", "3.3.99", "2.3.8", ""]) assert.ok(!answersProgress(bad), bad);
});
