/** What is written to one key, and delivered to everybody who watches it. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { MeasuredServer } from "../servers.ts";
import { compare, cpuMicrosOf, type Progress, quick, type Sample } from "./compare.ts";
import { measure } from "./kv-load.ts";
import { put, watchedKey } from "./requests.ts";

/** Events in one round, over all watchers. */
const eventsInRound = quick ? 50_000 : 300_000;

const fanOuts = [
  { watchers: 1_000, connections: 8 },
  { watchers: 1_000, connections: 1_000 },
];
const growth = [10, 100, 1_000, 10_000].map((watchers) => ({ watchers, connections: 8 }));

/** Events a second, CPU for each. */
export function watchLoads(servers: readonly MeasuredServer[], progress: Progress): Promise<string[][]> {
  return fanOut(servers, fanOuts, progress);
}

/** The same as the watchers of a key become more. */
export function watchGrowth(servers: readonly MeasuredServer[], progress: Progress): Promise<string[][]> {
  return fanOut(servers, growth, progress);
}

async function fanOut(
  servers: readonly MeasuredServer[],
  loads: readonly { readonly watchers: number; readonly connections: number }[],
  progress: Progress,
): Promise<string[][]> {
  const rows: string[][] = [];
  for (const { watchers, connections } of loads) {
    const audiences = new Map<MeasuredServer, Audience>();
    try {
      for (const server of servers) audiences.set(server, await gather(server, connections, watchers));
      const name = `watch: ${watchers.toLocaleString("en")} watchers of a key over ${connections.toLocaleString("en")} connections`;
      const puts = Math.max(20, Math.round(eventsInRound / watchers));
      const deliver = (server: MeasuredServer) => delivered(server, audiences.get(server) as Audience, puts);
      rows.push(await compare(name, servers, deliver, progress));
    } finally {
      for (const audience of audiences.values()) audience.leave();
    }
  }
  return rows;
}

/** A process with watchers. */
interface Audience {
  readonly watchers: number;
  /** Resolves when it has begun to count; `all`: milliseconds until every watcher has had so many events more. */
  expect(events: number): Promise<{ readonly all: Promise<number> }>;
  leave(): void;
}

async function gather(server: MeasuredServer, connections: number, watchers: number): Promise<Audience> {
  const { hostname, port } = new URL(server.clientUrl);
  const key = new TextDecoder().decode(watchedKey);
  const program = join(import.meta.dirname, "../store-watchers.ts");
  const args = [hostname, port, key, String(connections), String(watchers)];
  const child = spawn(process.execPath, [program, ...args], { stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const said = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`the watchers of ${server.name} ended`);
    return value;
  };
  await said();
  return {
    watchers,
    async expect(events) {
      child.stdin.write(`${events}\n`);
      await said();
      return { all: said().then((line) => Number(line.split(" ")[1])) };
    },
    leave: () => void child.kill(),
  };
}

async function delivered(server: MeasuredServer, audience: Audience, puts: number): Promise<Sample> {
  const events = puts * audience.watchers;
  let milliseconds = Number.NaN;
  const cpuMicros = await cpuMicrosOf(server, events, async () => {
    const { all } = await audience.expect(puts);
    await measure(server, { call: put, requests: puts, connections: 1, streams: 8 });
    milliseconds = await all;
  });
  return { perSecond: (events / milliseconds) * 1000, p99Ms: Number.NaN, cpuMicros };
}
