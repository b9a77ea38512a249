/** How the cost of a put and of a range, and memory, change as the keys become more; and how long a reader waits while a large store is written to. */
import { type MeasuredServer, programs, startStore } from "../servers.ts";
import { type Progress, quick, type Sample } from "./compare.ts";
import { send } from "./filling.ts";
import { measure } from "./kv-load.ts";
import { fill, get, list, put } from "./requests.ts";

const sizes = quick ? [10_000, 100_000] : [10_000, 100_000, 1_000_000];
const storedBytes = 300;

export const growthHead = [
  "keys of 300 bytes",
  "put CPU µs",
  "etcd's",
  "range of 1,000, CPU µs",
  "etcd's",
  "resident MB",
  "etcd's",
  "longest get while put, ms",
  "etcd's",
];

interface State {
  readonly put: Sample;
  readonly range: Sample;
  readonly residentBytes: number;
  readonly longestMs: number;
}

export async function growth(progress: Progress): Promise<string[][]> {
  const states = new Map<string, State[]>();
  for (const program of programs) {
    const all: State[] = [];
    for (const size of sizes) {
      // One at a time: the other one's memory would be missing. And each a new one: a key has one revision when the memory is looked at.
      const server = await startStore(program);
      try {
        await send(server, fill(0, size, storedBytes));
        all.push(await look(server));
      } finally {
        await server.stop();
      }
      progress(`${program.name} with ${size} keys`);
    }
    states.set(program.name, all);
  }
  return sizes.map((size, i) => {
    const [ours, theirs] = ["raftsman", "etcd"].map((name) => states.get(name)?.[i]);
    if (ours === undefined || theirs === undefined) throw new Error("nothing was measured");
    return [
      size.toLocaleString("en"),
      ...[ours.put.cpuMicros, theirs.put.cpuMicros].map((micros) => micros.toFixed(1)),
      ...[ours.range.cpuMicros, theirs.range.cpuMicros].map((micros) => micros.toFixed(0)),
      ...[ours.residentBytes, theirs.residentBytes].map((bytes) => (bytes / 1e6).toFixed(0)),
      ...[ours.longestMs, theirs.longestMs].map((milliseconds) => milliseconds.toFixed(1)),
    ];
  });
}

async function look(server: MeasuredServer): Promise<State> {
  const residentBytes = server.residentBytes();
  const many = { connections: 8, streams: 64 };
  await measure(server, { call: put, requests: 10_000, ...many });
  const puts = await measure(server, { call: put, requests: 40_000, ...many });
  const lists = { call: list(1_000), connections: 8, streams: 4 };
  await measure(server, { ...lists, requests: 200 });
  const range = await measure(server, { ...lists, requests: 1_000 });
  // A few puts at a time, so that what a reader waits for is the server and not those before it in the queue.
  const [reads] = await Promise.all([
    measure(server, { call: get({ serializable: true }), requests: 4_000, connections: 1, streams: 1 }),
    measure(server, { call: put, requests: 10_000, connections: 1, streams: 4 }),
  ]);
  return { put: puts, range, residentBytes, longestMs: reads.longestMs ?? Number.NaN };
}
