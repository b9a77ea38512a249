import assert from "node:assert/strict";
import { createPrivateKey, generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { createAuthority, ecPrivateKeyPem, issueCertificate } from "../../src/auth/index.ts";
import type { Clock, Random } from "../../src/platform/index.ts";

const never = () => ({ cancel() {} });
const clock: Clock = { now: () => Date.UTC(2026, 0, 1), monotonic: () => 0, after: never, every: never };
let counter = 0;
const random: Random = {
  number: () => 0.5,
  bytes: (length) => new Uint8Array(length).fill(counter++),
  uuid: () => "00000000-0000-4000-8000-000000000000",
};

test("a leaf is signed by its authority, which is one, and by no other of the same name", () => {
  const authority = createAuthority("raftsman-ca", { clock, random });
  const other = createAuthority("raftsman-ca", { clock, random });
  const leaf = issueCertificate(authority, { commonName: "server", usages: ["server"] }, { clock, random });
  const parsed = new X509Certificate(leaf.cert);
  const issuer = new X509Certificate(authority.cert);
  assert.equal(issuer.ca, true);
  assert.equal(parsed.ca, false);
  assert.equal(parsed.checkIssued(issuer), true);
  assert.equal(parsed.verify(issuer.publicKey), true);
  assert.equal(parsed.verify(new X509Certificate(other.cert).publicKey), false);
});

test("a leaf carries its names, addresses, groups and usages", () => {
  const authority = createAuthority("raftsman-ca", { clock, random });
  const request = {
    commonName: "alice",
    organizations: ["dev", "system:masters"],
    dnsNames: ["localhost", "kubernetes.default.svc"],
    ipAddresses: ["127.0.0.1", "::1", "2001:db8::8:800:200c:417a"],
    usages: ["server", "client"] as const,
  };
  const leaf = new X509Certificate(issueCertificate(authority, request, { clock, random }).cert);
  assert.equal(leaf.subject, "O=dev\nO=system:masters\nCN=alice");
  assert.equal(leaf.checkHost("localhost"), "localhost");
  assert.equal(leaf.checkHost("example.com"), undefined);
  for (const address of request.ipAddresses) assert.equal(leaf.checkIP(address), address);
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
});

test("a leaf is valid from a little before now, for a year; an authority for ten", () => {
  const authority = createAuthority("raftsman-ca", { clock, random });
  const leaf = issueCertificate(authority, { commonName: "x", usages: ["client"] }, { clock, random });
  assert.equal(new X509Certificate(leaf.cert).validFrom, "Dec 31 23:00:00 2025 GMT");
  assert.equal(new X509Certificate(leaf.cert).validTo, "Jan  1 00:00:00 2027 GMT");
  assert.equal(new X509Certificate(authority.cert).validTo, "Dec 30 00:00:00 2035 GMT");
});

test("a key says in its first line that it is an elliptic curve's, and a key of another kind stays as it is", () => {
  const { key } = createAuthority("raftsman-ca", { clock, random });
  const named = ecPrivateKeyPem(key);
  assert.match(named, /^-----BEGIN EC PRIVATE KEY-----\n/);
  assert.equal(createPrivateKey(named).equals(createPrivateKey(key)), true);
  assert.equal(ecPrivateKeyPem(named), named);
  const { privateKey } = generateKeyPairSync("ed25519");
  const other = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
  assert.equal(ecPrivateKeyPem(other), other);
});
