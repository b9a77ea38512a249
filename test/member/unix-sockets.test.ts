import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fromUtf8, noLease, utf8 } from "../../src/base/index.ts";
import { createEtcdClient } from "../../src/etcdclient/index.ts";
import { startStore } from "../../src/member/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { quietLog } from "../replica/cluster.ts";
import { clientUrl, socketIn, storeConfig, temporary } from "./stores.ts";

const platform = nodePlatform();

test("members that listen on sockets in the file system only find each other, and clients find them", async (t) => {
  const directory = temporary(t);
  const names = ["a", "b"];
  const configs = names.map((name) => storeConfig(directory, name, names));
  const stores = await Promise.all(configs.map((config) => startStore(platform, config, quietLog)));
  t.after(() => Promise.all(stores.map((store) => store.close())));
  await Promise.all(stores.map(({ ready }) => ready));
  assert.deepEqual(
    stores.map(({ addresses }) => addresses[0]?.address),
    names.map((name) => socketIn(directory, `client-${name}`)),
  );
  const endpoints = names.map((name) => clientUrl(directory, name));
  const client = createEtcdClient({ platform, endpoints, log: quietLog });
  t.after(() => client.close());
  const put = { type: "put", key: utf8("k"), value: utf8("v"), lease: noLease } as const;
  await client.txn({ compare: [], success: [put], failure: [] });
  for (const _ of names) {
    const { kvs } = await client.range({ key: utf8("k") });
    assert.deepEqual(
      kvs.map(({ value }) => fromUtf8(value)),
      ["v"],
    );
  }
  await stores[0]?.close();
  assert.equal(existsSync(socketIn(directory, "client-a")), false, "who ends leaves no socket behind");
});

test("a socket that a dead process left is taken the place of, a file that is none is not", async (t) => {
  const path = join(temporary(t), "socket");
  const listen = () =>
    platform.network.listen({ host: "", port: 0, path }, ({ stream }) => stream.end("hello"));
  const first = await listen();
  const second = await listen();
  const { stream } = await platform.network.connect({ host: "", port: 0, path });
  assert.equal(String(await stream.toArray()), "hello");
  await second.close();
  await first.close();
  writeFileSync(path, "a file");
  await assert.rejects(listen(), { code: "EADDRINUSE" });
});
