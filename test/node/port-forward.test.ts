import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { type Duplex, PassThrough } from "node:stream";
import { test } from "node:test";
import { acceptPortForward } from "../../src/node/streaming/port-forward.ts";

/** The answer to an upgrade as kubectl and client-go ask for it, without what follows. */
async function answerTo(protocols: string): Promise<string> {
  const server = createServer();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void acceptPortForward({ request, socket, head }, [], async () => new PassThrough());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
  socket.write(
    `GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ${protocols}\r\n\r\n`,
  );
  let text = "";
  for await (const chunk of socket) {
    text += chunk;
    if (text.includes("\r\n\r\n")) break;
  }
  socket.destroy();
  server.close();
  return text.slice(0, text.indexOf("\r\n\r\n"));
}

test("SPDY is tunnelled in a WebSocket, though the name of its protocol has a slash in it", async () => {
  const answer = await answerTo("SPDY/3.1+portforward.k8s.io");
  assert.match(answer, /^HTTP\/1\.1 101 /);
  assert.match(answer, /\r\nSec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io(\r\n|$)/);
});

test("of several protocols the one that is served is answered, and none is invented", async () => {
  const answer = await answerTo("v1.example.org, SPDY/3.1+portforward.k8s.io");
  assert.match(answer, /\r\nSec-WebSocket-Protocol: SPDY\/3\.1\+portforward\.k8s\.io(\r\n|$)/);
  assert.match(await answerTo("v1.example.org"), /^HTTP\/1\.1 400 /);
});
