import assert from "node:assert/strict";
import { test } from "node:test";
import { etcdserverpb } from "../../src/wire/index.ts";
import { grpcClient } from "./grpc-client.ts";
import { serve } from "./serve.ts";

const { KVService, WatchService } = etcdserverpb;
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | undefined): string => Buffer.from(value ?? []).toString();

test("watches of one stream see their own keys, from a past revision and live", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  await client.call(KVService.Put, { key: bytes("a/1"), value: bytes("old") });
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: bytes("a/"), rangeEnd: bytes("a0"), startRevision: 2, prevKv: true } });
  assert.deepEqual(pick(await stream.next()), { watchId: 0, created: true, revision: 2 });
  assert.equal(text((await stream.next()).events[0]?.kv?.value), "old");
  stream.send({ createRequest: { key: bytes("b"), watchId: 9 } });
  assert.deepEqual(pick(await stream.next()), { watchId: 9, created: true, revision: 2 });
  await client.call(KVService.Put, { key: bytes("b") });
  await client.call(KVService.Put, { key: bytes("a/1"), value: bytes("new") });
  assert.equal((await stream.next()).watchId, 9);
  const changed = await stream.next();
  assert.deepEqual([changed.watchId, text(changed.events[0]?.prevKv?.value)], [0, "old"]);
  stream.send({ cancelRequest: { watchId: 9 } });
  assert.equal((await stream.next()).canceled, true);
  await client.call(KVService.Put, { key: bytes("b") });
  await client.call(KVService.DeleteRange, { key: bytes("a/1") });
  const deleted = await stream.next();
  assert.deepEqual([deleted.watchId, deleted.events[0]?.type, deleted.header?.revision], [0, 1, 6]);
  stream.cancel();
});

test("watches that get the same events get them under their own ids, and one with prevKv or a filter gets its own", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  await client.call(KVService.Put, { key: bytes("k"), value: bytes("0") });
  const streams = [client.open(WatchService.Watch), client.open(WatchService.Watch)];
  const watches = [{}, { prevKv: true }, {}, { filters: [0] }, { fragment: true }];
  for (const stream of streams)
    for (const options of watches) {
      stream.send({ createRequest: { key: bytes("k"), ...options } });
      assert.equal((await stream.next()).created, true);
    }
  for (const value of ["1", "22", "x".repeat(100_000)]) {
    const { header } = await client.call(KVService.Put, { key: bytes("k"), value: bytes(value) });
    for (const stream of streams) {
      const told = new Map<number, etcdserverpb.WatchResponse>();
      while (told.size < 4) {
        const response = await stream.next();
        told.set(response.watchId, response);
      }
      assert.deepEqual([...told.keys()].sort(), [0, 1, 2, 4]);
      for (const { header: at, events, watchId } of told.values()) {
        assert.equal(at?.revision, header?.revision);
        assert.deepEqual(
          events.map(({ kv }) => text(kv?.value)),
          [value],
        );
        assert.equal(events[0]?.prevKv !== undefined, watchId === 1);
      }
    }
  }
  for (const stream of streams) stream.cancel();
});

test("an id that is free again is not given to the next watch, and a taken one is stepped over", async (t) => {
  const { port } = await serve(t);
  const stream = grpcClient(t, port).open(WatchService.Watch);
  const create = async (watchId: number): Promise<number> => {
    stream.send({ createRequest: { key: bytes("k"), watchId } });
    return (await stream.next()).watchId;
  };
  assert.deepEqual([await create(1), await create(0), await create(0)], [1, 0, 2]);
  stream.send({ cancelRequest: { watchId: 0 } });
  await stream.next();
  assert.equal(await create(0), 3);
  stream.cancel();
});

test("an id whose watch a compaction has ended is taken until it is cancelled", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  for (let i = 0; i < 3; i++) await client.call(KVService.Put, { key: bytes("k") });
  await client.call(KVService.Compact, { revision: 3 });
  const stream = client.open(WatchService.Watch);
  const create = async (startRevision: number) => {
    stream.send({ createRequest: { key: bytes("k"), watchId: 7, startRevision } });
    return stream.next();
  };
  assert.equal((await create(1)).created, true);
  const { watchId, canceled, compactRevision } = await stream.next();
  assert.deepEqual(
    { watchId, canceled, compactRevision },
    { watchId: 7, canceled: true, compactRevision: 3 },
  );
  assert.match((await create(0)).cancelReason, /duplicate watch ID/);
  stream.send({ cancelRequest: { watchId: 7 } });
  assert.equal((await stream.next()).canceled, true);
  assert.equal((await create(0)).canceled, false);
  stream.cancel();
});

