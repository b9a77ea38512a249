/**
 * A process with many watches: `watch-client.ts ORIGIN TOKEN PATH CONNECTIONS WATCHES`. Says `watching` when every watch has its answer's head; then,
 * for each line `N` on its input, `N MILLISECONDS` as soon as every watch has had N events more. Only newlines are counted, so that the client costs little.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { createInterface } from "node:readline";

const [origin = "", token = "", path = "", connections = "1", watches = "1"] = process.argv.slice(2);
const sessions: ClientHttp2Session[] = [];
let events = 0;
let wanted = Number.POSITIVE_INFINITY;
let began = 0;
let asked = 0;

function count(chunk: Buffer): void {
  for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, at + 1)) events++;
  if (events < wanted) return;
  wanted = Number.POSITIVE_INFINITY;
  console.log(`${asked} ${performance.now() - began}`);
}

for (let i = 0; i < Number(connections); i++) {
  const session = connect(origin, { rejectUnauthorized: false, settings: { initialWindowSize: 1 << 20 } });
  session.on("connect", () => session.setLocalWindowSize(1 << 24));
  sessions.push(session);
}
const answered = Array.from(
  { length: Number(watches) },
  (_, i) =>
    new Promise<void>((resolve, reject) => {
      const session = sessions[i % sessions.length] as ClientHttp2Session;
      const stream = session.request({ ":path": path, authorization: `Bearer ${token}` });
      stream.on("response", ({ ":status": status }) =>
        status === 200 ? resolve() : reject(new Error(`status ${status}`)),
      );
      stream.on("data", count);
      stream.on("error", reject);
    }),
);
await Promise.all(answered);
console.log("watching");
for await (const line of createInterface({ input: process.stdin })) {
  asked = Number(line);
  began = performance.now();
  wanted = events + asked * Number(watches);
  console.log("counting");
}
for (const session of sessions) session.destroy();
