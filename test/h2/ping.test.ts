import assert from "node:assert/strict";
import { test } from "node:test";
import type { IncomingStream } from "../../src/h2/index.ts";
import { endHeaders, endStream, frame, post, RawClient, StillClock, type } from "./raw-client.ts";

/** Its timers fire when somebody says so. */
class HandClock extends StillClock {
  readonly #waiting = new Set<() => void>();

  override after = (_milliseconds = 0, fire = (): void => {}) => {
    this.#waiting.add(fire);
    return { cancel: () => void this.#waiting.delete(fire) };
  };

  fire(): void {
    const due = [...this.#waiting];
    this.#waiting.clear();
    for (const fire of due) fire();
  }
}

const ping = frame(type.ping, 0, 0, Buffer.from("measured"));

async function setUp() {
  const clock = new HandClock();
  const streams: IncomingStream[] = [];
  const client = new RawClient({
    clock,
    onRequest: () => {},
    onStream: (stream) => {
      streams.push(stream);
      stream.receive({ data: () => {}, ended: () => {}, closed: () => {} });
      return true;
    },
  });
  client.hello();
  // The answer to the settings would take the PING's along.
  await client.settle();
  const kinds = () => client.frames.map((one) => one.type).filter((kind) => kind !== type.settings);
  return { client, clock, streams, kinds };
}

test("the answer to a PING waits for what a request is answered with, and leaves before it", async () => {
  const { client, streams, kinds } = await setUp();
  client.send(frame(type.headers, endHeaders | endStream, 1, post), ping);
  await client.settle();
  const before = kinds();
  assert.ok(!before.includes(type.ping));
  streams[0]?.respond({ ":status": "200" }, { end: true });
  await client.settle();
  assert.deepEqual(kinds().slice(before.length), [type.ping, type.headers]);
  client.cut();
});

test("it does not wait for long, nor where nothing is under way", async () => {
  const { client, clock, kinds } = await setUp();
  client.send(ping);
  await client.settle();
  assert.equal(kinds().filter((kind) => kind === type.ping).length, 1);
  client.send(frame(type.headers, endHeaders | endStream, 1, post), ping, ping);
  await client.settle();
  assert.equal(kinds().filter((kind) => kind === type.ping).length, 1);
  clock.fire();
  await client.settle();
  assert.equal(kinds().filter((kind) => kind === type.ping).length, 3);
  client.cut();
});
