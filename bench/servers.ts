/** The servers that are measured: our store as it is built, and etcd; each alone in a temporary directory, both with the same flags. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Clock ticks a second of /proc/PID/stat: fixed at 100 in Linux' user interface. */
const ticksPerSecond = 100;
const startTimeoutMs = 60_000;

/** A program that takes etcd's flags. */
export interface StoreProgram {
  readonly name: "raftsman" | "etcd";
  readonly command: readonly [string, ...string[]];
}

export const programs: readonly StoreProgram[] = [
  // By the command that people start, which chooses how memory is had.
  { name: "raftsman", command: [join(import.meta.dirname, "../bin/raftsman"), "store"] },
  // Debian's, or another one.
  { name: "etcd", command: [process.env["ETCD"] ?? "etcd"] },
];

export interface MeasuredServer {
  readonly name: StoreProgram["name"];
  /** Of every member. */
  readonly clientUrls: readonly string[];
  /** Of the member that leads. */
  readonly clientUrl: string;
  /** From the first process to the last member's /health, milliseconds. */
  readonly startMs: number;
  /** CPU seconds used so far, by all members. */
  cpuSeconds(): number;
  /** Resident bytes of all members. */
  residentBytes(): number;
  /** Removes the data, too, unless its home was given. */
  stop(): Promise<void>;
}

/** Where a cluster lives, from one start to the next. */
export interface Home {
  readonly directory: string;
  readonly members: readonly { readonly name: string; readonly client: string; readonly peer: string }[];
}

export async function newHome(program: StoreProgram, membersCount = 1): Promise<Home> {
  const directory = mkdtempSync(join(tmpdir(), `${program.name}-bench-`));
  const members = [];
  for (let i = 0; i < membersCount; i++) {
    const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
    members.push({ name: `member-${i}`, client, peer });
  }
  return { directory, members };
}

/** `home`: one that is started again, perhaps, and stays when the server stops. */
export async function startStore(
  program: StoreProgram,
  options: { members?: number; home?: Home } = {},
): Promise<MeasuredServer> {
  const { directory, members } = options.home ?? (await newHome(program, options.members));
  const cluster = members.map(({ name, peer }) => `${name}=${peer}`).join(",");
  const began = performance.now();
  const children = members.map(({ name, client, peer }) => {
    const flags = {
      name,
      "data-dir": join(directory, name),
      "listen-client-urls": client,
      "advertise-client-urls": client,
      "listen-peer-urls": peer,
      "initial-advertise-peer-urls": peer,
      "initial-cluster": cluster,
      "log-level": "error",
    };
    const [file, ...first] = program.command;
    const args = Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value]);
    return spawn(file, [...first, ...args], { stdio: ["ignore", "ignore", "inherit"] });
  });
  const clientUrls = members.map(({ client }) => client);
  await Promise.all(clientUrls.map(healthy));
  const startMs = performance.now() - began;
  return {
    name: program.name,
    clientUrls,
    clientUrl: members.length === 1 ? (clientUrls[0] as string) : await leaderOf(clientUrls),
    startMs,
    cpuSeconds: () => children.reduce((sum, { pid }) => sum + cpuSecondsOf(pid), 0),
    residentBytes: () => children.reduce((sum, { pid }) => sum + residentBytesOf(pid), 0),
    async stop() {
      await Promise.all(children.map(stopped));
      if (options.home === undefined) rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function healthy(url: string): Promise<void> {
  const deadline = performance.now() + startTimeoutMs;
  const isHealthy = () =>
    new Promise<boolean>((resolve) => {
      get(`${url}/health`, { agent: false }, (response) => {
        response.resume();
        resolve(response.statusCode === 200);
      }).on("error", () => resolve(false));
    });
  while (!(await isHealthy())) {
    if (performance.now() > deadline) throw new Error(`${url} is not healthy after ${startTimeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function leaderOf(clientUrls: readonly string[]): Promise<string> {
  for (const url of clientUrls) {
    const answer = await fetch(`${url}/v3/maintenance/status`, { method: "POST", body: "{}" });
    const { leader, header } = (await answer.json()) as { leader: string; header: { member_id: string } };
    if (leader === header.member_id) return url;
  }
  throw new Error("nobody leads");
}

async function stopped(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  await ended;
}

/** CPU seconds that a process has used so far. */
export function cpuSecondsOf(pid: number | undefined): number {
  // After the command's name in brackets; utime and stime are fields 14 and 15 (proc(5)).
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident bytes of a process. */
export function residentBytesOf(pid: number | undefined): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port")),
      );
    });
  });
}
