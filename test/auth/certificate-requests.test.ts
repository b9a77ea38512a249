import assert from "node:assert/strict";
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import {
  CertificateRequestError,
  createAuthority,
  kubeletClientProblem,
  kubeletServingProblem,
  parseCertificateRequest,
  signCertificateRequest,
} from "../../src/auth/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { makeRequest } from "./make-request.ts";

const { clock, random } = nodePlatform();
const hourMs = 3_600_000;

test("a request tells its subject and names, whatever its key", () => {
  for (const keys of [
    generateKeyPairSync("rsa", { modulusLength: 2048 }),
    generateKeyPairSync("ec", { namedCurve: "P-384" }),
  ]) {
    const { base64 } = makeRequest({
      commonName: "alice",
      organizations: ["dev", "ops"],
      dnsNames: ["a.example"],
      keys,
    });
    const request = parseCertificateRequest(base64);
    assert.equal(request.commonName, "alice");
    assert.deepEqual(request.organizations, ["dev", "ops"]);
    assert.deepEqual(
      request.alternativeNames.map(({ type, value }) => [type, Buffer.from(value).toString()]),
      [["dns", "a.example"]],
    );
  }
});

test("a signed request is a certificate of its key and subject, for the usages and the time that were granted", () => {
  const authority = createAuthority("ca", { clock, random });
  const { base64, key } = makeRequest({
    commonName: "alice",
    organizations: ["dev"],
    dnsNames: ["a.example"],
  });
  const now = Date.UTC(2026, 5, 1);
  const sign = (lifeMs: number) =>
    new X509Certificate(
      signCertificateRequest(
        authority,
        parseCertificateRequest(base64),
        { usages: ["client auth", "server auth", "digital signature", "key encipherment"], lifeMs, now },
        { random },
      ),
    );
  const leaf = sign(hourMs);
  assert.equal(leaf.verify(new X509Certificate(authority.cert).publicKey), true);
  assert.equal(leaf.checkIssued(new X509Certificate(authority.cert)), true);
  assert.equal(leaf.subject, "O=dev\nCN=alice");
  assert.equal(leaf.checkHost("a.example"), "a.example");
  assert.equal(leaf.ca, false);
  assert.deepEqual(leaf.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
  assert.equal(leaf.validFromDate.getTime(), now - 300_000);
  assert.equal(leaf.validToDate.getTime(), now + hourMs);
  assert.equal(sign(24 * hourMs).validToDate.getTime(), now + 24 * hourMs - 300_000);
  const forever = sign(50 * 365 * 24 * hourMs);
  assert.equal(
    forever.validTo,
    new X509Certificate(authority.cert).validTo,
    "no leaf outlives its authority",
  );
  assert.match(key, /PRIVATE KEY/);
});

test("a request is signed with SHA-1 too, which proves as well who has the key", () => {
  for (const keys of [
    generateKeyPairSync("rsa", { modulusLength: 1024 }),
    generateKeyPairSync("ec", { namedCurve: "P-256" }),
  ]) {
    const { base64 } = makeRequest({ commonName: "alice", keys, digest: "sha1" });
    assert.equal(parseCertificateRequest(base64).commonName, "alice");
  }
});

test("a request that another key has signed, or that was changed, is refused", () => {
  const stranger = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const forged = makeRequest({ commonName: "x", signer: stranger.privateKey });
  assert.throws(
    () => parseCertificateRequest(forged.base64),
    /the signature of the certificate request is not valid/,
  );
  const { pem } = makeRequest({ commonName: "alice" });
  const der = Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64");
  for (let at = 0; at < der.length; at += 3) {
    const changed = Buffer.from(der);
    changed[at] = (changed[at] as number) ^ 0x55;
    const text = `-----BEGIN CERTIFICATE REQUEST-----\n${changed.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`;
    assert.throws(
      () => parseCertificateRequest(Buffer.from(text).toString("base64")),
      CertificateRequestError,
      `byte ${at}`,
    );
  }
});

test("whatever is sent as a request, the answer is one kind of error", () => {
  const wrapped = (bytes: Uint8Array): string =>
    Buffer.from(
      `-----BEGIN CERTIFICATE REQUEST-----\n${Buffer.from(bytes).toString("base64")}\n-----END CERTIFICATE REQUEST-----`,
    ).toString("base64");
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.uint8Array({ maxLength: 200 }).map(wrapped)), (text) => {
      assert.throws(() => parseCertificateRequest(text), CertificateRequestError);
    }),
  );
  const nested = Buffer.concat(
    Array.from({ length: 5000 }, () => Buffer.of(0x30, 0x84, 0x00, 0x00, 0xff, 0xff)),
  );
  assert.throws(() => parseCertificateRequest(wrapped(nested)), CertificateRequestError);
});

test("kubelets' certificates are of system:nodes, named as the node, and for one purpose", () => {
  const of = (options: Parameters<typeof makeRequest>[0]) =>
    parseCertificateRequest(makeRequest(options).base64);
  const node = { commonName: "system:node:a", organizations: ["system:nodes"] };
  const client = ["digital signature", "client auth"];
  assert.equal(kubeletClientProblem(of(node), client), undefined);
  assert.equal(kubeletClientProblem(of(node), [...client, "key encipherment"]), undefined);
  assert.equal(
    kubeletClientProblem(of({ ...node, organizations: ["dev"] }), client),
    "subject organization is not system:nodes",
  );
  assert.equal(
    kubeletClientProblem(of({ ...node, dnsNames: ["x"] }), client),
    "DNS subjectAltNames are not allowed",
  );
  assert.equal(
    kubeletClientProblem(of({ ...node, commonName: "a" }), client),
    "subject common name does not begin with system:node:",
  );
  assert.equal(
    kubeletClientProblem(of(node), [...client, "server auth"]),
    "usages did not match [client auth digital signature key encipherment]",
  );
  const server = ["digital signature", "server auth"];
  assert.equal(kubeletServingProblem(of({ ...node, dnsNames: ["x"] }), server), undefined);
  assert.equal(kubeletServingProblem(of(node), server), "DNS or IP subjectAltName is required");
});
