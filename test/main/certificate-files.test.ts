import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { test } from "node:test";
import { ensurePki, preparePki } from "../../src/main/certificates/pki.ts";
import { type Disk, nodePlatform, type Platform } from "../../src/platform/index.ts";

const names = { hosts: [], serviceAddress: "10.96.0.1" };

/** Files in memory, of which the disk takes so many more before it fails. */
function platformOf(files: Map<string, string>, writesMax: number): Platform {
  let left = writesMax;
  const disk: Partial<Disk> = {
    makeDirectory: async () => {},
    exists: async (path) => files.has(path),
    readFile: async (path) => Buffer.from(files.get(path) ?? ""),
    replaceFile: async (path, content) => {
      if (left-- <= 0) throw new Error("the disk is gone");
      files.set(path, Buffer.from(content).toString());
    },
  };
  return { ...nodePlatform(), disk: disk as Disk };
}

test("whenever the disk stops taking new certificates, the next start has all, and each fits its key and its authority", async () => {
  for (let writesMax = 0; ; writesMax++) {
    const files = new Map<string, string>();
    const { keep } = await preparePki(platformOf(files, writesMax), "pki", names);
    const failed = await keep().then(
      () => false,
      () => true,
    );
    const pki = await ensurePki(platformOf(files, 100), "pki", names);
    const again = await ensurePki(platformOf(files, 0), "pki", names);
    assert.deepEqual(again, pki, `after ${writesMax} writes something was not kept`);
    for (const [path, text] of files) {
      if (!path.endsWith(".crt")) continue;
      const certificate = new X509Certificate(text);
      const key = createPrivateKey(files.get(path.replace(/crt$/, "key")) ?? "");
      assert.ok(certificate.checkPrivateKey(key), `${path} after ${writesMax} writes`);
    }
    const authority = new X509Certificate(pki.apiCa);
    for (const { cert } of [pki.apiServer, pki.admin])
      assert.ok(new X509Certificate(cert).checkIssued(authority), `after ${writesMax} writes`);
    for (const { cert, ca } of [pki.peer, pki.storeServer, pki.storeClient])
      assert.ok(new X509Certificate(cert).verify(new X509Certificate(ca ?? "").publicKey));
    if (!failed) return;
  }
});

test("nothing has to be durable before the certificates can be used", async () => {
  const { pki, keep } = await preparePki(platformOf(new Map(), 0), "pki", names);
  assert.ok(new X509Certificate(pki.apiServer.cert).checkIssued(new X509Certificate(pki.apiCa)));
  await assert.rejects(keep(), /the disk is gone/);
});
