import assert from "node:assert/strict";
import { test } from "node:test";
import { type LeaseId, type Revision, seededPrng, utf8 } from "../../src/base/index.ts";
import type { KvErrorCode, Op, RangeOp } from "../../src/kv/index.ts";
import { createMvcc, type Mvcc } from "../../src/mvcc/index.ts";

const seed = Number(process.env["SEED"] ?? Date.now() % 2 ** 31);
const noLeases = { has: () => false, attach: () => {}, detach: () => {} };
const everything: RangeOp = { key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]) };

function put(store: Mvcc, key: string, value: Uint8Array): void {
  run(store, { type: "put", key: utf8(key), value, lease: 0n as LeaseId });
}

function run(store: Mvcc, ...success: Op[]): void {
  store.apply({ compare: [], success, failure: [] });
}

function contentOf(store: Mvcc, revision = 0): string[] {
  const { kvs } = store.range({ ...everything, revision: revision as Revision });
  return kvs.map(({ key, value }) => `${Buffer.from(key)}=${value.length}:${value[0]}`);
}

function expected(content: Map<string, Uint8Array>): string[] {
  return [...content]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${value.length}:${value[0]}`);
}

function bytesOf(image: Iterable<Uint8Array>): Buffer {
  const chunks: Uint8Array[] = [];
  for (const chunk of image) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

test(`thousands of keys stay in order while they come, change and go (SEED=${seed})`, () => {
  const random = seededPrng(seed);
  const store = createMvcc({ leases: noLeases });
  const content = new Map<string, Uint8Array>();
  const kept = new Map<number, string[]>();
  for (let i = 1; i <= 40_000; i++) {
    // It grows, then shrinks, so that leaves and hash tables do both.
    const growing = i < 25_000;
    const key = `/registry/things/${Math.floor(random() * 8_000).toString(36)}`;
    if (random() < (growing ? 0.8 : 0.25)) {
      const value = new Uint8Array(Math.floor(random() * 400)).fill(1 + Math.floor(random() * 255));
      put(store, key, value);
      content.set(key, value);
    } else {
      run(store, { type: "delete", key: utf8(key) });
      content.delete(key);
    }
    if (i % 5_000 === 0) kept.set(store.revision, expected(content));
    if (i % 8_000 === 0) store.compact((store.revision - 2_500) as Revision);
  }
  assert.deepEqual(contentOf(store), expected(content));
  for (const [revision, before] of kept) {
    if (revision >= store.compactRevision)
      assert.deepEqual(contentOf(store, revision), before, `revision ${revision}`);
  }
  assert.equal(store.range({ ...everything, countOnly: true }).count, content.size);
  for (let i = 0; i < 200; i++) {
    const bounds = [random(), random()]
      .map((x) => `/registry/things/${Math.floor(x * 8_000).toString(36)}`)
      .sort();
    const [from, to] = bounds as [string, string];
    const inside = [...content.keys()].filter((key) => key >= from && key < to).sort();
    const answer = store.range({ key: utf8(from), rangeEnd: utf8(to), limit: 10 });
    assert.equal(answer.count, from === to ? 0 : inside.length);
    assert.deepEqual(
      answer.kvs.map(({ key }) => Buffer.from(key).toString()),
      inside.slice(0, 10),
    );
    assert.equal(answer.more, inside.length > 10);
  }
  run(store, { type: "delete", ...everything } as Op);
  store.compact(store.revision);
  put(store, "last", new Uint8Array(1));
  store.compact(store.revision);
  while (store.reclaim(1_000)) {}
  assert.deepEqual(
    { ...store.sizes, totalBytes: 0, usedBytes: 0 },
    { totalBytes: 0, usedBytes: 0, keys: 1, versions: 1 },
  );
});

test("counts of a large range at an old revision are those of that revision", () => {
  const store = createMvcc({ leases: noLeases });
  for (let i = 0; i < 3_000; i++) put(store, `k${i}`, new Uint8Array(1));
  const before = store.revision;
  for (let i = 0; i < 3_000; i += 3) run(store, { type: "delete", key: utf8(`k${i}`) });
  for (let i = 0; i < 100; i++) put(store, `new${i}`, new Uint8Array(1));
  assert.equal(store.range({ ...everything, countOnly: true, revision: before }).count, 3_000);
  assert.equal(store.range({ ...everything, limit: 1, revision: before }).count, 3_000);
  assert.equal(store.range({ ...everything, limit: 1 }).count, 2_100);
});

test("memory of compacted versions comes back, and what was handed out before stays as it was", () => {
  const store = createMvcc({ leases: noLeases });
  const views: { view: Uint8Array; copy: Uint8Array }[] = [];
  for (let round = 0; round < 40; round++) {
    for (let i = 0; i < 500; i++) put(store, `key-${i}`, new Uint8Array(1_000).fill(round));
    const view = store.range({ key: utf8(`key-${round}`) }).kvs[0]?.value as Uint8Array;
    views.push({ view, copy: view.slice() });
    store.compact(store.revision);
    while (store.reclaim(100)) {}
  }
  // 20 MB were written; half a megabyte is alive.
  assert.ok(store.sizes.totalBytes < 4e6, `${store.sizes.totalBytes} bytes are taken`);
  assert.ok(
    store.sizes.usedBytes > 5e5 && store.sizes.usedBytes < 6e5,
    `${store.sizes.usedBytes} bytes are used`,
  );
  for (const { view, copy } of views) assert.deepEqual(view, copy);
});

test("what is in use shrinks with a compaction, and what is taken when it is condensed", () => {
  const store = createMvcc({ leases: noLeases });
  const empty = store.sizes;
  assert.ok(empty.usedBytes === empty.totalBytes && empty.totalBytes < 20_000, JSON.stringify(empty));
  for (let i = 0; i < 30_000; i++) put(store, `key-${i % 3_000}`, new Uint8Array(100).fill(i));
  const written = store.sizes;
  assert.ok(written.usedBytes > 30_000 * 100 && written.usedBytes === written.totalBytes);
  store.compact(store.revision);
  while (store.reclaim(1_000)) {}
  const compacted = store.sizes;
  assert.ok(compacted.usedBytes < written.usedBytes / 5 && compacted.usedBytes < compacted.totalBytes);
  const content = contentOf(store);
  store.condense();
  while (store.reclaim(1_000)) {}
  const condensed = store.sizes;
  assert.equal(condensed.usedBytes, compacted.usedBytes);
  assert.ok(condensed.totalBytes < condensed.usedBytes * 1.5, JSON.stringify(condensed));
  assert.deepEqual(contentOf(store), content);
  // All that was let go of is taken anew.
  for (let i = 0; i < 30_000; i++) put(store, `other-${i % 4_000}`, new Uint8Array(100).fill(i));
  const old = store.range({ key: utf8("other-1"), revision: (store.revision - 9_000) as Revision });
  assert.equal(old.kvs[0]?.version, 6);
  assert.deepEqual(contentOf(store).slice(0, content.length), content);
});

test("values larger than a slab are kept and given back", () => {
  const store = createMvcc({ leases: noLeases });
  const sizes = [0, 1, 262_143, 262_144, 262_145, 1_500_000, 5_000_000];
  for (const size of sizes) put(store, `size-${size}`, new Uint8Array(size).fill(7));
  for (const size of sizes) {
    const value = store.range({ key: utf8(`size-${size}`) }).kvs[0]?.value as Uint8Array;
    assert.equal(value.length, size);
    assert.ok(value.every((byte) => byte === 7));
  }
  run(store, { type: "delete", ...everything } as Op);
  run(store, { type: "put", key: utf8("x"), value: utf8("y"), lease: 0n as LeaseId });
  store.compact(store.revision);
  while (store.reclaim(100)) {}
  assert.ok(store.sizes.totalBytes < 2e6, `${store.sizes.totalBytes} bytes are taken`);
});

test("an old revision of a key written a hundred thousand times is found without walking through them", () => {
  const store = createMvcc({ leases: noLeases });
  const count = 100_000;
  for (let i = 0; i < count; i++) put(store, "hot", utf8(String(i)));
  for (let compacted = 0; compacted <= 1; compacted++) {
    const first = Math.max(2, store.compactRevision);
    for (let revision = first; revision <= store.revision; revision += 9_973) {
      const [kv] = store.range({ key: utf8("hot"), revision: revision as Revision }).kvs;
      assert.equal(Buffer.from(kv?.value as Uint8Array).toString(), String(revision - 2));
    }
    const start = process.cpuUsage();
    for (let i = 0; i < 2_000; i++) store.range({ key: utf8("hot"), revision: (first + i) as Revision });
    // Walking the chain would take 2,000 times 50,000 steps and more: seconds.
    const { user } = process.cpuUsage(start);
    assert.ok(user < 500_000, `${user} µs`);
    if (compacted === 0) store.compact(30_000 as Revision);
    while (store.reclaim(10_000)) {}
    for (let i = 0; i < 10; i++) put(store, "hot", utf8(String(count + compacted * 10 + i)));
  }
});

test("an image is of one revision, whatever is written, deleted and compacted while it is read", () => {
  const random = seededPrng(seed);
  const store = createMvcc({ leases: noLeases });
  for (let i = 0; i < 3_000; i++)
    put(store, `key-${Math.floor(random() * 2_000)}`, new Uint8Array(300).fill(i));
  store.compact(1_500 as Revision);
  store.reclaim(700);
  const before = contentOf(store);
  const atCompaction = contentOf(store, 1_500);
  const revision = store.revision;
  const image = store.image();
  const chunks: Uint8Array[] = [];
  for (const chunk of image) {
    chunks.push(chunk.slice());
    for (let i = 0; i < 700; i++) {
      const key = utf8(`key-${Math.floor(random() * 3_000)}`);
      if (random() < 0.5) run(store, { type: "put", key, value: utf8("new"), lease: 0n as LeaseId });
      else run(store, { type: "delete", key });
    }
    store.compact(store.revision);
    assert.equal(store.reclaim(1_000), false);
  }
  assert.ok(chunks.length > 3, `${chunks.length} chunks`);
  const copy = createMvcc({ leases: noLeases });
  const restore = copy.restore();
  for (const chunk of chunks) restore.write(chunk);
  assert.equal(copy.revision, 1);
  restore.finish();
  assert.equal(copy.revision, revision);
  assert.equal(copy.compactRevision, 1_500);
  assert.deepEqual(contentOf(copy), before);
  assert.deepEqual(contentOf(copy, 1_500), atCompaction);
  // And once it has ended, what was held is freed, but for deletions of the compacted revision.
  while (store.reclaim(1_000)) {}
  assert.ok(store.sizes.versions <= store.range({ ...everything, countOnly: true }).count + 1);
});

test("an image that is given up holds nothing any more", () => {
  const store = createMvcc({ leases: noLeases });
  for (let i = 0; i < 2_000; i++) put(store, `key-${i % 10}`, new Uint8Array(1_000));
  const image = store.image();
  image.next();
  store.compact(store.revision);
  assert.equal(store.reclaim(10_000), false);
  image.return();
  while (store.reclaim(10_000)) {}
  assert.equal(store.sizes.versions, 10);
});

test("a damaged image is refused and changes nothing", () => {
  const store = createMvcc({ leases: noLeases });
  for (let i = 0; i < 20; i++) put(store, `key-${i % 7}`, utf8(`value-${i}`));
  store.compact(10 as Revision);
  const image = bytesOf(store.image());
  const refusal = (bytes: Uint8Array): KvErrorCode | undefined => {
    const copy = createMvcc({ leases: noLeases });
    put(copy, "mine", utf8("1"));
    try {
      const restore = copy.restore();
      restore.write(bytes);
      restore.finish();
    } catch (error) {
      assert.deepEqual(contentOf(copy), ["mine=1:49"]);
      return (error as { code: KvErrorCode }).code;
    }
    return undefined;
  };
  assert.equal(refusal(image), undefined);
  for (let length = 0; length < image.length; length++)
    assert.equal(refusal(image.subarray(0, length)), "CORRUPT", `${length}`);
  assert.equal(refusal(Buffer.concat([image, Buffer.alloc(1)])), "CORRUPT");
  assert.equal(refusal(Buffer.concat([image, image])), "CORRUPT");
  const random = seededPrng(seed);
  for (let i = 0; i < 2_000; i++) {
    const bytes = Buffer.from(image);
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    assert.ok([undefined, "CORRUPT"].includes(refusal(bytes)), `SEED=${seed} ${i}`);
  }
});

test("equal stores have equal hashes and images, however much each has reclaimed", () => {
  const stores = [
    createMvcc({ leases: noLeases }),
    createMvcc({ leases: noLeases, hashSeed: [1, 2] }),
  ] as const;
  const random = seededPrng(seed);
  for (let i = 0; i < 3_000; i++) {
    const key = utf8(`key-${Math.floor(random() * 300)}`);
    const dead = random() < 0.3;
    for (const store of stores) {
      if (dead) run(store, { type: "delete", key });
      else run(store, { type: "put", key, value: utf8(`${i}`), lease: 0n as LeaseId });
      if (i % 500 === 499) store.compact((store.revision - 100) as Revision);
    }
    if (i % 7 === 0) stores[0].reclaim(20);
  }
  for (const revision of [0, stores[0].compactRevision, stores[0].revision - 50]) {
    const [a, b] = stores.map((store) => store.hash(revision as Revision).step(1e6));
    assert.ok(a !== undefined && a === b, `revision ${revision}: ${a} and ${b}`);
  }
  const [a, b] = stores.map((store) => bytesOf(store.image()));
  assert.ok((a as Buffer).equals(b as Buffer));
  run(stores[0], { type: "put", key: utf8("one"), value: utf8("more"), lease: 0n as LeaseId });
  assert.notEqual(stores[0].hash(0 as Revision).step(1e6), stores[1].hash(0 as Revision).step(1e6));
});