test("a progress request is answered once, after everything before it, with id -1", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  for (let i = 0; i < 20; i++) await client.call(KVService.Put, { key: bytes(`k${i}`) });
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: bytes("k"), rangeEnd: bytes("l"), startRevision: 2 } });
  stream.send({ createRequest: { key: bytes("x") } });
  stream.send({ progressRequest: {} });
  let events = 0;
  for (;;) {
    const response = await stream.next();
    events += response.events.length;
    if (response.watchId !== -1) continue;
    assert.equal(response.header?.revision, 21);
    break;
  }
  assert.equal(events, 20);
  stream.cancel();
});

test("a client that does not read is not buffered for, and misses nothing once it reads", async (t) => {
  const { port, store } = await serve(t);
  let taken = 0;
  const { watch } = store.kv;
  store.kv.watch = (query, observer) =>
    watch(query, {
      onEvents(events, revision) {
        const room = observer.onEvents(events, revision);
        if (room) taken += events.length;
        return room;
      },
      onClosed: (reason) => observer.onClosed(reason),
    });
  const client = grpcClient(t, port);
  const watching = grpcClient(t, port);
  const stream = watching.open(WatchService.Watch);
  stream.send({ createRequest: { key: bytes("k"), rangeEnd: bytes("l") } });
  await stream.next();
  stream.pause();
  const value = new Uint8Array(200_000);
  for (let i = 0; i < 100; i++) await client.call(KVService.Put, { key: bytes(`k${i}`), value });
  // The sockets of both sides and one HTTP/2 window hold a few megabytes of the 20.
  assert.ok(taken < 60, `${taken} of 100 events were taken`);
  stream.resume();
  const seen: string[] = [];
  while (seen.length < 100) for (const event of (await stream.next()).events) seen.push(text(event.kv?.key));
  assert.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, i) => `k${i}`),
  );
  stream.cancel();
});

test("fragments are cut below the limit, say so, and together hold every event", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  for (let i = 0; i < 6; i++)
    await client.call(KVService.Put, { key: bytes(`k${i}`), value: new Uint8Array(700_000) });
  const stream = client.open(WatchService.Watch);
  stream.send({ createRequest: { key: bytes("k"), rangeEnd: bytes("l"), startRevision: 2, fragment: true } });
  assert.equal((await stream.next()).created, true);
  let events = 0;
  let fragments = 0;
  while (events < 6) {
    const response = await stream.next();
    assert.ok(response.events.length <= 2);
    events += response.events.length;
    if (response.fragment) fragments++;
    else assert.ok(response.events.length > 0);
  }
  assert.ok(fragments > 0);
  stream.cancel();
});

test("fragments have room for as many bytes as a client's message, and what fits is not cut", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  for (const key of ["k1", "k2"])
    await client.call(KVService.Put, { key: bytes(key), value: new Uint8Array(1_048_400) });
  await client.call(KVService.Put, { key: bytes("l1"), value: new Uint8Array(1_048_400) });
  await client.call(KVService.Put, { key: bytes("l2"), value: new Uint8Array(1_048_700) });
  const stream = client.open(WatchService.Watch);
  const eventsFrom = async (key: string, rangeEnd: string): Promise<[number, boolean]> => {
    stream.send({
      createRequest: { key: bytes(key), rangeEnd: bytes(rangeEnd), startRevision: 2, fragment: true },
    });
    assert.equal((await stream.next()).created, true);
    const { events, fragment } = await stream.next();
    return [events.length, fragment];
  };
  assert.deepEqual(await eventsFrom("k", "l"), [2, false]);
  assert.deepEqual(await eventsFrom("l", "m"), [1, true]);
  stream.cancel();
});

test("a stopping server ends watches with an error that clients retry elsewhere", async (t) => {
  const { port, store } = await serve(t);
  const stream = grpcClient(t, port).open(WatchService.Watch);
  stream.send({ createRequest: { key: bytes("k") } });
  await stream.next();
  store.close();
  await assert.rejects(stream.next(), { code: 14, details: "etcdserver: server stopped" });
});

function pick(response: etcdserverpb.WatchResponse): object {
  return { watchId: response.watchId, created: response.created, revision: response.header?.revision };
}
