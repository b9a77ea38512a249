import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { nodePlatform, type TlsMaterial } from "../../src/platform/index.ts";

const platform = nodePlatform();
const { network } = platform;
const authority = createAuthority("test-ca", platform);

function material(commonName: string): TlsMaterial {
  const request = { commonName, organizations: [], ipAddresses: ["127.0.0.1"] };
  return {
    ...issueCertificate(authority, { ...request, usages: ["server", "client"] }, platform),
    ca: authority.cert,
  };
}

test("a listener for both takes TLS that comes byte by byte as TLS, and anything else as it is from its first byte on", async (t) => {
  const rejected: string[] = [];
  const server = await network.listen(
    {
      host: "127.0.0.1",
      port: 0,
      tls: {
        ...material("server"),
        clientCertificate: "require",
        plainToo: true,
        protocols: ["h2"],
        onRejected: (_from, reason) => rejected.push(reason),
      },
    },
    ({ stream, protocol, peerCertificate }) => {
      stream.write(`${protocol} ${peerCertificate?.commonName} `);
      stream.pipe(stream);
    },
  );
  t.after(() => server.close());
  const answer = async (stream: Duplex) => {
    stream.write("hello");
    let got = "";
    for await (const chunk of stream) {
      got += chunk;
      if (got.endsWith("hello")) break;
    }
    return got;
  };

  const plain = await network.connect({ host: "127.0.0.1", port: server.port });
  assert.equal(await answer(plain.stream), "undefined undefined hello");

  // Between the client and the listener: hands on one byte at a time.
  const slow = createServer((from) => {
    const to = connect({ host: "127.0.0.1", port: server.port, noDelay: true });
    to.pipe(from);
    void dribble(from, to);
  }).listen(0, "127.0.0.1");
  t.after(() => slow.close());
  await once(slow, "listening");
  const secure = await network.connect({
    host: "127.0.0.1",
    port: (slow.address() as { port: number }).port,
    tls: { ...material("client"), protocols: ["h2"] },
  });
  assert.equal(await answer(secure.stream), "h2 client hello");
  assert.deepEqual(rejected, []);
});

test("a client that says nothing, or only the beginning of its handshake, is cut off by every TLS listener", async (t) => {
  for (const kind of [{}, { plainToo: true }, { passOn: () => undefined }]) {
    const tls = {
      ...material("server"),
      clientCertificate: "none",
      handshakeTimeoutMs: 50,
      ...kind,
    } as const;
    const server = await network.listen({ host: "127.0.0.1", port: 0, tls }, () =>
      assert.fail("no TLS stood"),
    );
    t.after(() => server.close());
    for (const beginning of ["", "\x16", "\x16\x03\x01\x00\x05"]) {
      const socket = connect(server.port, "127.0.0.1", () => socket.write(beginning)).resume();
      // A late byte may be answered with a reset.
      socket.on("error", () => {});
      await new Promise((resolve) => socket.once("close", resolve));
    }
  }
});

async function dribble(from: Socket, to: Socket): Promise<void> {
  for await (const chunk of from)
    for (const byte of chunk as Buffer)
      await new Promise<void>((resolve) => to.write(Buffer.of(byte), () => setImmediate(resolve)));
  to.end();
}
