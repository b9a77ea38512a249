/**
 * What the multi-version store costs: memory for a million keys with values of 300 bytes, pauses of a full collection, puts
 * and reads a second, compaction. `node --expose-gc bench/mvcc-memory.ts [keys]`
 */
import type { LeaseId, Revision } from "../src/base/index.ts";
import { noLease, seededPrng, utf8 } from "../src/base/index.ts";
import type { Txn } from "../src/kv/index.ts";
import { createMvcc } from "../src/mvcc/index.ts";

const keyCount = Number(process.argv[2] ?? 1_000_000);
const random = seededPrng(1);
const collect = (globalThis as { gc?: () => void }).gc;

function report(name: string, count: number, milliseconds: number): void {
  const rate = Math.round((count / milliseconds) * 1000);
  console.log(`${name.padEnd(40)} ${String(rate).padStart(10)} /s   ${(milliseconds / 1000).toFixed(2)} s`);
}

function timed(name: string, count: number, work: () => void): void {
  const start = performance.now();
  work();
  report(name, count, performance.now() - start);
}

function putOf(key: Uint8Array, value: Uint8Array): Txn {
  return { compare: [], success: [{ type: "put", key, value, lease: noLease as LeaseId }], failure: [] };
}

const key = (i: number) =>
  utf8(`/kubernetes.io/pods/namespace-${i % 97}/workload-${String((i * 7919) % keyCount).padStart(8, "0")}`);
const value = new Uint8Array(300).fill(120);
const keys: Uint8Array[] = [];
for (let i = 0; i < 100_000; i++) keys.push(key(Math.floor(random() * keyCount)));

collect?.();
const before = process.memoryUsage();
const store = createMvcc({ leases: { has: () => false, attach: () => {}, detach: () => {} } });

let pauseMax = 0;
timed(`put ${keyCount} new keys`, keyCount, () => {
  let last = performance.now();
  for (let i = 0; i < keyCount; i++) {
    store.apply(putOf(key(i), value));
    const now = performance.now();
    pauseMax = Math.max(pauseMax, now - last);
    last = now;
  }
});
console.log(`longest put ${pauseMax.toFixed(1)} ms`);
collect?.();
const after = process.memoryUsage();
const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
console.log(
  `memory: rss +${megabytes(after.rss - before.rss)}, heap +${megabytes(after.heapUsed - before.heapUsed)}, ` +
    `buffers +${megabytes(after.arrayBuffers - before.arrayBuffers)}, own count ${megabytes(store.sizes.totalBytes)}`,
);
if (collect !== undefined) {
  const start = performance.now();
  collect();
  console.log(`full collection ${(performance.now() - start).toFixed(1)} ms`);
}

timed("put 2,000 keys again and again", 1_000_000, () => {
  for (let i = 0; i < 1_000_000; i++) store.apply(putOf(keys[i % 2_000] as Uint8Array, value));
});
timed("put existing keys, anywhere", 1_000_000, () => {
  for (let i = 0; i < 1_000_000; i++) store.apply(putOf(keys[i % keys.length] as Uint8Array, value));
});
let bytes = 0;
timed("read one key, anywhere", 1_000_000, () => {
  for (let i = 0; i < 1_000_000; i++) {
    bytes += store.range({ key: keys[(i * 31) % keys.length] as Uint8Array }).kvs[0]?.value.length ?? 0;
  }
});
timed("list 500 of a prefix, count all", 200, () => {
  for (let i = 0; i < 200; i++) {
    const prefix = `/kubernetes.io/pods/namespace-${i % 97}/`;
    bytes += store.range({ key: utf8(prefix), rangeEnd: utf8(`${prefix.slice(0, -1)}0`), limit: 500 }).count;
  }
});
timed("count all keys", keyCount, () => {
  bytes += store.range({ key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]), countOnly: true }).count;
});
timed("changes walked", 1_000_000, () => {
  const changes = store.changesSince((store.revision - 999_999) as Revision);
  while (changes.next()) bytes += changes.key.length;
});
const { versions } = store.sizes;
timed("image, versions", versions, () => {
  for (const chunk of store.image()) bytes += chunk.length;
});
timed("hash, versions", versions, () => {
  bytes += store.hash(store.revision).step(Number.POSITIVE_INFINITY) ?? 0;
});
store.compact(store.revision);
let reclaimMax = 0;
timed("reclaim in steps of 1,000", 2_000_000, () => {
  for (let more = true; more; ) {
    const start = performance.now();
    more = store.reclaim(1000);
    reclaimMax = Math.max(reclaimMax, performance.now() - start);
  }
});
const copy = createMvcc({ leases: { has: () => false, attach: () => {}, detach: () => {} } });
timed("image and restore, versions", store.sizes.versions, () => {
  const restore = copy.restore();
  for (const chunk of store.image()) restore.write(chunk);
  restore.finish();
});
console.log(
  `longest step ${reclaimMax.toFixed(1)} ms, then ${megabytes(store.sizes.totalBytes)} (${bytes} bytes seen)`,
);
