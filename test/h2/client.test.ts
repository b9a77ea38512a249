import assert from "node:assert/strict";
import { type Duplex, duplexPair } from "node:stream";
import { test } from "node:test";
import fc from "fast-check";
import {
  type AnswerReceiver,
  createHttpClient,
  createHttpServer,
  type HttpClient,
  type IncomingStream,
  type OutgoingStream,
} from "../../src/h2/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";
import { endHeaders, endStream, frame, preface, settings, type, uint32 } from "./raw-client.ts";

/** ":status: 200" from the static table. */
const ok = Buffer.of(0x88);
const fields = Object.freeze({ ":method": "POST", ":scheme": "http", ":path": "/x", ":authority": "a" });

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function until(done: () => boolean): Promise<void> {
  for (let turns = 0; !done(); turns++) {
    assert.ok(turns < 10_000, "it does not happen");
    await turn();
  }
}

/** What a receiver was told. */
class Told implements AnswerReceiver {
  readonly calls: string[] = [];
  readonly chunks: Uint8Array[] = [];
  headers(status: number): void {
    this.calls.push(`headers ${status}`);
  }
  data(chunk: Uint8Array): void {
    this.chunks.push(chunk);
  }
  ended(): void {
    this.calls.push(`ended ${Buffer.concat(this.chunks).length}`);
  }
  closed(code: number): void {
    this.calls.push(`closed ${code}`);
  }
  get over(): boolean {
    return this.calls.at(-1)?.startsWith("closed") === true;
  }
}

interface Opened {
  readonly client: HttpClient;
  /** The server's end of the wire. */
  readonly wire: Duplex;
  readonly clock: ManualClock;
  readonly written: () => Buffer;
  rooms: number;
}

function open(serve: (wire: Duplex) => void, limits = {}): Opened {
  const [ours, theirs] = duplexPair();
  const clock = new ManualClock();
  theirs.on("error", () => {});
  const chunks: Buffer[] = [];
  serve(theirs);
  const client = createHttpClient({ clock, limits }).use(
    {
      stream: ours,
      protocol: "h2",
      peerCertificate: undefined,
      peerCertificateError: undefined,
      remoteAddress: "127.0.0.1:1",
    },
    () => {
      opened.rooms++;
    },
  );
  const opened: Opened = { client, wire: theirs, clock, written: () => Buffer.concat(chunks), rooms: 0 };
  theirs.on("data", (chunk: Buffer) => chunks.push(chunk));
  return opened;
}

/** Against frames that a test writes. */
const raw = (limits = {}) =>
  open((wire) => {
    wire.write(settings());
    wire.once("end", () => wire.end());
  }, limits);

/** Against our own server. */
const served = (onStream: (stream: IncomingStream) => boolean, limits = {}, serverLimits = {}) =>
  open(
    (wire) =>
      createHttpServer({
        clock: new ManualClock(),
        onStream,
        onRequest: () => {},
        limits: serverLimits,
      }).serve({
        stream: wire,
        protocol: "h2",
        peerCertificate: undefined,
        peerCertificateError: undefined,
        remoteAddress: "127.0.0.1:2",
      }),
    limits,
  );

/** Answers with what it gets. */
const echo = (stream: IncomingStream): boolean => {
  stream.receive({
    data: (chunk) => {
      if (!stream.write(chunk)) stream.pause();
    },
    ended: () => stream.end({ "grpc-status": "0" }),
    drain: () => stream.resume(),
    closed: () => {},
  });
  stream.respond({ ":status": "200" });
  return true;
};

test("bodies larger than every window go out and come back, with trailers, on many streams at once", async () => {
  const { client } = served(echo, { streamWindowBytes: 70_000, connectionWindowBytes: 100_000 });
  await client.ready;
  const body = Buffer.alloc(300_000, "x");
  const streams = Array.from({ length: 8 }, () => {
    const told = new Told();
    const stream = client.open(fields, told);
    stream.endWith(body);
    return { told, stream };
  });
  await until(() => streams.every(({ told }) => told.over));
  for (const { told, stream } of streams) {
    assert.deepEqual(told.calls, ["headers 200", "ended 300000", "closed 0"]);
    assert.equal(stream.trailers?.["grpc-status"], "0");
  }
  client.close();
  await client.gone;
});

