import assert from "node:assert/strict";
import { test } from "node:test";
import { anonymous, createAuthenticator } from "../../src/auth/index.ts";

const authenticator = createAuthenticator({
  tokens: [{ token: "secret", user: { name: "alice", groups: ["dev"] } }],
});
const peerCertificate = { commonName: "bob", organizations: ["ops"], raw: new Uint8Array() };

test("a client certificate's CN is the user and its organizations are the groups", () => {
  const user = authenticator.authenticate({ peerCertificate });
  assert.deepEqual(user, { name: "bob", groups: ["ops", "system:authenticated"] });
});

test("a bearer token is its user, whatever the case of the scheme", () => {
  const user = { name: "alice", groups: ["dev", "system:authenticated"] };
  assert.deepEqual(authenticator.authenticate({ authorization: "Bearer secret" }), user);
  assert.deepEqual(authenticator.authenticate({ authorization: "bearer secret" }), user);
});

test("a token that nobody has is refused; no token, or another scheme, is the anonymous user", () => {
  assert.equal(authenticator.authenticate({ authorization: "Bearer secre" }), undefined);
  assert.equal(authenticator.authenticate({ authorization: `Bearer ${"x".repeat(100_000)}` }), undefined);
  assert.equal(authenticator.authenticate({}), anonymous);
  assert.equal(authenticator.authenticate({ authorization: "Basic YTpi" }), anonymous);
});

test("a good certificate wins over a bad token", () => {
  assert.equal(authenticator.authenticate({ peerCertificate, authorization: "Bearer nope" })?.name, "bob");
});
