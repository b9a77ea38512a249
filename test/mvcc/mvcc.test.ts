import assert from "node:assert/strict";
import { test } from "node:test";
import { type LeaseId, noLease, type Revision, utf8 } from "../../src/base/index.ts";
import { KvError, type KvErrorCode, type Op, type PutOp, type Txn } from "../../src/kv/index.ts";
import { checkTxn, createMvcc, type Mvcc } from "../../src/mvcc/index.ts";

function open(known: readonly bigint[] = []): Mvcc {
  return createMvcc({ leases: { has: (id) => known.includes(id), attach: () => {}, detach: () => {} } });
}

function put(key: string, value = "v", options: Partial<PutOp> = {}): PutOp {
  return { type: "put", key: utf8(key), value: utf8(value), lease: noLease, ...options };
}

function txn(...success: Op[]): Txn {
  return { compare: [], success, failure: [] };
}

function refused(code: KvErrorCode, message: string): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof KvError);
    assert.deepEqual([error.code, error.message], [code, message]);
    return true;
  };
}

test("an empty store is at revision 1, a write raises it by one, what changes nothing does not", () => {
  const store = open();
  assert.deepEqual([store.revision, store.compactRevision], [1, 0]);
  assert.equal(store.apply(txn(put("a"), put("b"))).revision, 2);
  assert.equal(store.apply(txn({ type: "range", key: utf8("a") })).revision, 2);
  const missing = store.apply(txn({ type: "delete", key: utf8("missing") }));
  assert.deepEqual([missing.revision, missing.changes], [2, 0]);
  assert.equal(store.deleteKeys([utf8("a"), utf8("missing"), utf8("b")]).revision, 3);
  assert.equal(store.deleteKeys([utf8("a")]).revision, 3);
});

test("a key that comes back is a new key", () => {
  const store = open();
  for (const op of [put("a", "1"), put("a", "2"), { type: "delete", key: utf8("a") } as Op, put("a", "3")])
    store.apply(txn(op));
  const at = (revision: number) => {
    const [kv] = store.range({ key: utf8("a"), revision: revision as Revision }).kvs;
    return kv && [Buffer.from(kv.value).toString(), kv.createRevision, kv.modRevision, kv.version];
  };
  assert.deepEqual([2, 3, 4, 5].map(at), [["1", 2, 2, 1], ["2", 2, 3, 2], undefined, ["3", 5, 5, 1]]);
});

test("refusals have etcd's words", () => {
  const store = open([5n]);
  store.apply(txn(put("a")));
  store.apply(txn(put("a")));
  const future = refused("FUTURE_REVISION", "etcdserver: mvcc: required revision is a future revision");
  const compacted = refused("COMPACTED", "etcdserver: mvcc: required revision has been compacted");
  const ranged = (revision: number): Op => ({
    type: "range",
    key: utf8("a"),
    revision: revision as Revision,
  });
  assert.throws(() => store.range({ key: utf8("a"), revision: 4 as Revision }), future);
  assert.throws(() => store.apply(txn(put("b"), ranged(4))), future);
  assert.throws(() => store.compact(4 as Revision), future);
  assert.throws(() => store.hash(4 as Revision), future);
  store.compact(3 as Revision);
  assert.throws(() => store.range({ key: utf8("a"), revision: 2 as Revision }), compacted);
  assert.throws(() => store.apply(txn(put("b"), ranged(2))), compacted);
  assert.throws(() => store.compact(3 as Revision), compacted);
  assert.throws(() => store.compact(0 as Revision), compacted);
  assert.throws(() => store.changesSince(2 as Revision), compacted);
  assert.throws(() => store.hash(2 as Revision), compacted);
  assert.throws(
    () => store.apply(txn(put("b"), put("none", "", { ignoreValue: true }))),
    refused("KEY_NOT_FOUND", "etcdserver: key not found"),
  );
  assert.throws(
    () => store.apply(txn(put("b"), put("a", "", { lease: 9n as LeaseId }))),
    refused("LEASE_NOT_FOUND", "etcdserver: requested lease not found"),
  );
  assert.throws(
    () => store.apply({ ...txn(), failure: [put("b"), put("b")] }),
    refused("DUPLICATE_KEY", "etcdserver: duplicate key given in txn request"),
  );
  assert.equal(store.revision, 3);
  assert.equal(store.range({ key: utf8("b") }).count, 0);
});

