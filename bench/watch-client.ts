/**
 * A process with many watches: `watch-client.ts ORIGIN TOKEN PATH CONNECTIONS WATCHES`. Says `watching` when every watch has its answer's head; then,
 * for each line on its input:
 * - `N`: `counting`, and `N MILLISECONDS` as soon as every watch has had N events more
 * - `N PER_SECOND OBJECT_PATH`: `counting`, changes the object N times at that pace, and as soon as every watch has had all events `N P99`, milliseconds
 *   from a change being sent to its event, of all watches
 * Only newlines are counted, so that the client costs little.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { createInterface } from "node:readline";
import { type CountingConnection, countingConnection } from "./counting-connection.ts";
import { percentile } from "./statistics.ts";

const [origin = "", token = "", path = "", connections = "1", watches = "1"] = process.argv.slice(2);
const authorization = `Bearer ${token}`;

let events = 0;
let wanted = Number.POSITIVE_INFINITY;
let finished: () => void = () => {};
/** When the changes were sent whose time is taken, how many of them each watch was told of, and how long that took. */
let sentMs: number[] = [];
const told = new Uint32Array(Number(watches));
let latenciesMs: number[] = [];

/** Resolves with the head of the answer. */
function openWatch(connection: CountingConnection, index: number): Promise<void> {
  return connection.get({ ":path": path, authorization }, (lines) => {
    events += lines;
    if (sentMs.length > 0)
      for (let line = 0; line < lines; line++) latenciesMs.push(performance.now() - sentOf(index));
    if (events >= wanted) finished();
  });
}

/** When the change was sent that a watch is told of now. */
function sentOf(index: number): number {
  const change = told[index] as number;
  told[index] = change + 1;
  return sentMs[change] as number;
}

/** Changes the object; resolves when the answer is whole. */
function change(writer: ClientHttp2Session, objectPath: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = writer.request({
    ":method": "PATCH",
    ":path": objectPath,
    authorization,
    "content-type": "application/merge-patch+json",
  });
  stream.on("response", ({ ":status": status }) => status !== 200 && reject(new Error(`status ${status}`)));
  stream.on("end", resolve).on("error", reject).resume();
  const sent = performance.now();
  sentMs.push(sent);
  stream.end(JSON.stringify({ metadata: { annotations: { sent: `${sent}` } } }));
  return promise;
}

async function untilEvents(count: number): Promise<void> {
  wanted = events + count * Number(watches);
  await new Promise<void>((resolve) => {
    finished = resolve;
  });
  wanted = Number.POSITIVE_INFINITY;
}

const opened: CountingConnection[] = [];
for (let i = 0; i < Number(connections); i++) opened.push(await countingConnection(new URL(origin)));
const writer = connect(origin, { rejectUnauthorized: false });
await Promise.all(
  Array.from({ length: Number(watches) }, (_, i) =>
    openWatch(opened[i % opened.length] as CountingConnection, i),
  ),
);
console.log("watching");
for await (const line of createInterface({ input: process.stdin })) {
  const [count = "", perSecond, objectPath = ""] = line.split(" ");
  const began = performance.now();
  const all = untilEvents(Number(count));
  console.log("counting");
  if (perSecond === undefined) {
    await all;
    console.log(`${count} ${performance.now() - began}`);
    continue;
  }
  sentMs = [];
  latenciesMs = [];
  told.fill(0);
  for (let i = 0; i < Number(count); i++) {
    await new Promise((resolve) =>
      setTimeout(resolve, Math.max(0, began + (i * 1000) / Number(perSecond) - performance.now())),
    );
    await change(writer, objectPath);
  }
  await all;
  sentMs = [];
  console.log(`${count} ${percentile(latenciesMs, 0.99)}`);
}
for (const connection of opened) connection.destroy();
writer.destroy();
