/**
 * `npm run bench -- router`: 1 KB answers over connections that are kept, by HAProxy and by the router's own proxy, and requests failed while endpoints come and go. Backends are
 * HAProxy answering by itself, the client is h2load; all share the machine.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Table from "cli-table3";
import { createClient, readKubeconfig, undiciTransport } from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { eventually, startCluster } from "../test/e2e/cluster.ts";
import { addService, addSlice, scopes } from "../test/traffic/world.ts";

const seconds = 6;
const connections = 32;
const backendsCount = 10;
const port = 18_180;
const backendPort = 18_190;
const entry = join(import.meta.dirname, "../dist/raftsman.js");
const address = (number: number): string => `127.128.77.${number}`;

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-router-bench-"));
  const cluster = await startCluster(["--service-cluster-ip-range", "127.127.0.0/16", "--nodes", "0"]);
  const transport = undiciTransport(await readKubeconfig(nodePlatform().disk, cluster.kubeconfig));
  const client = createClient({ transport, userAgent: "bench" });
  const backends = startBackends(directory);
  const table = new Table({
    head: [
      "",
      "requests/s",
      "µs CPU a request",
      "failed while scaling 1 → 10 → 1",
      "of",
      "requests/s meanwhile",
    ],
  });
  try {
    const endpoints = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ addresses: [address(index + 1)], conditions: {} }));
    const portOfSlice = { name: "http", protocol: "TCP", port: backendPort };
    await addService({ client }, "bench", { ports: [{ ...portOfSlice, port: 80 }] });
    const slice = await addSlice({ client }, "bench", { ports: [portOfSlice], endpoints: endpoints(2) });
    await client.create(
      { group: "networking.k8s.io", version: "v1", resource: "ingresses", namespace: "default" },
      {
        metadata: { name: "bench" },
        spec: {
          ingressClassName: "raftsman",
          rules: [
            {
              http: {
                paths: [
                  {
                    path: "/",
                    pathType: "Prefix",
                    backend: { service: { name: "bench", port: { number: 80 } } },
                  },
                ],
              },
            },
          ],
        },
      },
    );
    const setCount = (count: number) =>
      client.patch({ ...scopes.slices, namespace: "default" }, slice.metadata.name as string, {
        type: "merge",
        body: { endpoints: endpoints(count) },
      });
    for (const driver of ["haproxy", "embedded"]) {
      progress(driver);
      const args = ["router", "--kubeconfig", cluster.kubeconfig, "--driver", driver];
      const listen = ["--http-listen", `127.0.0.1:${port}`, "--https-listen", `127.0.0.1:${port + 1}`];
      const child = spawn(process.execPath, [entry, ...args, ...listen], { stdio: "ignore" });
      try {
        await setCount(2);
        await eventually("it routes", async () => (await load(1).catch(() => undefined))?.good === 1);
        await load(undefined, 2);
        const before = cpuSeconds(child.pid as number);
        const steady = await load(undefined, seconds);
        const cpu = cpuSeconds(child.pid as number) - before;
        const scaling = load(undefined, seconds);
        for (const count of [1, 2, 5, 10, 10, 5, 2, 1]) {
          await setCount(count);
          await new Promise((resolve) => setTimeout(resolve, (seconds * 1000) / 10));
        }
        const scaled = await scaling;
        table.push([
          driver,
          Math.round(steady.perSecond),
          ((cpu / steady.good) * 1e6).toFixed(1),
          scaled.total - scaled.good,
          scaled.total,
          Math.round(scaled.perSecond),
        ]);
      } finally {
        child.kill("SIGTERM");
        await new Promise((resolve) => child.once("exit", resolve));
      }
    }
  } finally {
    backends.kill("SIGTERM");
    await transport.close();
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the table's colours.
  return [table.toString().replace(/\u001b\[\d+m/g, "")];
}

/** 1 KB from each address, by one HAProxy with one thread. */
function startBackends(directory: string): ChildProcess {
  const file = join(directory, "backends.config");
  const body = "x".repeat(1024);
  const binds = Array.from(
    { length: backendsCount },
    (_, index) => `  bind ${address(index + 1)}:${backendPort}`,
  ).join("\n");
  writeFileSync(
    file,
    `global\n  nbthread 1\ndefaults\n  mode http\n  timeout client 60s\n  timeout connect 1s\n  timeout server 60s\nfrontend f\n${binds}\n  http-request return status 200 content-type text/plain string "${body}"\n`,
  );
  return spawn("haproxy", ["-db", "-f", file], { stdio: "ignore" });
}

interface Load {
  readonly total: number;
  /** Answered with 2xx. */
  readonly good: number;
  readonly perSecond: number;
}

async function load(requests: number | undefined, duration?: number): Promise<Load> {
  const amount =
    requests === undefined
      ? ["-c", String(connections), "-D", String(duration)]
      : ["-c", "1", "-n", String(requests)];
  const { stdout } = await promisify(execFile)("h2load", [
    ...["--h1", "-t", "1", ...amount],
    `http://127.0.0.1:${port}/`,
  ]);
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  const failed = number(/requests: .* (\d+) failed/);
  const good = number(/status codes: (\d+) 2xx/);
  const others = number(/2xx, (\d+) 3xx/) + number(/3xx, (\d+) 4xx/) + number(/4xx, (\d+) 5xx/);
  return { total: good + others + failed, good, perSecond: number(/, ([\d.]+) req\/s/) };
}

/** Of a process and those it started; clock ticks are hundredths of a second on Linux. */
function cpuSeconds(pid: number): number {
  let ticks = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const fields = readFileSync(`/proc/${name}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      const isChild = Number(fields[1]) === pid || isGrandchild(Number(fields[1]), pid);
      if (Number(name) === pid || isChild) ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks / 100;
}

function isGrandchild(parent: number, pid: number): boolean {
  try {
    return Number(readFileSync(`/proc/${parent}/stat`, "utf8").split(") ")[1]?.split(" ")[1]) === pid;
  } catch {
    return false;
  }
}