test("a receiver that pauses holds up nobody else, and gets all of it later", async () => {
  const { client } = served(echo, { streamWindowBytes: 65_535, connectionWindowBytes: 70_000 });
  await client.ready;
  const [slow, quick] = [new Told(), new Told()];
  const paused = client.open(fields, slow);
  paused.pause();
  paused.endWith(Buffer.alloc(500_000));
  client.open(fields, quick).endWith(Buffer.alloc(500_000));
  await until(() => quick.over);
  assert.deepEqual(slow.chunks, []);
  paused.resume();
  await until(() => slow.over);
  assert.deepEqual(slow.calls, ["headers 200", "ended 500000", "closed 0"]);
  client.destroy();
});

test("no more streams are opened than the server allows, and room is told", async () => {
  const streams: IncomingStream[] = [];
  const opened = served(
    (stream) => {
      streams.push(stream);
      return echo(stream);
    },
    {},
    { streamsMax: 2 },
  );
  const { client } = opened;
  await client.ready;
  const first = client.open(fields, new Told());
  client.open(fields, new Told());
  assert.equal(client.hasRoom, false);
  assert.throws(() => client.open(fields, new Told()), /no room/);
  const { rooms } = opened;
  first.end();
  await until(() => opened.rooms > rooms);
  assert.equal(client.hasRoom, true);
  client.destroy();
});

test("after GOAWAY what the server did not look at is said to be undone, the rest goes on", async () => {
  const { client, wire } = raw();
  await client.ready;
  const told = [new Told(), new Told(), new Told()];
  const streams = told.map((one) => client.open(fields, one));
  await turn();
  wire.write(frame(type.goAway, 0, 0, uint32(1, 0)));
  await until(() => told[2]?.over === true);
  assert.deepEqual(
    streams.map(({ unprocessed }) => unprocessed),
    [false, true, true],
  );
  assert.equal(client.hasRoom, false);
  assert.equal(client.closing, true);
  wire.write(
    Buffer.concat([frame(type.headers, endHeaders, 1, ok), frame(type.data, endStream, 1, Buffer.of(1))]),
  );
  await until(() => told[0]?.over === true);
  assert.deepEqual(told[0]?.calls, ["headers 200", "ended 1", "closed 0"]);
  assert.match((await client.gone).message, /GOAWAY/);
});

test("a refused stream is undone; one that is reset is not", async () => {
  const { client, wire } = raw();
  await client.ready;
  const told = [new Told(), new Told()];
  const streams = told.map((one) => client.open(fields, one));
  wire.write(Buffer.concat([frame(type.reset, 0, 1, uint32(7)), frame(type.reset, 0, 3, uint32(8))]));
  await until(() => told.every(({ over }) => over));
  assert.deepEqual(
    streams.map(({ unprocessed }) => unprocessed),
    [true, false],
  );
  client.destroy();
});

test("a silent server is pinged while streams are open, and left when it does not answer", async () => {
  const { client, clock, written } = raw({ keepAliveMs: 1000, keepAliveTimeoutMs: 500 });
  await client.ready;
  clock.advance(5000);
  await turn();
  const told = new Told();
  client.open(fields, told);
  await turn();
  const before = written().length;
  clock.advance(2000);
  await turn();
  const ping = written().subarray(before);
  assert.deepEqual([ping.length, ping[3], ping[4]], [17, type.ping, 0]);
  assert.equal(told.over, false);
  clock.advance(500);
  assert.match((await client.gone).message, /does not answer a ping/);
  await turn();
  assert.equal(told.over, true);
});

test("a server that does not begin with SETTINGS in time is left", async () => {
  const { client, clock } = open(() => {}, { settingsMs: 100 });
  clock.advance(100);
  await assert.rejects(client.ready, /no SETTINGS/);
});

