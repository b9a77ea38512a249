import assert from "node:assert/strict";
import { test } from "node:test";
import { anonymous, createAuthenticator, parseTokenFile, staticTokens } from "../../src/auth/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const audiences = ["https://here"];
const alice = { token: "secret", user: { name: "alice", groups: ["dev"] } };
const clock = new ManualClock();
const authenticator = createAuthenticator({ tokens: [staticTokens([alice], audiences)], audiences, clock });
const peerCertificate = { commonName: "bob", organizations: ["ops"], raw: new Uint8Array() };

test("a client certificate's CN is the user, its organizations are the groups, and its fingerprint names it", async () => {
  const user = await authenticator.authenticate({ peerCertificate });
  assert.deepEqual(user, {
    name: "bob",
    groups: ["ops", "system:authenticated"],
    extra: {
      "authentication.kubernetes.io/credential-id": [
        "X509SHA256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      ],
    },
  });
});

test("a bearer token is its user, whatever the case of the scheme", async () => {
  const user = { name: "alice", groups: ["dev", "system:authenticated"] };
  assert.deepEqual(await authenticator.authenticate({ authorization: "Bearer secret" }), user);
  assert.deepEqual(await authenticator.authenticate({ authorization: "bearer secret" }), user);
});

test("a token that nobody has is refused; no token, or another scheme, is the anonymous user", async () => {
  assert.equal(await authenticator.authenticate({ authorization: "Bearer secre" }), undefined);
  assert.equal(
    await authenticator.authenticate({ authorization: `Bearer ${"x".repeat(1_000_000)}` }),
    undefined,
  );
  assert.equal(await authenticator.authenticate({}), anonymous);
  assert.equal(await authenticator.authenticate({ authorization: "Basic YTpi" }), anonymous);
});

test("without anonymous access who shows nothing is refused", async () => {
  const closed = createAuthenticator({ tokens: [], audiences, clock, anonymousAuth: false });
  assert.equal(await closed.authenticate({}), undefined);
});

test("a good certificate wins over a bad token", async () => {
  const user = await authenticator.authenticate({ peerCertificate, authorization: "Bearer nope" });
  assert.equal(user?.name, "bob");
});

test("a good token is not looked at again for some seconds, and is after them", async () => {
  let looks = 0;
  const counting = {
    authenticate() {
      looks++;
      return { user: { name: "x", groups: [] }, audiences };
    },
  };
  const timed = new ManualClock();
  const cached = createAuthenticator({ tokens: [counting], audiences, clock: timed });
  const request = { authorization: "Bearer t" };
  await cached.authenticate(request);
  assert.ok(!(cached.authenticate(request) instanceof Promise));
  assert.equal(looks, 1);
  timed.advance(10_001);
  await cached.authenticate(request);
  assert.equal(looks, 2);
});

test("a file of tokens has users, uids and quoted groups, and names the line that it cannot read", () => {
  assert.deepEqual(parseTokenFile('# people\nt1,alice,u1,"dev,ops"\r\n\n"t""2",bob,u2\nt3,eve,,one'), [
    { token: "t1", user: { name: "alice", uid: "u1", groups: ["dev", "ops"] } },
    { token: 't"2', user: { name: "bob", uid: "u2", groups: [] } },
    { token: "t3", user: { name: "eve", groups: ["one"] } },
  ]);
  assert.throws(() => parseTokenFile("t1,alice,u1\nt2,bob"), /line 2: token,user,uid/);
  assert.throws(() => parseTokenFile('t1,alice,"u1'), /line 1/);
  assert.throws(() => parseTokenFile(",alice,u1"), /line 1: the token is empty/);
});
