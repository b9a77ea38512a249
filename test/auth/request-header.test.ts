import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createAuthenticator, createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const platform = nodePlatform();
const [clients, proxies, stranger] = await Promise.all(
  ["clients", "proxies", "strangers"].map((name) => createAuthority(name, platform)),
);
assert.ok(clients && proxies && stranger);

async function certificate(authority: typeof proxies, commonName: string, organizations: string[] = []) {
  const { cert } = await issueCertificate(
    authority as NonNullable<typeof proxies>,
    { commonName, organizations, usages: ["client"] },
    platform,
  );
  return { commonName, organizations, raw: new Uint8Array(new X509Certificate(cert).raw) };
}

const authenticator = createAuthenticator({
  tokens: [],
  audiences: [],
  clock: platform.clock,
  clientCa: clients.cert,
  requestHeader: {
    ca: proxies.cert,
    allowedNames: ["front"],
    usernameHeaders: ["X-Remote-User"],
    uidHeaders: ["X-Remote-Uid"],
    groupHeaders: ["X-Remote-Group"],
    extraHeaderPrefixes: ["X-Remote-Extra-"],
  },
});
const told = new Map([
  ["x-remote-user", ["jane"]],
  ["x-remote-uid", ["42"]],
  ["x-remote-group", ["dev,ops", "qa"]],
  ["x-remote-extra-acme.com%2fproject", ["one"]],
]);
const headers = () => told;

test("a proxy with its certificate says who asks, in headers that may hold commas", async () => {
  const user = await authenticator.authenticate({
    peerCertificate: await certificate(proxies, "front"),
    headers,
  });
  assert.deepEqual(
    { ...user, extra: { ...user?.extra } },
    {
      name: "jane",
      uid: "42",
      groups: ["dev,ops", "qa", "system:authenticated"],
      extra: { "acme.com/project": ["one"] },
    },
  );
});

test("the same headers from anybody else change nothing", async () => {
  const bob = await authenticator.authenticate({
    peerCertificate: await certificate(clients, "front", ["ops"]),
    headers,
  });
  assert.equal(bob?.name, "front");
  assert.deepEqual(bob?.groups, ["ops", "system:authenticated"]);
  assert.equal((await authenticator.authenticate({ headers }))?.name, "system:anonymous");
});

test("a certificate of the proxies' authority is good for nothing but speaking for others, under a name that is allowed", async () => {
  const other = await certificate(proxies, "somebody", ["system:masters"]);
  assert.equal(await authenticator.authenticate({ peerCertificate: other, headers }), undefined);
  const silent = await certificate(proxies, "front", ["system:masters"]);
  assert.equal(await authenticator.authenticate({ peerCertificate: silent }), undefined);
});

test("what a peer sends along with its certificate does not make it another authority's", async () => {
  // Named as who signed the peer's, signed by the proxies' authority: a chain by names alone would go by it.
  const posing = await certificate(proxies, "clients");
  const peer = await certificate(clients, "front");
  const user = await authenticator.authenticate({
    peerCertificate: { ...peer, sentAlong: () => [posing.raw] },
    headers,
  });
  assert.equal(user?.name, "front");
  const unknown = await certificate(stranger, "front");
  assert.equal(await authenticator.authenticate({ peerCertificate: unknown, headers }), undefined);
});
