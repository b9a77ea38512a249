import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import { type AddressInfo, connect } from "node:net";
import { Duplex, PassThrough } from "node:stream";
import { test } from "node:test";
import { WebSocket } from "ws";
import { acceptPortForward, type DialPort } from "../../src/node/streaming/port-forward.ts";

/** A server that forwards ports to what `dial` returns. */
async function serve(ports: readonly number[], dial: DialPort): Promise<{ port: number; close(): void }> {
  const server = createServer();
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    void acceptPortForward({ request, socket, head }, ports, dial);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => void server.close() };
}

/** The answer to an upgrade as kubectl and client-go ask for it, without what follows. */
async function answerTo(protocols: string): Promise<string> {
  const server = await serve([], async () => new PassThrough());
  const socket = connect(server.port, "127.0.0.1");
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

/** A server behind a port, which says its last word and waits for the client's. */
const greeter = (word: string): Duplex =>
  new Duplex({
    allowHalfOpen: true,
    read() {
      this.push(word);
      this.push(null);
    },
    write: (_chunk, _encoding, done) => done(),
  });

const plainProtocols: [string, string[], (message: Buffer) => string][] = [
  ["v4.channel.k8s.io", ["v4.channel.k8s.io"], (message) => `${message[0]} ${message.subarray(1)}`],
  ["no protocol", [], (message) => `${message[0]} ${message.subarray(1)}`],
  [
    "v4.base64.channel.k8s.io",
    ["v4.base64.channel.k8s.io"],
    (message) => `${message.subarray(0, 1)} ${Buffer.from(message.subarray(1).toString(), "base64")}`,
  ],
];

for (const [name, protocols, read] of plainProtocols)
  test(`over a plain WebSocket of ${name} a client hears every port's last word, then that no more comes`, async () => {
    const dial = async (port: number): Promise<Duplex> => {
      if (port === 3) throw new Error("nobody listens on 3");
      return greeter(`from ${port}`);
    };
    const server = await serve([1, 2, 3], dial);
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/`, protocols);
    const heard: string[] = [];
    socket.on("message", (message: Buffer) => {
      const text = read(message);
      // The first of each channel is the port's number.
      if (text.length > 4) heard.push(text);
    });
    const [code] = await once(socket, "close");
    server.close();
    assert.equal(code, 1000);
    assert.deepEqual(heard.sort(), ["0 from 1", "2 from 2", "5 nobody listens on 3"]);
  });

test("a plain WebSocket that names no port is refused", async () => {
  assert.match(await answerTo("v4.channel.k8s.io"), /^HTTP\/1\.1 400 /);
});
