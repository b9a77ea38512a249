import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AccessControl, type Permission, Tokens } from "../../src/access/index.ts";
import { KeyRanges } from "../../src/access/key-ranges.ts";
import { fromUtf8, type LeaseId, noLease, utf8 } from "../../src/base/index.ts";
import { anonymous, type Caller, type Op, revisionOfNow, type Txn } from "../../src/kv/index.ts";

function control(): { access: AccessControl; tokens: Tokens; pass(milliseconds: number): void } {
  let now = 0;
  const tokens = new Tokens({ ttlSeconds: 300, monotonic: () => now });
  const access = new AccessControl(tokens);
  access.apply({ action: "add-user", user: "root", passwordHash: "r", noPassword: false });
  access.apply({ action: "grant-role", user: "root", role: "root" });
  access.apply({ action: "add-user", user: "alice", passwordHash: "a", noPassword: false });
  access.apply({ action: "add-role", role: "reader" });
  access.apply({ action: "grant-role", user: "alice", role: "reader" });
  grant(access, "read", "a", "c");
  grant(access, "write", "m");
  access.apply({ action: "enable" });
  return {
    access,
    tokens,
    pass: (milliseconds) => {
      now += milliseconds;
    },
  };
}

function grant(access: AccessControl, type: Permission["type"], key: string, rangeEnd = ""): void {
  const permission = { type, key: utf8(key), rangeEnd: utf8(rangeEnd) };
  access.apply({ action: "grant-permission", role: "reader", permission });
}

const alice: Caller = { user: "alice", revision: revisionOfNow };
const put = (key: string, options: { lease?: LeaseId; prevKv?: boolean } = {}): Op => ({
  type: "put",
  key: utf8(key),
  value: utf8("1"),
  lease: noLease,
  ...options,
});
const txn = (...success: Op[]): Txn => ({ compare: [], success, failure: [] });
const noKeys = () => [];

test("a transaction is refused for what any branch at any depth may do", () => {
  const { access } = control();
  const check = (one: Txn) => () => access.requireTxn(alice, one, noKeys);
  const denied = { code: "PERMISSION_DENIED" };
  assert.doesNotThrow(check(txn(put("m"))));
  assert.throws(check(txn(put("m"), put("n"))), denied);
  assert.throws(check({ compare: [], success: [], failure: [put("n")] }), denied);
  let nested: Op = put("secret");
  for (let depth = 0; depth < 20; depth++) nested = { type: "txn", ...txn(nested) };
  assert.throws(check(txn(nested)), denied);
  const compare = { key: utf8("secret"), target: "version", result: "equal", version: 1 } as const;
  assert.throws(check({ ...txn(), compare: [compare] }), denied);
  assert.throws(check(txn(put("m", { prevKv: true }))), denied, "what was there before is a read");
  assert.throws(check(txn({ type: "delete", key: utf8("m"), prevKv: true })), denied);
});

test("nobody hangs keys on a lease that owns keys they may not write", () => {
  const { access } = control();
  const op = put("m", { lease: 7n as LeaseId });
  assert.doesNotThrow(() => access.requireTxn(alice, txn(op), () => [utf8("m")]));
  assert.throws(() => access.requireTxn(alice, txn(op), () => [utf8("secret")]), {
    code: "PERMISSION_DENIED",
  });
});

test("a caller recognised before users changed is told to come again", () => {
  const { access } = control();
  const early = { user: "alice", revision: access.revision };
  access.requireRead(early, { key: utf8("a") });
  grant(access, "read", "x");
  assert.throws(() => access.requireRead(early, { key: utf8("a") }), { code: "AUTH_OLD_REVISION" });
  assert.throws(() => access.requireRead(anonymous, { key: utf8("a") }), { code: "USER_EMPTY" });
});

test("a token is good until it is not used for its time, its user's password changes, or all is switched off", () => {
  const { access, tokens, pass } = control();
  const login = (token: string) =>
    access.apply({ action: "authenticate", user: "alice", token, revision: access.revision });
  login("t1");
  pass(299_000);
  assert.equal(tokens.use("t1"), "alice");
  pass(299_000);
  assert.equal(tokens.use("t1"), "alice");
  pass(300_000);
  assert.equal(tokens.use("t1"), undefined);
  login("t2");
  access.apply({ action: "change-password", user: "alice", passwordHash: "b" });
  assert.equal(tokens.use("t2"), undefined);
  login("t3");
  access.apply({ action: "disable" });
  assert.equal(tokens.use("t3"), undefined);
});

test("a login that was checked before users changed does not count", () => {
  const { access } = control();
  const { revision } = access;
  access.apply({ action: "change-password", user: "alice", passwordHash: "b" });
  const login = { action: "authenticate", user: "alice", token: "t", revision } as const;
  assert.throws(() => access.apply(login), { code: "AUTH_OLD_REVISION" });
});

test("an image brings back who may do what", () => {
  const { access } = control();
  const restored = new AccessControl(new Tokens({ ttlSeconds: 1, monotonic: () => 0 }));
  restored.restore(access.image());
  assert.equal(fromUtf8(restored.image()), fromUtf8(access.image()));
  assert.equal(restored.enabled, true);
  restored.requireRead(alice, { key: utf8("b") });
  assert.throws(() => restored.requireRead(alice, { key: utf8("c") }), { code: "PERMISSION_DENIED" });
});

test("a set of ranges covers a range exactly when it covers every key of it", () => {
  const byte = fc.integer({ min: 0, max: 8 });
  const range = fc.tuple(byte, byte).map(([a, b]) => ({ from: Math.min(a, b), to: Math.max(a, b) + 1 }));
  const key = (n: number) => Uint8Array.of(10 + n);
  const asked = fc.tuple(range, fc.boolean());
  fc.assert(
    fc.property(fc.array(range, { maxLength: 5 }), asked, (granted, [{ from, to }, single]) => {
      const ranges = new KeyRanges(granted.map((one) => ({ key: key(one.from), rangeEnd: key(one.to) })));
      const wanted = single ? [from] : Array.from({ length: to - from }, (_, i) => from + i);
      const expected = wanted.every((n) => granted.some((one) => n >= one.from && n < one.to));
      assert.equal(
        ranges.covers(single ? { key: key(from) } : { key: key(from), rangeEnd: key(to) }),
        expected,
      );
    }),
  );
  const all = new KeyRanges([{ key: Uint8Array.of(0), rangeEnd: Uint8Array.of(0) }]);
  assert.ok(all.covers({ key: utf8("a"), rangeEnd: Uint8Array.of(0) }));
});

test("a range that ends before it begins is allowed where its first key is, as in etcd", () => {
  const ranges = new KeyRanges([{ key: utf8("b"), rangeEnd: utf8("d") }]);
  const covers = (key: string, rangeEnd: string) =>
    ranges.covers({ key: utf8(key), rangeEnd: utf8(rangeEnd) });
  assert.equal(covers("c", "a"), true);
  assert.equal(covers("b", "b"), true);
  assert.equal(covers("zz", "c"), false);
  assert.equal(covers("a", ""), false);
});
