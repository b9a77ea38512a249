import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { noLease, utf8 } from "../../src/base/index.ts";
import { createEtcdClient, type EtcdClient } from "../../src/etcdclient/index.ts";
import { type Store, type StoreConfig, startStore } from "../../src/member/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { quietLog } from "../replica/cluster.ts";
import { clientUrl, storeConfig, temporary } from "./stores.ts";

const platform = nodePlatform();

/** A cluster of one where others find each other, and a client of it. */
async function startRegistry(t: TestContext): Promise<{ endpoints: string[]; registry: EtcdClient }> {
  const directory = temporary(t);
  const store = await startStore(platform, storeConfig(directory, "registry"), quietLog);
  t.after(() => store.close());
  await store.ready;
  const endpoints = [clientUrl(directory, "registry")];
  const registry = createEtcdClient({ platform, endpoints, log: quietLog });
  t.after(() => registry.close());
  return { endpoints, registry };
}

async function setSize(registry: EtcdClient, token: string, size: string): Promise<void> {
  const key = utf8(`/_etcd/registry/${token}/_config/size`);
  const op = { type: "put", key, value: utf8(size), lease: noLease } as const;
  await registry.txn({ compare: [], success: [op], failure: [] });
}

/** Members that know nothing of each other but where to ask. */
function discovering(
  directory: string,
  names: readonly string[],
  endpoints: readonly string[],
  token: string,
): StoreConfig[] {
  return names.map((name) => {
    const config = storeConfig(directory, name);
    const discovery = { endpoints, token, tls: undefined, requestTimeoutMs: 5000 };
    return { ...config, replica: { ...config.replica, clusterToken: token }, discovery };
  });
}

async function close(stores: readonly Store[]): Promise<void> {
  await Promise.all(stores.map((store) => store.close()));
}

test("members that are told nothing but where to ask become one cluster, and start again without asking", async (t) => {
  const { endpoints, registry } = await startRegistry(t);
  await setSize(registry, "three", "3");
  const directory = temporary(t);
  const names = ["a", "b", "c"];
  const configs = discovering(directory, names, endpoints, "three");
  let stores = await Promise.all(configs.map((config) => startStore(platform, config, quietLog)));
  t.after(() => close(stores));
  await Promise.all(stores.map(({ ready }) => ready));
  const urls = names.map((name) => clientUrl(directory, name));
  const client = createEtcdClient({ platform, endpoints: urls, log: quietLog });
  t.after(() => client.close());
  const op = { type: "put", key: utf8("k"), value: utf8("v"), lease: noLease } as const;
  await client.txn({ compare: [], success: [op], failure: [] });

  const [late] = discovering(directory, ["d"], endpoints, "three");
  await assert.rejects(startStore(platform, late as StoreConfig, quietLog), /discovery: cluster is full/);

  await close(stores);
  const alone = configs.map((config) => ({
    ...config,
    discovery: { endpoints: ["unix:///nowhere"], token: "three", tls: undefined, requestTimeoutMs: 100 },
  }));
  stores = await Promise.all(alone.map((config) => startStore(platform, config, quietLog)));
  await Promise.all(stores.map(({ ready }) => ready));
  assert.equal((await client.range({ key: utf8("k") })).count, 1);
});

test("a member whose cluster nobody has given a size does not start", async (t) => {
  const { endpoints, registry } = await startRegistry(t);
  const [config] = discovering(temporary(t), ["a"], endpoints, "none") as [StoreConfig];
  await assert.rejects(startStore(platform, config, quietLog), /discovery: size key not found/);
  for (const size of ["many", "0", "-1", "1e3", ""]) {
    await setSize(registry, "none", size);
    await assert.rejects(startStore(platform, config, quietLog), /discovery: size key is bad/, size);
  }
});
