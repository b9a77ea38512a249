import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { type BodySource, createHttpServer, endWith } from "../../src/h2/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { endStream, frame, get, RawClient, type, uint32 } from "./raw-client.ts";

const initialWindow = 4;
const internalError = 2;

/** Bytes that say where they are, and how often they were asked for. */
class Counting implements BodySource {
  readonly length: number;
  readonly heldBytes = 8;
  readonly asked: number[] = [];
  readonly #failsAt: number;
  #at = 0;

  constructor(length: number, failsAt = Number.POSITIVE_INFINITY) {
    this.length = length;
    this.#failsAt = failsAt;
  }

  static readonly byte = (at: number): number => (at * 31 + (at >> 8)) & 0xff;

  writeNext(target: Uint8Array, at: number, bytes: number): void {
    if (this.#at + bytes > this.#failsAt) throw new Error("the ink has run out");
    this.asked.push(bytes);
    for (let i = 0; i < bytes; i++) target[at + i] = Counting.byte(this.#at++);
  }
}

const whole = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, at) => Counting.byte(at)));

function answering(source: () => BodySource, failed: (error: unknown) => void = assert.ifError): RawClient {
  return new RawClient({ onRequest: (_request, response) => endWith(response, source(), failed) });
}

/** Sent up to now on stream 1. */
function received(client: RawClient): Buffer {
  return Buffer.concat(
    client.frames.filter((one) => one.type === type.data && one.id === 1).map(({ payload }) => payload),
  );
}

const isLast = (one: { flags: number; id: number }): boolean => one.id === 1 && (one.flags & endStream) !== 0;

/** Once the server does nothing more without the client. */
async function quiet(client: RawClient): Promise<void> {
  for (let before = -1; before !== client.frames.length; ) {
    before = client.frames.length;
    await client.settle();
  }
}

test("a source's bytes come whole, whatever the windows", async () => {
  for (const length of [0, 1, 9, 16_384, 16_385, 65_535, 65_536, 300_001]) {
    for (const window of [1, 1000, 16_384, 30_000, 65_535, 1_000_000]) {
      if (length / window > 100) continue;
      const client = answering(() => new Counting(length));
      client.hello([initialWindow, window]);
      client.send(frame(type.windowUpdate, 0, 0, uint32(10_000_000)), frame(type.headers, 5, 1, get));
      await quiet(client);
      while (!client.frames.some(isLast)) {
        const before = received(client).length;
        assert.equal(before % window, 0, "a window was left unused");
        client.send(frame(type.windowUpdate, 0, 1, uint32(window)));
        await quiet(client);
        assert.ok(received(client).length > before, `${length} by ${window}: nothing came`);
      }
      assert.ok(received(client).equals(whole(length)), `${length} by ${window}`);
      client.cut();
    }
  }
});

test("nothing of a source is made before its client lets it come", async () => {
  const source = new Counting(10_000_000);
  const client = answering(() => source);
  client.hello([initialWindow, 20_000]);
  client.send(frame(type.headers, 5, 1, get));
  await quiet(client);
  assert.deepEqual(source.asked, [16_384, 3616]);
  client.send(frame(type.windowUpdate, 0, 1, uint32(100)));
  await quiet(client);
  assert.deepEqual(source.asked, [16_384, 3616, 100]);
  client.cut();
});

test("a long source leaves room for what others ask meanwhile", async () => {
  let asked = 0;
  const client = answering(() => new Counting(++asked === 1 ? 5_000_000 : 200_000));
  client.hello([initialWindow, 100_000_000]);
  client.send(frame(type.windowUpdate, 0, 0, uint32(200_000_000)));
  client.send(frame(type.headers, 5, 1, get), frame(type.headers, 5, 3, get));
  const last = await client.frame(type.data, (one) => one.id === 3 && (one.flags & endStream) !== 0);
  let before = 0;
  for (const one of client.frames.slice(0, client.frames.indexOf(last)))
    if (one.id === 1 && one.type === type.data) before += one.payload.length;
  assert.ok(before < 1_000_000, `${before} bytes of the long one were sent first`);
  client.cut();
});

test("a source that fails midway breaks its stream off, says why, and leaves the connection as it was", async () => {
  const errors: unknown[] = [];
  let asked = 0;
  const client = answering(
    () => (++asked === 1 ? new Counting(200_000, 100_000) : new Counting(60_000)),
    (error) => errors.push(error),
  );
  client.hello([initialWindow, 65_535]);
  client.send(frame(type.headers, 5, 1, get));
  await quiet(client);
  assert.deepEqual(errors, []);
  client.send(frame(type.windowUpdate, 0, 1, uint32(65_535)), frame(type.windowUpdate, 0, 0, uint32(65_535)));
  const reset = await client.frame(type.reset);
  assert.equal(reset.payload.readUInt32BE(0), internalError);
  assert.match(String(errors), /the ink has run out/);
  assert.ok(!client.frames.some(isLast));
  assert.ok(received(client).equals(whole(received(client).length)));
  // What did not leave was not taken from the connection's window.
  const sent = received(client).length;
  client.send(
    frame(type.windowUpdate, 0, 0, uint32(60_000 - (131_070 - sent))),
    frame(type.headers, 5, 3, get),
  );
  await client.frame(type.data, (one) => one.id === 3 && (one.flags & endStream) !== 0);
  client.cut();
});

test("a source waits as what it holds, not as what it will be", async () => {
  const client = new RawClient({
    limits: { queuedBytesMax: 100, queuedBytesEnough: 200 },
    onRequest: (_request, response) => endWith(response, new Counting(1_000_000), assert.ifError),
  });
  client.hello([initialWindow, 1]);
  for (let id = 1; id < 20; id += 2) client.send(frame(type.headers, 5, id, get));
  await quiet(client);
  assert.equal(client.frames.filter((one) => one.type === type.data).length, 10);
  for (let id = 21; id < 40; id += 2) client.send(frame(type.headers, 5, id, get));
  await client.frame(type.reset);
  client.cut();
});

test("over HTTP/1.1 a source comes whole, HEAD has none of it, and one that fails ends the connection", async (t) => {
  const { clock, network } = nodePlatform();
  const failures: unknown[] = [];
  const head = new Counting(200_000);
  const server = createHttpServer({
    clock,
    onRequest(request, response) {
      const source = request.method === "HEAD" ? head : new Counting(200_000, Number(request.url?.slice(1)));
      response.setHeader("content-length", source.length);
      endWith(response, source, (error) => failures.push(error));
    },
  });
  const listener = await network.listen({ host: "127.0.0.1", port: 0 }, (c) => server.serve(c));
  t.after(async () => {
    await server.close({ graceMs: 0 });
    await listener.close();
  });
  const ask = async (path: string, method = "GET") => {
    const request = http.request({ port: listener.port, path, method, agent: false }).end();
    const [response] = (await once(request, "response")) as [http.IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  assert.ok((await ask("/200000")).equals(whole(200_000)));
  assert.equal((await ask("/200000", "HEAD")).length, 0);
  assert.deepEqual(head.asked, []);
  await assert.rejects(ask("/150000"), /aborted/);
  assert.match(String(failures), /the ink has run out/);
});
