/** The servers that are measured: ours as it is built, and Debian's etcd; each alone in a temporary directory. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

/** Clock ticks a second of /proc/PID/stat: fixed at 100 in Linux' user interface. */
const ticksPerSecond = 100;

export interface MeasuredServer {
  readonly name: string;
  readonly clientUrl: string;
  /** CPU seconds used so far. */
  cpuSeconds(): number;
  /** Resident bytes. */
  residentBytes(): number;
  stop(): Promise<void>;
}

export async function startRaftsman(): Promise<MeasuredServer> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-bench-"));
  const [client, peer] = [await freePort(), await freePort()];
  const clientUrl = `http://127.0.0.1:${client}`;
  const entry = join(import.meta.dirname, "../dist/raftsman.js");
  const flags = [
    "--data-dir",
    join(directory, "data"),
    "--listen-client-urls",
    clientUrl,
    "--secure-port",
    "0",
  ];
  const peers = ["--listen-peer-urls", `http://127.0.0.1:${peer}`, "--controllers="];
  const child = spawn(process.execPath, [entry, "serve", ...flags, ...peers], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("ready")) break;
  child.stdout.resume();
  return measured("raftsman", clientUrl, child, directory);
}

export async function startEtcd(): Promise<MeasuredServer> {
  const directory = mkdtempSync(join(tmpdir(), "etcd-bench-"));
  const [client, peer] = [await freePort(), await freePort()];
  const clientUrl = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  const child = spawn(
    "etcd",
    [
      ...[
        "--data-dir",
        join(directory, "data"),
        "--listen-client-urls",
        clientUrl,
        "--advertise-client-urls",
        clientUrl,
      ],
      ...[
        "--listen-peer-urls",
        peerUrl,
        "--initial-advertise-peer-urls",
        peerUrl,
        "--initial-cluster",
        `default=${peerUrl}`,
      ],
      ...["--log-level", "error"],
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  while (
    !(await fetch(`${clientUrl}/health`).then(
      (answer) => answer.ok,
      () => false,
    ))
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return measured("etcd", clientUrl, child, directory);
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

function measured(name: string, clientUrl: string, child: ChildProcess, directory: string): MeasuredServer {
  return {
    name,
    clientUrl,
    cpuSeconds: () => cpuSecondsOf(child.pid),
    residentBytes: () => residentBytesOf(child.pid),
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
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