for (const [what, bytes] of Object.entries({
  pushes: frame(5, endHeaders, 1, uint32(2)),
  "answers a stream that was never opened": frame(type.headers, endHeaders, 9, ok),
  "sends DATA beyond the window": Buffer.concat([
    frame(type.headers, endHeaders, 1, ok),
    ...Array.from({ length: 5 }, () => frame(type.data, 0, 1, Buffer.alloc(16_000))),
  ]),
  "sends a frame that is too long": Buffer.concat([frame(type.data, 0, 1, Buffer.alloc(20_000))]),
  "sends a header block without end": Buffer.concat([
    frame(type.headers, 0, 1, Buffer.alloc(16_000, 0x88)),
    ...Array.from({ length: 20 }, () => frame(type.continuation, 0, 1, Buffer.alloc(16_000, 0x88))),
  ]),
  "asks for nothing without end": Buffer.concat(
    Array.from({ length: 11_000 }, () => frame(type.ping, 1, 0, Buffer.alloc(8))),
  ),
})) {
  test(`a server that ${what} is told so and left`, async () => {
    const opened = raw({ streamWindowBytes: 65_535, connectionWindowBytes: 65_536 });
    const { client, wire, written } = opened;
    await client.ready;
    const told = new Told();
    client.open(fields, told).pause();
    wire.write(bytes);
    await until(() => told.over);
    await turn();
    const all = written();
    const goAway = all.length - 17;
    if (what !== "sends DATA beyond the window") {
      assert.equal(all[goAway + 3], type.goAway);
      assert.equal(client.closing, true);
    }
    client.destroy();
    assert.ok(all.subarray(0, preface.length).equals(preface));
  });
}

const anyFrame = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 3, 5).map((id) => frame(type.headers, endHeaders, id, ok)) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(1, 3), fc.constantFrom(0, endStream), fc.uint8Array({ maxLength: 50 }))
      .map(([id, flags, body]) => frame(type.data, flags, id, body)),
  },
  {
    weight: 2,
    arbitrary: fc
      .constantFrom(1, 3)
      .map((id) => frame(type.headers, endHeaders | endStream, id, Buffer.from("\0\x01a\x01b", "latin1"))),
  },
  { weight: 1, arbitrary: fc.constantFrom(1, 3, 5).map((id) => frame(type.reset, 0, id, uint32(8))) },
  { weight: 1, arbitrary: fc.nat(70_000).map((size) => settings([4, size], [3, size % 7])) },
  { weight: 1, arbitrary: fc.nat(5).map((last) => frame(type.goAway, 0, 0, uint32(last, 0))) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom(0, 1, 3), fc.nat(100_000))
      .map(([id, more]) => frame(type.windowUpdate, 0, id, uint32(more))),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.nat(12), fc.nat(255), fc.nat(9), fc.uint8Array({ maxLength: 30 }))
      .map(([kind, flags, id, body]) => frame(kind, flags, id, body)),
  },
);

test("whatever a server sends, no error escapes, nothing comes after the end, and every stream ends once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyFrame, { maxLength: 30 }),
      fc.array(fc.tuple(fc.nat(2000), fc.nat(255)), { maxLength: 3 }),
      fc.integer({ min: 1, max: 200 }),
      fc.constantFrom("listen", "pause", "reset", "talk"),
      async (frames, changes, pieceBytes, manner) => {
        const { client, wire } = raw();
        await client.ready;
        const told: Told[] = [];
        const streams: OutgoingStream[] = [];
        for (let i = 0; i < 2 && client.hasRoom; i++) {
          const one = new Told();
          told.push(one);
          const stream = client.open(fields, one);
          streams.push(stream);
          if (manner === "pause") stream.pause();
          if (manner === "talk") stream.write(Buffer.alloc(100_000));
          else stream.end();
        }
        const bytes = Buffer.concat(frames);
        for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
        for (let at = 0; at < bytes.length && !wire.destroyed; at += pieceBytes) {
          wire.write(bytes.subarray(at, at + pieceBytes));
          if (at % 7 === 0) await turn();
        }
        await turn();
        if (manner === "reset") for (const stream of streams) stream.reset(8);
        wire.destroy();
        client.destroy();
        await client.gone;
        for (let i = 0; i < 3; i++) await turn();
        for (const { calls } of told) {
          assert.equal(calls.filter((call) => call.startsWith("closed")).length, 1, calls.join());
          assert.ok(calls.at(-1)?.startsWith("closed"), calls.join());
          assert.ok(calls.filter((call) => call.startsWith("ended")).length <= 1);
        }
      },
    ),
    { numRuns: 300 },
  );
});
