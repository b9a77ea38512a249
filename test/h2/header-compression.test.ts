import assert from "node:assert/strict";
import { once } from "node:events";
import http2 from "node:http2";
import { test } from "node:test";
import fc from "fast-check";
import { createHttpServer } from "../../src/h2/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { endHeaders, endStream, frame, get, RawClient, type } from "./raw-client.ts";

/** Asks a server of ours by Node's client, which brings its own HPACK. */
async function withEcho(
  body: (ask: (headers: Record<string, string>) => Promise<http2.IncomingHttpHeaders>) => Promise<void>,
): Promise<void> {
  const platform = nodePlatform();
  const server = createHttpServer({
    clock: platform.clock,
    onRequest: (_request, response) => response.end(),
    onStream: (stream) => {
      const { "x-one": one = "", "x-two": two = "" } = stream.headers;
      // content-type is Huffman-coded by our side and kept, x-two is sent as it is.
      stream.respond({ ":status": "200", "content-type": one, "x-two": two }, { end: true });
      return true;
    },
  });
  const listener = await platform.network.listen({ host: "127.0.0.1", port: 0 }, (c) => server.serve(c));
  const session = http2.connect(`http://127.0.0.1:${listener.port}`);
  try {
    await body(async (headers) => {
      const stream = session.request(headers);
      stream.end();
      const [answer] = await once(stream, "response");
      stream.resume();
      await once(stream, "close");
      return answer;
    });
  } finally {
    session.destroy();
    await listener.close();
  }
}

/** Every byte that a value may have, without white space at its ends. */
const value = fc
  .array(
    fc.integer({ min: 0x21, max: 0xff }).filter((byte) => byte !== 0x7f),
    { minLength: 1, maxLength: 60 },
  )
  .map((codes) => String.fromCharCode(...codes));

test("any value comes through as it is, both ways, coded or not, again and again", async () => {
  await withEcho(async (ask) => {
    await fc.assert(
      fc.asyncProperty(value, value, async (one, two) => {
        for (let time = 0; time < 3; time++) {
          const answer = await ask({ "x-one": one, "x-two": two });
          assert.equal(answer["content-type"], one);
          assert.equal(answer["x-two"], two);
        }
      }),
      { numRuns: 200 },
    );
  });
});

test("a value longer than a frame goes in several", async () => {
  await withEcho(async (ask) => {
    const long = "~".repeat(30_000);
    assert.equal((await ask({ "x-one": "a", "x-two": long }))["x-two"], long);
  });
});

/** Serves requests and keeps the values of `a`. */
function recording(): { client: RawClient; seen: (string | undefined)[] } {
  const seen: (string | undefined)[] = [];
  const client = new RawClient({
    onRequest: () => {},
    onStream: (stream) => {
      seen.push(stream.headers["a"]);
      stream.respond({ ":status": "200" }, { end: true });
      return true;
    },
  });
  client.hello();
  return { client, seen };
}

const request = (id: number, ...fields: number[]): Buffer =>
  frame(type.headers, endHeaders | endStream, id, Buffer.concat([get, Buffer.from(fields)]));

test("the same bytes mean something else once the table has changed", async () => {
  const { client, seen } = recording();
  const [keepA1, keepA2, newest] = [[0x40, 1, 0x61, 1, 0x31], [0x40, 1, 0x61, 1, 0x32], [0xbe]];
  client.send(request(1, ...keepA1), request(3, ...newest), request(5, ...newest));
  client.send(request(7, ...keepA2), request(9, ...newest), request(11, ...newest));
  await client.settle();
  assert.deepEqual(seen, ["1", "1", "1", "2", "2", "2"]);
  client.cut();
});

test("a table made smaller forgets what no longer fits", async () => {
  const { client, seen } = recording();
  client.send(request(1, 0x40, 1, 0x61, 1, 0x31), request(3, 0xbe));
  // To nothing and back, at the beginning of the block.
  const resized = Buffer.concat([Buffer.of(0x20, 0x3f, 0xe1, 0x1f), get]);
  client.send(frame(type.headers, endHeaders | endStream, 5, resized), request(7, 0xbe));
  assert.equal(await client.goAwayCode(), 9);
  assert.deepEqual(seen, ["1", "1", undefined]);
});

test("malformed blocks end the connection with COMPRESSION_ERROR", async () => {
  const blocks: Record<string, number[]> = {
    "index 0": [0x80],
    "an index beyond the table": [0xbe],
    "an integer without end": [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    "a string beyond the block": [0x00, 5, 0x61],
    "a padding of zeros": [0x00, 0x81, 0x18, 1, 0x31],
    "the end-of-string symbol": [0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 1, 0x31],
    "a size update after a field": [0x82, 0x20],
    "a size above ours": [0x3f, 0xff, 0xff, 0x03],
  };
  for (const [name, block] of Object.entries(blocks)) {
    const { client } = recording();
    client.send(frame(type.headers, endHeaders | endStream, 1, Buffer.from(block)));
    assert.equal(await client.goAwayCode(), 9, name);
  }
});
