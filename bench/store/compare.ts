/** The same work for both servers, round by round, so that a noisy neighbour disturbs both; and the row of the table that comes of it. */
import type { MeasuredServer } from "../servers.ts";
import { median } from "../statistics.ts";

/** `--quick`: a first look instead of a measurement. */
export const quick = process.argv.includes("--quick");
export const rounds = quick ? 1 : 5;

export interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
  readonly longestMs?: number;
}

export type Progress = (line: string) => void;

export const head = [
  "load",
  "raftsman /s",
  "etcd /s",
  "ratio",
  "p99 ms",
  "etcd's",
  "CPU µs/op",
  "etcd's",
  "ratio",
];

export async function compare(
  name: string,
  servers: readonly MeasuredServer[],
  measure: (server: MeasuredServer) => Promise<Sample>,
  progress: Progress,
): Promise<string[]> {
  const samples = new Map<string, Sample[]>(servers.map((server) => [server.name, []]));
  for (let round = 0; round <= rounds; round++) {
    for (const server of servers) {
      const sample = await measure(server);
      // Round 0 warms both up.
      if (round > 0) samples.get(server.name)?.push(sample);
    }
    progress(`${name}: round ${round} of ${rounds}`);
  }
  const of = (server: string, field: "perSecond" | "p99Ms" | "cpuMicros") =>
    median((samples.get(server) ?? []).map((sample) => sample[field]));
  const [ours, theirs] = [of("raftsman", "perSecond"), of("etcd", "perSecond")];
  const [cpu, cpuTheirs] = [of("raftsman", "cpuMicros"), of("etcd", "cpuMicros")];
  return [
    name,
    Math.round(ours).toLocaleString("en"),
    Math.round(theirs).toLocaleString("en"),
    `${(ours / theirs).toFixed(2)} ×`,
    milliseconds(of("raftsman", "p99Ms")),
    milliseconds(of("etcd", "p99Ms")),
    cpu.toFixed(1),
    cpuTheirs.toFixed(1),
    `${(cpu / cpuTheirs).toFixed(2)} ×`,
  ];
}

function milliseconds(value: number): string {
  return Number.isNaN(value) ? "" : value.toFixed(2);
}

/** CPU microseconds that the server took for each of so many operations. */
export async function cpuMicrosOf(
  server: MeasuredServer,
  operations: number,
  work: () => Promise<void>,
): Promise<number> {
  const before = server.cpuSeconds();
  await work();
  return ((server.cpuSeconds() - before) * 1e6) / operations;
}
