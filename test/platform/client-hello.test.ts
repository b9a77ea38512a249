import assert from "node:assert/strict";
import { createServer, type Socket } from "node:net";
import { test } from "node:test";
import { connect } from "node:tls";
import { helloBytesMax, serverNameIn } from "../../src/platform/client-hello.ts";

/** The first bytes of a real client. */
function helloFor(servername: string | undefined): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket: Socket) => {
      socket.once("data", (bytes) => {
        socket.destroy();
        server.close();
        resolve(bytes as Buffer);
      });
      socket.on("error", () => {});
    });
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { port: number };
      const client = connect({
        host: "127.0.0.1",
        port,
        ...(servername === undefined ? {} : { servername }),
      });
      client.on("error", () => {});
    });
    server.on("error", reject);
  });
}

test("the name that a client asks for is known from its first bytes, however they are cut", async () => {
  const hello = await helloFor("Some.Example.org");
  assert.equal(serverNameIn(hello), "some.example.org");
  for (let length = 0; length < hello.length; length++)
    assert.equal(serverNameIn(hello.subarray(0, length)), undefined, `${length} bytes are too few`);
  // The same message in two records.
  const message = hello.subarray(5);
  const record = (part: Buffer): Buffer => {
    const head = Buffer.from([22, 3, 1, 0, 0]);
    head.writeUInt16BE(part.length, 3);
    return Buffer.concat([head, part]);
  };
  const parts = [record(message.subarray(0, 50)), record(message.subarray(50))];
  assert.equal(serverNameIn(parts[0] as Buffer), undefined);
  assert.equal(serverNameIn(Buffer.concat(parts)), "some.example.org");
});

test("who asks for no name, or speaks no TLS, has none, and no bytes make it wait for ever", async () => {
  assert.equal(serverNameIn(await helloFor(undefined)), "");
  assert.equal(serverNameIn(Buffer.from("GET / HTTP/1.1\r\n")), "");
  assert.equal(serverNameIn(Buffer.from([22, 3, 1, 255, 255])), "");
  assert.equal(serverNameIn(Buffer.from([22, 3, 1, 0, 4, 1, 255, 255, 255])), "");
  const hello = await helloFor("x.org");
  for (let at = 0; at < hello.length; at++) {
    for (const value of [0, 255]) {
      const broken = Buffer.from(hello);
      broken[at] = value;
      assert.ok(["string", "undefined"].includes(typeof serverNameIn(broken)));
      const padded = Buffer.concat([broken, Buffer.alloc(helloBytesMax)]);
      assert.equal(typeof serverNameIn(padded), "string", `byte ${at} is ${value}`);
    }
  }
});
