import assert from "node:assert/strict";
import { test } from "node:test";
import { type LeaseId, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import type { Op } from "../../src/kv/index.ts";
import { createMvcc, type Mvcc } from "../../src/mvcc/index.ts";

const lease = 7587848390000000001n as LeaseId;
const put = (key: string, value: string, of: LeaseId = noLease): Op => ({
  type: "put",
  key: utf8(key),
  value: utf8(value),
  lease: of,
});
const remove = (key: string, rangeEnd?: string): Op => ({
  type: "delete",
  key: utf8(key),
  ...(rangeEnd !== undefined && { rangeEnd: utf8(rangeEnd) }),
});

function apply(store: Mvcc, ...success: Op[]): void {
  store.apply({ compare: [], success, failure: [] });
}

function hash(store: Mvcc, revision = 0): number | undefined {
  return store.hash(revision as Revision).step(1_000);
}

function openStore(): Mvcc {
  const leases = { has: () => true, attach() {}, detach() {} };
  return createMvcc({ leases, hashSeed: [1, 2] });
}

/** The numbers are those that etcd 3.6.16 answered to `etcdctl endpoint hashkv` after these very writes. */
test("the hash of a history is the one that etcd computes, before and after compactions", () => {
  const store = openStore();
  assert.equal(hash(store), 1084519789);
  for (const value of ["1", "2", "3"]) {
    apply(store, put("a", value));
    apply(store, put("b", value));
  }
  assert.equal(hash(store), 3006239174);
  assert.equal(hash(store, 3), 2143169314);
  apply(store, remove("a"));
  assert.equal(hash(store), 847092987);
  apply(store, put("x", "1"), put("y", "2"), put("z", ""));
  assert.equal(hash(store), 2161539666);
  apply(store, put("l", "v", lease));
  assert.equal(hash(store), 2008741774);
  apply(store, put("y", "3"), put("w", "3"));
  apply(store, remove("x", "z"));
  apply(store, remove("x", "~"));
  assert.equal(hash(store), 2147866916);
  assert.equal(hash(store, 9), 2161539666);

  store.compact(9 as Revision);
  assert.deepEqual(
    [13, 10, 11, 12].map((revision) => hash(store, revision)),
    [3203261027, 798408184, 478283111, 158997349],
  );
  while (store.reclaim(100));
  assert.deepEqual(
    [13, 10, 11, 12].map((revision) => hash(store, revision)),
    [3203261027, 798408184, 478283111, 158997349],
  );
  apply(store, put("last", "1"));
  assert.equal(hash(store), 4168266985);
  apply(store, remove("\0", "\xff"));
  assert.equal(hash(store), 3570505817, "where no key exists, what compactions left behind counts");
  apply(store, put("n", "1"));
  store.compact(14 as Revision);
  assert.deepEqual([hash(store), hash(store, 15)], [1079533861, 2720875180]);

  const copy = openStore();
  const restore = copy.restore();
  for (const piece of store.image()) restore.write(piece);
  restore.finish();
  assert.deepEqual([hash(copy), hash(copy, 15)], [1079533861, 2720875180], "an image keeps it");
});
