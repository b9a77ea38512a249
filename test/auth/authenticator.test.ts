import assert from "node:assert/strict";
import { test } from "node:test";
import { anonymous, createAuthenticator, createAuthorizer } from "../../src/auth/index.ts";

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

test("only system:masters may touch resources; discovery is for everybody known, health for everybody", () => {
  const { authorize } = createAuthorizer();
  const resource = { group: "", resource: "pods", subresource: "", namespace: "default", name: "" };
  const may = (groups: string[], path: string, withResource = false): boolean =>
    authorize({ user: { name: "x", groups }, verb: "get", path, ...(withResource ? { resource } : {}) })
      .allowed;
  assert.equal(may(["system:masters"], "/api/v1/namespaces/default/pods", true), true);
  assert.equal(may(["system:authenticated"], "/api/v1/namespaces/default/pods", true), false);
  assert.equal(may(["system:authenticated"], "/apis/apps/v1"), true);
  assert.equal(may(["system:unauthenticated"], "/apis/apps/v1"), false);
  assert.equal(may(["system:unauthenticated"], "/readyz"), true);
  assert.equal(may(["system:authenticated"], "/metrics"), false);
});
