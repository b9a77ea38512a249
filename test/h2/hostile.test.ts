import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { IncomingStream } from "../../src/h2/index.ts";
import {
  endHeaders,
  endStream,
  type Frame,
  frame,
  get,
  post,
  preface,
  RawClient,
  StillClock,
  settings,
  type,
  uint32,
} from "./raw-client.ts";

const calm = 11;
const onRequest = (): void => {};

/** Takes every stream, answers none. */
function silent(streams: IncomingStream[] = []) {
  return (stream: IncomingStream): boolean => {
    streams.push(stream);
    stream.receive({ data: () => {}, ended: () => {}, closed: () => {} });
    return true;
  };
}

test("a client that opens and breaks off streams without end is told to calm down", async () => {
  const streams: IncomingStream[] = [];
  const client = new RawClient({
    onRequest,
    onStream: silent(streams),
    limits: { resetsBurst: 100, resetsPerSecond: 10 },
  });
  client.hello();
  for (let i = 0; i < 150; i++) {
    client.send(frame(type.headers, endHeaders, 2 * i + 1, post), frame(type.reset, 0, 2 * i + 1, uint32(8)));
  }
  assert.equal(await client.goAwayCode(), calm);
  assert.equal(streams.length, 101);
  assert.ok(streams.every((stream) => stream.closed));
});

test("a client that makes the server break streams off is told the same", async () => {
  const client = new RawClient({
    onRequest,
    onStream: silent(),
    limits: { resetsBurst: 100, resetsPerSecond: 10 },
  });
  client.hello();
  for (let i = 0; i < 150; i++) {
    client.send(
      frame(type.headers, endHeaders, 2 * i + 1, post),
      frame(type.windowUpdate, 0, 2 * i + 1, uint32(0)),
    );
  }
  assert.equal(await client.goAwayCode(), calm);
});

test("streams broken off now and then are no attack", async () => {
  const clock = new StillClock();
  const client = new RawClient({
    clock,
    onRequest,
    onStream: silent(),
    limits: { resetsBurst: 10, resetsPerSecond: 10 },
  });
  client.hello();
  for (let i = 0; i < 100; i++) {
    client.send(frame(type.headers, endHeaders, 2 * i + 1, post), frame(type.reset, 0, 2 * i + 1, uint32(8)));
    await client.settle();
    clock.milliseconds += 100;
  }
  assert.equal(client.frames.filter((one) => one.type === type.goAway).length, 0);
  client.cut();
});

const floods: Record<string, (i: number) => Buffer> = {
  PING: () => frame(type.ping, 0, 0, Buffer.alloc(8)),
  SETTINGS: () => settings([4, 100]),
  PRIORITY: (i) => frame(type.priority, 0, 2 * i + 1, Buffer.alloc(5)),
  "empty DATA": () => frame(type.data, 0, 1),
  WINDOW_UPDATE: () => frame(type.windowUpdate, 0, 1, uint32(1)),
  "unknown frames": () => frame(99, 0, 0),
};
for (const [name, one] of Object.entries(floods)) {
  test(`a flood of ${name} ends the connection`, async () => {
    const client = new RawClient({ onRequest, onStream: silent(), limits: { idleFramesBurst: 500 } });
    client.hello();
    client.send(frame(type.headers, endHeaders, 1, post));
    for (let i = 1; i < 600; i++) client.send(one(i));
    assert.equal(await client.goAwayCode(), calm);
  });
}

test("a header block without end is cut off, whether its frames are full or empty", async () => {
  for (const size of [16_384, 0]) {
    const client = new RawClient({ onRequest, limits: { idleFramesBurst: 500 } });
    client.hello();
    client.send(frame(type.headers, 0, 1, get));
    for (let i = 0; i < 600; i++) client.send(frame(type.continuation, 0, 1, Buffer.alloc(size, 0x82)));
    assert.equal(await client.goAwayCode(), calm);
  }
});

test("a few bytes that unfold into many fields cost a 431, not memory", async () => {
  const client = new RawClient({ onRequest });
  client.hello();
  const large = Buffer.concat([Buffer.of(0x40, 1, 0x61, 0x7f, 0xa1, 0x1e), Buffer.alloc(4000, 0x62)]);
  const block = Buffer.concat([get, large, Buffer.alloc(10_000, 0xbe)]);
  client.send(frame(type.headers, endHeaders | endStream, 1, block));
  const answer = await client.frame(type.headers);
  assert.ok(answer.payload.includes("431"));
  assert.equal(answer.flags & endStream, endStream);
  client.cut();
});

