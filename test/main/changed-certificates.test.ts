import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { test } from "node:test";
import * as tls from "node:tls";
import { createAuthenticator, createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { silentLog } from "../../src/client/index.ts";
import { followCertificates, servingMaterial } from "../../src/main/certificates/follow.ts";
import type { ApiPki } from "../../src/main/certificates/pki.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const platform = nodePlatform();

function newAuthority(name: string) {
  const authority = createAuthority(name, platform);
  const leaf = (commonName: string, usage: "server" | "client") =>
    issueCertificate(authority, { commonName, ipAddresses: ["127.0.0.1"], usages: [usage] }, platform);
  return { ca: authority.cert, leaf };
}

test("changed certificates count for new connections, and what does not fit leaves those of before", async () => {
  const [before, after] = [newAuthority("before"), newAuthority("after")];
  const pki: ApiPki = {
    apiServer: before.leaf("server", "server"),
    clientCa: before.ca,
    rootCa: undefined,
    signer: undefined,
    kubeletClient: undefined,
    frontProxy: undefined,
    requestHeader: undefined,
    serviceAccountKey: undefined,
  };
  const authenticator = createAuthenticator({
    tokens: [],
    audiences: [],
    clock: platform.clock,
    clientCa: before.ca,
  });
  const listener = await platform.network.listen(
    { host: "127.0.0.1", port: 0, tls: { ...servingMaterial(pki), clientCertificate: "request" } },
    (connection) => {
      const { peerCertificate, peerCertificateError } = connection;
      const user = authenticator.authenticate({ peerCertificate, peerCertificateError });
      void Promise.resolve(user).then((found) => connection.stream.end(found?.name ?? "nobody"));
    },
  );
  /** Who serves, and who the server says asks. */
  const ask = async (shown: tls.ConnectionOptions): Promise<string[]> => {
    const socket = tls.connect({
      host: "127.0.0.1",
      port: listener.port,
      rejectUnauthorized: false,
      ...shown,
    });
    socket.setEncoding("utf8");
    let answer = "";
    socket.on("data", (text: string) => (answer += text));
    await once(socket, "secureConnect");
    const issuer = new X509Certificate(socket.getPeerCertificate().raw).issuer;
    await once(socket, "end");
    socket.destroy();
    return [issuer, answer];
  };
  const clock = new ManualClock();
  let files = pki;
  const seen: string[] = [];
  const told: ApiPki[] = [];
  let looked = Promise.withResolvers<void>();
  const note = (message: string): void => {
    seen.push(message);
    looked.resolve();
  };
  const following = followCertificates({
    clock,
    log: {
      ...silentLog,
      info: note,
      error: note,
    },
    pki,
    reread: async () => files,
    use(current) {
      authenticator.trust(current);
      listener.renewTls?.(servingMaterial(current));
    },
    onUsed: (current) => told.push(current),
  });
  const change = async (to: ApiPki): Promise<void> => {
    files = to;
    looked = Promise.withResolvers();
    clock.advance(60_000);
    await looked.promise;
  };
  const [old, fresh] = [before.leaf("old", "client"), after.leaf("fresh", "client")];
  try {
    assert.deepEqual(await ask(old), ["CN=before", "old"]);
    assert.deepEqual(await ask(fresh), ["CN=before", "nobody"]);

    const { cert } = after.leaf("server", "server");
    await change({ ...pki, apiServer: { cert, key: pki.apiServer.key }, clientCa: after.ca });
    assert.deepEqual(await ask(old), ["CN=before", "old"], "the key is another's");
    await change({ ...pki, clientCa: "" });
    assert.deepEqual(await ask(old), ["CN=before", "old"], "a file that is being written");
    assert.deepEqual(told, []);

    await change({ ...pki, apiServer: after.leaf("server", "server"), clientCa: after.ca });
    assert.deepEqual(await ask(fresh), ["CN=after", "fresh"]);
    assert.deepEqual(await ask(old), ["CN=after", "nobody"]);
    assert.deepEqual(told, [files]);
    assert.equal(seen.length, 3);
  } finally {
    following.cancel();
    await listener.close();
  }
});
