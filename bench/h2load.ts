/** Runs h2load (of nghttp2), the client of the benchmarks: written in C, it leaves the machine to the servers. */
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { percentile } from "./statistics.ts";

export interface Load {
  /** Scheme, host and port. */
  readonly origin: string;
  /** Asked for in turn, again from the first by every connection. */
  readonly paths: readonly string[];
  readonly method?: string;
  readonly headers: readonly string[];
  readonly body?: Uint8Array | string;
  /** Over all connections. */
  readonly requests: number;
  readonly connections: number;
  /** In flight at once on each connection. */
  readonly streams: number;
}

interface Outcome {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly longestMs: number;
}

/** @throws Error with h2load's output where a request did not succeed */
export async function h2load(load: Load): Promise<Outcome> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-h2load-"));
  try {
    const [uris, body, log] = ["uris", "body", "log"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(uris, load.paths.map((path) => `${load.origin}${path}\n`).join(""));
    writeFileSync(log, "");
    const args = ["-n", `${load.requests}`, "-c", `${load.connections}`, "-m", `${load.streams}`, "-t", "1"];
    args.push("--log-file", log, "-i", uris);
    if (load.body !== undefined) {
      writeFileSync(body, load.body);
      args.push("-d", body);
    }
    if (load.method !== undefined) args.push("-H", `:method: ${load.method}`);
    for (const header of load.headers) args.push("-H", header);
    const { stdout } = await promisify(execFile)("h2load", args);
    const succeeded = Number(/(\d+) succeeded/.exec(stdout)?.[1]);
    if (succeeded !== load.requests)
      throw new Error(`${load.paths[0]}: ${succeeded} of ${load.requests} succeeded\n${stdout}`);
    const perSecond = Number(/([\d.]+) req\/s/.exec(stdout)?.[1]);
    const latencies = readLatenciesMs(log);
    return { perSecond, p99Ms: percentile(latencies, 0.99), longestMs: percentile(latencies, 1) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Each line of h2load's log: start in microseconds, HTTP status, duration in microseconds. */
function readLatenciesMs(log: string): number[] {
  const lines = readFileSync(log, "utf8").trim().split("\n");
  return lines.map((line) => Number(line.split("\t")[2]) / 1000);
}
