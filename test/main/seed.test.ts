import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, utf8 } from "../../src/base/index.ts";
import { type Client, silentLog } from "../../src/client/index.ts";
import { plantSeed } from "../../src/main/start-objects/seed.ts";
import { keepSystemNamespaces } from "../../src/main/start-objects/system-namespaces.ts";
import { type Disk, nodePlatform } from "../../src/platform/index.ts";
import { MvccKv } from "../storage/mvcc-kv.ts";

const entries = Array.from({ length: 250 }, (_, i) => ({
  key: `/things/${i}`,
  value: JSON.stringify({ metadata: { uid: "@uid@", creationTimestamp: "@time@" }, i }),
}));

const platformWith = (files: Record<string, string>) => ({
  ...nodePlatform(),
  disk: {
    exists: async (path: string) => path in files,
    readFile: async (path: string) => utf8(files[path] ?? ""),
  } as unknown as Disk,
});

test("a seed is planted whole into a store that is empty, each object with an identity of its own, and the planter knows that it was", async () => {
  const kv = new MvccKv();
  const platform = platformWith({ seed: JSON.stringify(entries) });
  const options = { kv, platform, file: "seed", prefix: "/p" };
  assert.equal(await plantSeed({ ...options, file: undefined }), false);
  assert.equal(await plantSeed({ ...options, file: "none" }), false);
  assert.equal(await plantSeed(options), true);
  const { kvs } = await kv.range({ key: utf8("/p/"), rangeEnd: utf8("/p0") });
  assert.equal(kvs.length, 250);
  const objects = kvs.map(({ value }) => JSON.parse(fromUtf8(value)));
  assert.equal(new Set(objects.map(({ metadata }) => metadata.uid)).size, 250);
  assert.equal(new Set(objects.map(({ metadata }) => metadata.creationTimestamp)).size, 1);
  assert.equal(await plantSeed(options), false, "planted twice");
});

test("what was planted just now is not looked at before somebody may have deleted it", async () => {
  let lists = 0;
  const client = {
    list: async () => {
      lists++;
      return { items: [] };
    },
    create: async () => {},
  } as unknown as Client;
  let fire: () => void = () => {};
  const clock = {
    ...nodePlatform().clock,
    after(_milliseconds: number, then: () => void) {
      fire = then;
      return { cancel() {} };
    },
  };
  const stopping = new AbortController();
  const options = { client, clock, log: silentLog, signal: stopping.signal };
  await keepSystemNamespaces({ ...options, isPlanted: true }).there;
  assert.equal(lists, 0);
  await new Promise((resolve) => setImmediate(resolve));
  fire();
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(lists, 1);
  await keepSystemNamespaces({ ...options, isPlanted: false }).there;
  assert.equal(lists, 2);
  stopping.abort();
});
