import assert from "node:assert/strict";
import { test } from "node:test";
import { fromUtf8, noLease, utf8 } from "../../src/base/index.ts";
import { EncryptedKv, parseEncryption } from "../../src/encryption/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { createKvStorage } from "../../src/storage/index.ts";
import { MvccKv } from "../storage/mvcc-kv.ts";

const { random, clock } = nodePlatform();
const bytes = (length: number) => random.bytes(length);
const key = (name: string, fill: number) =>
  `{name: ${name}, secret: ${Buffer.alloc(32, fill).toString("base64")}}`;

const configuration = (resources: string, ...providers: string[]) =>
  parseEncryption(
    `kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [${resources}]
  providers:
${providers.map((provider) => `  - ${provider}`).join("\n")}
`,
    bytes,
  );
const transformersOf = (...providers: string[]) => {
  const found = configuration("secrets", ...providers)({ group: "", resource: "secrets" });
  assert.ok(found);
  return found;
};

const secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "s", namespace: "d" },
  data: { a: "Yg==" },
};
const at = "/registry/secrets/d/s";

function storageOn(kv: MvccKv, ...providers: string[]) {
  return createKvStorage({
    kv: new EncryptedKv(kv, transformersOf(...providers)),
    clock,
    keyPrefix: "/registry/secrets/",
    namespaced: true,
  });
}

async function stored(kv: MvccKv): Promise<string> {
  return fromUtf8((await kv.range({ key: utf8(at) })).kvs[0]?.value ?? new Uint8Array());
}

for (const provider of ["aescbc", "aesgcm"]) {
  test(`with ${provider} the store never sees what an object holds, and readers see nothing else`, async () => {
    const kv = new MvccKv();
    const storage = storageOn(kv, `${provider}: {keys: [${key("one", 1)}]}`);
    await storage.create(at, secret);
    const text = await stored(kv);
    assert.ok(text.startsWith(`k8s:enc:${provider}:v1:one:`), text.slice(0, 40));
    assert.equal(text.includes("Yg=="), false);
    assert.deepEqual((await storage.get(at)).object["data"], { a: "Yg==" });
    const listed = await storage.list("/registry/secrets/", {
      predicate: { matches: () => true, empty: true },
      resourceVersion: "",
      resourceVersionMatch: "",
      limit: 0,
      continue: "",
    });
    assert.equal(listed.items.length, 1);
  });
}

test("after a change of keys old values are read, and a write of the same content encrypts them anew", async () => {
  const kv = new MvccKv();
  await storageOn(kv, "identity: {}").create(at, secret);
  const next = storageOn(
    kv,
    `aesgcm: {keys: [${key("two", 2)}]}`,
    `aescbc: {keys: [${key("one", 1)}]}`,
    "identity: {}",
  );
  const before = await next.get(at);
  const same = await next.guaranteedUpdate(at, (current) => current?.object ?? secret);
  assert.notEqual(same.resourceVersion, before.resourceVersion);
  assert.match(await stored(kv), /^k8s:enc:aesgcm:v1:two:/);
  const again = await next.guaranteedUpdate(at, (current) => current?.object ?? secret);
  assert.equal(
    again.resourceVersion,
    same.resourceVersion,
    "what is encrypted as it should be is not written again",
  );
});

test("without its key, under another key of the store, or changed by somebody a value is refused, not guessed at", async () => {
  const kv = new MvccKv();
  await storageOn(kv, `aesgcm: {keys: [${key("one", 1)}]}`).create(at, secret);
  const corrupt = (why: RegExp) => ({ code: "CORRUPT_OBJECT", message: why });
  await assert.rejects(
    storageOn(kv, `aesgcm: {keys: [${key("two", 1)}]}`).get(at),
    corrupt(/no matching key was found for the provided AES transformer/),
  );
  await assert.rejects(storageOn(kv, "identity: {}").get(at), corrupt(/no matching prefix found/));
  const value = (await kv.range({ key: utf8(at) })).kvs[0]?.value as Uint8Array;
  await kv.txn({
    compare: [],
    success: [{ type: "put", key: utf8("/registry/secrets/d/t"), value, lease: noLease }],
    failure: [],
  });
  await assert.rejects(
    storageOn(kv, `aesgcm: {keys: [${key("one", 1)}]}`).get("/registry/secrets/d/t"),
    corrupt(/message authentication failed/),
  );
});

test("resources are named as upstream names them, and the first that names one counts", () => {
  const provider = `aescbc: {keys: [${key("one", 1)}]}`;
  const has = (names: string, group: string, resource: string) =>
    configuration(names, provider)({ group, resource }) !== undefined;
  assert.equal(has("secrets", "", "secrets"), true);
  assert.equal(has("secrets", "", "configmaps"), false);
  assert.equal(has("secrets", "apps", "secrets"), false);
  assert.equal(has('"*."', "", "configmaps"), true);
  assert.equal(has('"*.apps"', "apps", "deployments"), true);
  assert.equal(has('"*.apps"', "", "pods"), false);
  assert.equal(has('"*.*"', "example.com", "things"), true);
});

test("a configuration that cannot be meant is refused by field, and never shows a secret", () => {
  const wrong = (provider: string, why: RegExp) =>
    assert.throws(() => configuration("secrets", provider), why);
  wrong("kms: {name: x}", /resources\[0\]\.providers\[0\]\.kms: not served here/);
  wrong(
    "aescbc: {keys: [{name: a, secret: c2hvcnQ=}]}",
    /secret: Invalid value: "REDACTED": .* got 5, expected one of/,
  );
  wrong("aescbc: {keys: [{name: 'a:b', secret: c2hvcnQ=}]}", /must not contain a colon/);
  wrong("aescbc: {keys: []}", /keys: Required value/);
  wrong("rot13: {}", /unknown field "resources\[0\]\.providers\[0\]\.rot13"/);
});