test("no more streams than advertised are served, and the rest may be tried again", async () => {
  const streams: IncomingStream[] = [];
  const client = new RawClient({ onRequest, onStream: silent(streams), limits: { streamsMax: 10 } });
  client.hello();
  for (let i = 0; i < 15; i++) client.send(frame(type.headers, endHeaders | endStream, 2 * i + 1, get));
  const refused = await client.frame(type.reset, ({ id }) => id === 29);
  assert.equal(refused.payload.readUInt32BE(), 7);
  assert.equal(streams.length, 10);
  client.cut();
});

test("a client that shuts its window gets no more new streams once enough waits for it", async () => {
  let served = 0;
  const client = new RawClient({
    onRequest,
    limits: { queuedBytesMax: 100_000 },
    onStream: (stream) => {
      served++;
      stream.respond({ ":status": "200" });
      stream.write(Buffer.alloc(60_000));
      return true;
    },
  });
  client.hello([4, 0]);
  for (let i = 0; i < 5; i++) client.send(frame(type.headers, endHeaders | endStream, 2 * i + 1, get));
  const refused = await client.frame(type.reset);
  assert.equal(refused.payload.readUInt32BE(), 7);
  assert.equal(served, 2);
  client.cut();
});

test("a chunk that was copied keeps its bytes while it waits for the client's window, whatever becomes of its memory", async () => {
  for (const length of [3_000, 10_000]) {
    const client = new RawClient({
      onRequest,
      onStream: (stream) => {
        stream.respond({ ":status": "200" });
        const lent = Buffer.alloc(length, "a");
        stream.writeCopy(lent);
        lent.fill("b");
        stream.end();
        return true;
      },
    });
    client.hello([4, 1_000]);
    client.send(frame(type.headers, endHeaders | endStream, 1, get));
    await client.frame(type.data);
    client.send(frame(type.windowUpdate, 0, 1, uint32(length)));
    await client.frame(type.data, ({ flags }) => (flags & endStream) !== 0);
    const body = Buffer.concat(
      client.frames.filter((one) => one.type === type.data).map(({ payload }) => payload),
    );
    assert.ok(body.equals(Buffer.alloc(length, "a")));
    client.cut();
  }
});

test("a client for which too much waits is given up, and its streams hear of it", async () => {
  const closed = Promise.withResolvers<number>();
  const client = new RawClient({
    onRequest,
    limits: { queuedBytesEnough: 1_000_000 },
    onStream: (stream) => {
      stream.receive({ data: () => {}, ended: () => {}, closed: closed.resolve });
      stream.respond({ ":status": "200" });
      while (!stream.closed) stream.write(Buffer.alloc(50_000));
      return true;
    },
  });
  client.hello([4, 0]);
  client.send(frame(type.headers, endHeaders | endStream, 1, get));
  assert.equal(await client.goAwayCode(), calm);
  assert.equal(await closed.promise, calm);
});

test("a client that does not read what its frames make us write is cut off", async () => {
  const client = new RawClient({ onRequest, limits: { controlBytesMax: 20_000, idleFramesBurst: 1e9 } });
  client.stream.pause();
  client.hello();
  while (!client.closed) {
    client.send(...new Array(100).fill(frame(type.ping, 0, 0, Buffer.alloc(8))));
    await new Promise((resolve) => setImmediate(resolve));
  }
});

test("DATA beyond a window that a paused receiver keeps shut breaks the stream off", async () => {
  const client = new RawClient({
    onRequest,
    limits: { streamWindowBytes: 70_000 },
    onStream: (stream) => {
      stream.receive({ data: () => {}, ended: () => {}, closed: () => {} });
      stream.pause();
      return true;
    },
  });
  client.hello();
  client.send(frame(type.headers, endHeaders, 1, post));
  for (let i = 0; i < 5; i++) client.send(frame(type.data, 0, 1, Buffer.alloc(16_000)));
  const reset = await client.frame(type.reset);
  assert.equal(reset.payload.readUInt32BE(), 3);
  assert.ok(!client.frames.some((one) => one.type === type.windowUpdate && one.id === 1));
  client.cut();
});

