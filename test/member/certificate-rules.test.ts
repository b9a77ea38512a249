import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { type TestContext, test } from "node:test";
import { getCiphers } from "node:tls";
import { context, integer, sequence, time } from "../../src/auth/der.ts";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { opensslCiphers } from "../../src/cli/store/cipher-suites.ts";
import { certificateRules, readRevocationList } from "../../src/member/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const platform = nodePlatform();
const authority = createAuthority("rules", platform);
const certificateOf = (commonName: string) =>
  issueCertificate(
    authority,
    { commonName, dnsNames: ["localhost"], ipAddresses: ["127.0.0.1"], usages: ["server", "client"] },
    platform,
  );
const [alice, bob] = [certificateOf("alice"), certificateOf("bob")];

/** A list as `openssl ca -gencrl` writes it, but for the signature, at which nobody looks. */
function revocationList(...revoked: { cert: string }[]): Buffer {
  const entries = revoked.map(({ cert }) =>
    sequence(integer(Buffer.from(new X509Certificate(cert).serialNumber, "hex")), time(0)),
  );
  const dates = [time(0), time(1000)];
  const list = revoked.length === 0 ? [] : [sequence(...entries)];
  const extensions = context(0, sequence(), "constructed");
  return sequence(
    sequence(integer(Buffer.of(1)), sequence(), sequence(), ...dates, ...list, extensions),
    sequence(),
  );
}

/** Who is let in with this certificate: "in", or why not. */
async function calls(
  t: TestContext,
  rules: Partial<Parameters<typeof certificateRules>[0]>,
  caller: { cert: string; key: string },
) {
  const turnsAway = certificateRules({ commonNames: [], hostnames: [], revoked: new Set(), ...rules });
  const told = Promise.withResolvers<string>();
  const listener = await platform.network.listen(
    {
      host: "127.0.0.1",
      port: 0,
      tls: {
        ...alice,
        ca: authority.cert,
        clientCertificate: "require",
        turnsAway,
        onRejected: (_, reason) => told.resolve(reason),
      },
    },
    () => told.resolve("in"),
  );
  t.after(() => listener.close());
  const { stream } = await platform.network.connect({
    host: "127.0.0.1",
    port: listener.port,
    tls: { ...caller, ca: authority.cert },
  });
  const answer = await told.promise;
  if (answer !== "in") await once(stream, "close");
  stream.destroy();
  return answer;
}

test("who has a revoked certificate is turned away, and nobody else", async (t) => {
  const der = revocationList(bob);
  const pem = Buffer.from(`-----BEGIN X509 CRL-----\n${der.toString("base64")}\n-----END X509 CRL-----\n`);
  for (const file of [der, pem]) {
    const revoked = readRevocationList(file);
    assert.equal(await calls(t, { revoked }, alice), "in");
    assert.match(await calls(t, { revoked }, bob), /serial was revoked/);
  }
  assert.equal(readRevocationList(revocationList()).size, 0);
  for (const bytes of [Buffer.from("no list"), der.subarray(0, 40), Buffer.from(alice.cert)])
    assert.throws(() => readRevocationList(bytes), /no certificate revocation list/);
});

test("where names are given, a certificate must have one of them", async (t) => {
  assert.equal(await calls(t, { commonNames: ["carol", "bob"] }, bob), "in");
  assert.match(await calls(t, { commonNames: ["carol"] }, bob), /client certificate authentication failed/);
  assert.equal(await calls(t, { hostnames: ["example.org", "localhost"] }, bob), "in");
  assert.equal(await calls(t, { hostnames: ["127.0.0.1"] }, bob), "in");
  assert.match(
    await calls(t, { hostnames: ["example.org"] }, bob),
    /client certificate authentication failed/,
  );
});

test("cipher suites have Go's names, and are ones that OpenSSL has", () => {
  const given = [
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA",
    "TLS_RSA_WITH_AES_128_CBC_SHA256",
  ];
  const names = opensslCiphers(given).split(":");
  assert.deepEqual(names.slice(3), [
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-AES256-SHA",
    "AES128-SHA256",
  ]);
  const known = new Set(getCiphers());
  for (const name of names) assert.ok(known.has(name.toLowerCase()), name);
  assert.throws(
    () => opensslCiphers(["TLS_RSA_WITH_RC4_128_SHA"]),
    /unexpected TLS cipher suite "TLS_RSA_WITH_RC4_128_SHA"/,
  );
});
