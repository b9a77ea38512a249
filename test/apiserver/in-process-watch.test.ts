import assert from "node:assert/strict";
import { test } from "node:test";
import type { WatchEvent } from "../../src/apimachinery/index.ts";
import { createClient } from "../../src/client/index.ts";
import { openServer, watchesIn } from "./open-server.ts";

const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const namespaces = { group: "", version: "v1", resource: "namespaces" };

/** A server, two clients of its process that watch Namespaces from the start, and what the server says of open watches. */
async function start() {
  const { server, close } = openServer();
  const client = createClient({ transport: server.transport(admin), userAgent: "test" });
  const stop = new AbortController();
  const watch = (signal: AbortSignal) =>
    client.watch(namespaces, { resourceVersion: "1", signal })[Symbol.asyncIterator]();
  return {
    client,
    server,
    stop,
    watch,
    async openWatches() {
      const { body } = await client.raw({ method: "GET", path: "/metrics", accept: "*/*" });
      return watchesIn(body);
    },
    close,
  };
}

async function next(events: AsyncIterator<WatchEvent>): Promise<WatchEvent> {
  const { value, done } = await events.next();
  assert.equal(done, false, "the watch has ended");
  return value;
}

test("watchers of this process share one object for each change, which is what a get answers", async () => {
  const { client, watch, stop, close } = await start();
  const watches = [watch(stop.signal), watch(stop.signal)];
  await client.create(namespaces, { metadata: { name: "one", labels: { a: "b" } } });
  const [first, second] = await Promise.all(watches.map(next));
  assert.equal(first?.type, "ADDED");
  assert.equal(first?.object, second?.object);
  assert.deepEqual(first?.object, await client.get(namespaces, "one"));
  stop.abort();
  await close();
});

test("a watch of this process ends with its signal, its reader or its server, and nothing is kept of it", async () => {
  const { client, server, watch, openWatches, close } = await start();
  const stop = new AbortController();
  const stopped = watch(stop.signal);
  const left = watch(new AbortController().signal);
  const served = watch(new AbortController().signal);
  await client.create(namespaces, { metadata: { name: "one" } });
  await Promise.all([stopped, left, served].map(next));
  assert.equal(await openWatches(), 3);
  stop.abort();
  assert.equal((await stopped.next()).done, true);
  await left.return?.();
  assert.equal(await openWatches(), 1);
  await server.close();
  assert.equal((await served.next()).done, true);
  assert.equal(await openWatches(), 0);
  await close();
});

test("a watch of this process that cannot begin says why in an event, as a stream does", async () => {
  const { client, close } = await start();
  const { signal } = new AbortController();
  const future = client.watch(namespaces, {
    resourceVersion: "999999999",
    sendInitialEvents: true,
    resourceVersionMatch: "NotOlderThan",
    signal,
  });
  const event = await next(future[Symbol.asyncIterator]());
  assert.equal(event.type, "ERROR");
  await close();
});
