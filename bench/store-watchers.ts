/**
 * A process with many watchers of one key: `store-watchers.ts HOST PORT KEY CONNECTIONS WATCHERS`, a stream a connection, on it all of its watchers. Says
 * `watching` when all are made; then, for each line `N` on its input, `N MILLISECONDS` as soon as every watcher has had N events more.
 */
import { createInterface } from "node:readline";
import { createHttpClient } from "../src/h2/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { decode, encodeGrpc, etcdserverpb, GrpcReader } from "../src/wire/index.ts";

const [host = "", port = "", key = "", connections = "1", watchers = "1"] = process.argv.slice(2);
const headers = Object.freeze({
  ":method": "POST",
  ":scheme": "http",
  ":path": etcdserverpb.WatchService.Watch.path,
  ":authority": `${host}:${port}`,
  te: "trailers",
  "content-type": "application/grpc",
});
const { network, clock } = nodePlatform();
const http = createHttpClient({ clock });
const create = encodeGrpc(etcdserverpb.WatchRequest, {
  createRequest: { key: new TextEncoder().encode(key) },
}).slice();

let created = 0;
let events = 0;
let wanted = Number.POSITIVE_INFINITY;
let began = 0;
let asked = 0;
const all = Promise.withResolvers<void>();

function answer(bytes: Uint8Array, start: number, end: number): void {
  const response = decode(etcdserverpb.WatchResponse, bytes.subarray(start, end));
  events += response.events.length;
  if (response.created && ++created === Number(watchers)) all.resolve();
  if (events < wanted) return;
  wanted = Number.POSITIVE_INFINITY;
  console.log(`${asked} ${performance.now() - began}`);
}

for (let i = 0; i < Number(connections); i++) {
  const connection = await network.connect({ host, port: Number(port), timeoutMs: 10_000 });
  const client = http.use(connection, () => {});
  await client.ready;
  const reader = new GrpcReader({ message: answer }, { bytesMax: 2 ** 31 });
  const stream = client.open(headers, {
    headers() {},
    data: (chunk) => reader.push(chunk),
    ended() {},
    closed: (code) => all.reject(new Error(`a watch ended with code ${code}`)),
  });
  for (let watcher = i; watcher < Number(watchers); watcher += Number(connections)) stream.write(create);
}
await all.promise;
console.log("watching");
for await (const line of createInterface({ input: process.stdin })) {
  asked = Number(line);
  began = performance.now();
  wanted = events + asked * Number(watchers);
  console.log("counting");
}
process.exit(0);