test("what comes for a stream after its answer is dropped, and at a window's worth the client is told to stop", async () => {
  const client = new RawClient({
    onRequest,
    limits: { streamWindowBytes: 70_000, connectionWindowBytes: 100_000 },
    onStream: (stream) => {
      stream.respond({ ":status": "413" }, { end: true });
      return true;
    },
  });
  client.hello();
  client.send(frame(type.headers, endHeaders, 1, post));
  for (let i = 0; i < 4; i++) client.send(frame(type.data, 0, 1, Buffer.alloc(16_000)));
  const reset = await client.frame(type.reset);
  assert.equal(reset.payload.readUInt32BE(), 0);
  await client.frame(type.windowUpdate, ({ id, payload }) => id === 0 && payload.readUInt32BE() >= 50_000);
  client.send(frame(type.ping, 0, 0, Buffer.from("alive...")));
  await client.frame(type.ping);
  client.cut();
});

/** Frames as a client could send them, right or wrong, in a few streams. */
const anyFrame = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(1, 3, 5, 7), fc.constantFrom(4, 5, 1, 0))
      .map(([id, flags]) => frame(type.headers, flags, id, post)),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(1, 3, 5, 7), fc.constantFrom(0, 1, 8), fc.uint8Array({ maxLength: 40 }))
      .map(([id, flags, body]) => frame(type.data, flags, id, body)),
  },
  { weight: 2, arbitrary: fc.constantFrom(1, 3, 5).map((id) => frame(type.reset, 0, id, uint32(8))) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 1, 3), fc.nat(100_000))
      .map(([id, more]) => frame(type.windowUpdate, 0, id, uint32(more))),
  },
  { weight: 1, arbitrary: fc.nat(70_000).map((size) => settings([4, size])) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(12), fc.nat(255), fc.nat(9), fc.uint8Array({ maxLength: 30 }))
      .map(([kind, flags, id, body]) => frame(kind, flags, id, body)),
  },
);

/** Some bytes changed, and the whole cut into pieces somewhere. */
const mutated = fc.record({
  frames: fc.array(anyFrame, { maxLength: 30 }),
  changes: fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 3 }),
  pieceBytes: fc.integer({ min: 1, max: 200 }),
});

test("whatever a client sends, no error escapes and every stream ends", async () => {
  await fc.assert(
    fc.asyncProperty(mutated, fc.constantFrom("echo", "answer", "pause", "reset"), async (input, manner) => {
      let opened = 0;
      const closed: IncomingStream[] = [];
      const serve = (stream: IncomingStream): boolean => {
        opened++;
        const echo = (chunk: Uint8Array): void => {
          if (manner === "echo" && !stream.write(chunk)) stream.pause();
        };
        stream.receive({
          data: echo,
          ended: () => stream.end({ "grpc-status": "0" }),
          drain: () => stream.resume(),
          closed: () => void closed.push(stream),
        });
        stream.respond({ ":status": "200" });
        if (manner === "answer") {
          stream.write(Buffer.alloc(100_000));
          stream.end();
        }
        if (manner === "pause") stream.pause();
        if (manner === "reset") stream.reset(8);
        return true;
      };
      const client = new RawClient({ onRequest, onStream: serve });
      const bytes = Buffer.concat(input.frames);
      for (const [at, value] of input.changes) if (at < bytes.length) bytes[at] = value;
      client.hello();
      for (let at = 0; at < bytes.length; at += input.pieceBytes) {
        client.send(bytes.subarray(at, at + input.pieceBytes));
        if (at % 7 === 0) await new Promise((resolve) => setImmediate(resolve));
      }
      await client.settle();
      client.cut();
      await client.settle();
      assert.equal(closed.length, opened);
      assert.equal(new Set(closed).size, opened);
    }),
    { numRuns: 400 },
  );
});

test("random bytes after the preface, or instead of it, end in GOAWAY or silence, never in an exception", async () => {
  await fc.assert(
    fc.asyncProperty(fc.boolean(), fc.uint8Array({ maxLength: 300 }), async (polite, bytes) => {
      const client = new RawClient({ onRequest, onStream: silent() });
      if (polite) client.send(preface);
      client.send(bytes);
      await client.settle();
      const goAways: Frame[] = client.frames.filter((one) => one.type === type.goAway);
      assert.ok(goAways.length <= 1);
      client.cut();
    }),
    { numRuns: 300 },
  );
});
