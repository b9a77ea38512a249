import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { Passwords, WebTokens } from "../../src/access/index.ts";

test("a password matches its own hash and no other", async () => {
  const passwords = new Passwords(4);
  const hash = await passwords.hash("pw");
  assert.notEqual(hash, await passwords.hash("pw"), "the salt differs");
  assert.equal(await passwords.matches("pw", hash), true);
  assert.equal(await passwords.matches("pW", hash), false);
  assert.equal(await passwords.matches("pw", ""), false);
  assert.match(hash, /^\$2a\$04\$/);
  assert.equal(await passwords.matches("pw", hash.replace("$04$", "$31$")), false, "too much work");
  await assert.rejects(passwords.hash("é".repeat(37)), { code: "PASSWORD_TOO_LONG" });
});

test("a password that etcd has hashed matches here", async () => {
  // What `etcdctl user add ok:pw` of etcd 3.6 has left in a snapshot.
  const hash = "$2a$10$H..8zW78ygt.mD9hZma69ONRoAdNUaf55BQl45pCpTSKWgSm8na9y";
  assert.equal(await new Passwords().matches("pw", hash), true);
  assert.equal(await new Passwords().matches("pw2", hash), false);
});

test("a password is hashed off the thread that asks: timers fire meanwhile", async () => {
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await new Passwords(10).hash("pw");
  clearInterval(timer);
  assert.ok(turns > 10, `${turns} turns while a password was hashed`);
});

const keys = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  PS384: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
} as const;

for (const [method, make] of Object.entries(keys)) {
  test(`a token signed with ${method} says who it was made for, and nobody can change it`, () => {
    const pair = make();
    const publicKey = Buffer.from(pair.publicKey.export({ type: "spki", format: "pem" }) as string);
    const privateKey = Buffer.from(pair.privateKey.export({ type: "pkcs8", format: "pem" }) as string);
    let now = 1_000_000;
    const tokens = new WebTokens({ method, publicKey, privateKey, ttlSeconds: 60 }, () => now);
    const token = tokens.make({ user: "alice", revision: 7 });
    assert.deepEqual(tokens.read(token), { user: "alice", revision: 7 });
    const [header, , signature] = token.split(".");
    const forged = Buffer.from(JSON.stringify({ username: "root", revision: 7 })).toString("base64url");
    assert.equal(tokens.read(`${header}.${forged}.${signature}`), undefined);
    const none = Buffer.from(JSON.stringify({ alg: "none" })).toString("base64url");
    assert.equal(tokens.read(`${none}.${forged}.`), undefined);
    assert.equal(tokens.read("no token"), undefined);
    const verifier = new WebTokens({ method, publicKey, ttlSeconds: 60 }, () => now);
    assert.deepEqual(verifier.read(token), { user: "alice", revision: 7 });
    assert.throws(() => verifier.make({ user: "alice", revision: 7 }), { code: "VERIFY_ONLY" });
    now += 60_000;
    assert.equal(tokens.read(token), undefined, "its time is over");
  });
}

test("a key that does not fit its method is refused at the start", () => {
  const { privateKey } = generateKeyPairSync("ed25519");
  const pem = Buffer.from(privateKey.export({ type: "pkcs8", format: "pem" }) as string);
  const open = (method: string) => () => new WebTokens({ method, privateKey: pem, ttlSeconds: 1 }, () => 0);
  assert.throws(open("RS256"), /RS256 needs a key of type rsa/);
  assert.throws(open("none"), /sign-method none is not known/);
});