test("COMPACTED says from where on there is something to read", () => {
  const store = open();
  for (let i = 0; i < 5; i++) store.apply(txn(put("a")));
  store.compact(4 as Revision);
  assert.throws(
    () => store.changesSince(3 as Revision),
    (error) => error instanceof KvError && error.compactRevision === 4,
  );
  assert.equal(store.changesSince(4 as Revision).next(), true);
});

test("a transaction has as many operations as a level may have, less those of the levels above", () => {
  const ranges = (count: number): Op[] =>
    Array.from({ length: count }, () => ({ type: "range", key: utf8("a") }));
  const tooMany = refused("TOO_MANY_OPS", "etcdserver: too many operations in txn request");
  checkTxn(txn(...ranges(128)));
  assert.throws(() => checkTxn(txn(...ranges(129))), tooMany);
  assert.throws(() => checkTxn({ ...txn(), failure: ranges(129) }), tooMany);
  checkTxn(txn({ type: "txn", ...txn(...ranges(127)) }));
  assert.throws(() => checkTxn(txn({ type: "txn", ...txn(...ranges(128)) })), tooMany);
  let deep = txn();
  for (let depth = 0; depth < 100_000; depth++) deep = txn({ type: "txn", ...deep });
  assert.throws(() => checkTxn(deep), tooMany);
  const wide = (depth: number): Txn =>
    txn(
      ...Array.from(
        { length: 30 },
        (_, i): Op => (depth === 0 ? put(`${i}`) : { type: "txn", ...wide(depth - 1) }),
      ),
    );
  assert.throws(() => checkTxn(wide(2)), tooMany);
});

test("what is stored is a copy, and what is handed out is one object's bytes for ever", () => {
  const store = open();
  const key = utf8("key");
  const value = utf8("value");
  store.apply(txn({ ...put(""), key, value }));
  key.fill(0);
  value.fill(0);
  const [kv] = store.range({ key: utf8("key") }).kvs;
  assert.equal(Buffer.from(kv?.value ?? []).toString(), "value");
  store.apply(txn(put("key", "other")));
  assert.equal(Buffer.from(kv?.value ?? []).toString(), "value");
  assert.equal(Buffer.from(kv?.key ?? []).toString(), "key");
});

test("keys named like properties of an object are keys like others", () => {
  const store = open();
  const names = ["__proto__", "constructor", "hasOwnProperty", "toString"];
  store.apply(txn(...names.map((name) => put(name, name))));
  for (const name of names)
    assert.equal(Buffer.from(store.range({ key: utf8(name) }).kvs[0]?.value ?? []).toString(), name);
  assert.throws(() => store.apply(txn(put("__proto__"), put("__proto__"))), { code: "DUPLICATE_KEY" });
});

test("a cursor goes on with what came since, and says so when what it stands on was compacted", () => {
  const store = open();
  store.apply(txn(put("a"), put("b")));
  const cursor = store.changesSince(1 as Revision);
  const seen: string[] = [];
  const walk = () => {
    while (cursor.next()) seen.push(`${cursor.type} ${Buffer.from(cursor.key)} ${cursor.revision}`);
  };
  walk();
  store.apply(txn({ type: "delete", key: utf8("a") }));
  walk();
  assert.deepEqual(seen, ["put a 2", "put b 2", "delete a 3"]);
  for (let i = 0; i < 5; i++) store.apply(txn(put("c")));
  store.compact(6 as Revision);
  assert.throws(() => cursor.next(), { code: "COMPACTED" });
});
