/**
 * `npm run bench -- dns`: the DNS server, and CoreDNS where there is one ($COREDNS or on the PATH), over the same API with 1,000 Services, asked by Debian's
 * dnsperf. Each server has one core (CoreDNS: GOMAXPROCS=1); dnsperf shares the machine.
 */
import { execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import Table from "cli-table3";
import { createClient, readKubeconfig, undiciTransport } from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { dig } from "../test/dns/dig.ts";
import { eventually, startCluster } from "../test/e2e/cluster.ts";
import { addService, addSlice } from "../test/traffic/world.ts";
import { percentile } from "./statistics.ts";

const servicesCount = 1000;
const endpointsEach = 5;
const ratePerSecond = 20_000;
const seconds = 5;
const entry = join(import.meta.dirname, "../dist/raftsman.js");

export async function bench(progress: (line: string) => void): Promise<string[]> {
  if (spawnSync("which", ["dnsperf"]).status !== 0)
    throw new Error("dnsperf is not installed (Debian: apt install dnsperf)");
  const directory = mkdtempSync(join(tmpdir(), "raftsman-dns-"));
  const cluster = await startCluster(["--service-cluster-ip-range", "127.96.0.0/16", "--nodes", "0"]);
  const transport = undiciTransport(await readKubeconfig(nodePlatform().disk, cluster.kubeconfig));
  const table = new Table({
    head: ["", "most q/s", `at ${ratePerSecond} q/s: answered`, "p50 ms", "p99 ms", "µs CPU a query"],
  });
  try {
    progress(`${servicesCount} Services with ${endpointsEach} endpoints each`);
    const client = createClient({ transport, userAgent: "bench" });
    const names: string[] = [];
    for (let number = 0; number < servicesCount; number++) {
      const headless = number % 4 === 0;
      const name = `service-${number}`;
      const port = { name: "http", protocol: "TCP", port: 80 };
      await addService({ client }, name, { ...(headless ? { clusterIP: "None" } : {}), ports: [port] });
      await addSlice({ client }, name, {
        ports: [port],
        endpoints: Array.from({ length: endpointsEach }, (_, index) => ({
          addresses: [`127.128.${number >> 5}.${((number & 31) << 3) + index + 1}`],
        })),
      });
      names.push(`${name}.default.svc.cluster.local A`, `_http._tcp.${name}.default.svc.cluster.local SRV`);
      // What a pod's search path makes of a name of another namespace, and of the world.
      names.push(`${name}.default.svc.cluster.local AAAA`, `${name}.other.default.svc.cluster.local A`);
    }
    const queries = join(directory, "queries");
    writeFileSync(queries, `${names.join("\n")}\n`);
    for (const server of serversFor(directory, cluster.kubeconfig)) {
      progress(server.name);
      const child = spawn(server.command, server.args, {
        stdio: "ignore",
        env: { ...process.env, ...server.env },
      });
      try {
        await eventually("the last Service is served", async () => {
          const name = `service-${servicesCount - 1}.default.svc.cluster.local`;
          return (await dig(server.port, name).catch(() => undefined))?.status === "NOERROR";
        });
        await dnsperf(server.port, queries, ["-l", "2"]);
        const most = await dnsperf(server.port, queries, ["-l", String(seconds)]);
        const cpuBefore = cpuSeconds(child.pid as number);
        const steady = await dnsperf(server.port, queries, [
          "-l",
          String(seconds),
          "-Q",
          String(ratePerSecond),
          "-v",
        ]);
        const cpu = cpuSeconds(child.pid as number) - cpuBefore;
        table.push([
          server.name,
          Math.round(most.perSecond),
          `${((steady.completed / steady.sent) * 100).toFixed(2)} %`,
          (percentile(steady.latencies, 0.5) * 1000).toFixed(2),
          (percentile(steady.latencies, 0.99) * 1000).toFixed(2),
          ((cpu / steady.completed) * 1e6).toFixed(1),
        ]);
      } finally {
        child.kill("SIGTERM");
        await new Promise((resolve) => child.once("exit", resolve));
      }
    }
  } finally {
    await transport.close();
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the table's colours.
  return [table.toString().replace(/\u001b\[\d+m/g, "")];
}

function* serversFor(directory: string, kubeconfig: string) {
  const port = 10_155;
  yield {
    name: "raftsman dns",
    port,
    command: process.execPath,
    args: [entry, "dns", "--kubeconfig", kubeconfig, "--dns-listen", `127.0.0.1:${port}`],
    env: {},
  };
  const coredns =
    process.env["COREDNS"] ?? (spawnSync("which", ["coredns"]).status === 0 ? "coredns" : undefined);
  if (coredns === undefined) return;
  const corefile = join(directory, "Corefile");
  writeFileSync(
    corefile,
    `.:${port + 1} {\n  bind 127.0.0.1\n  kubernetes cluster.local in-addr.arpa ip6.arpa {\n    kubeconfig ${kubeconfig}\n    pods insecure\n  }\n  loadbalance\n}\n`,
  );
  yield {
    name: "CoreDNS",
    port: port + 1,
    command: coredns,
    args: ["-conf", corefile],
    env: { GOMAXPROCS: "1" },
  };
  const cached = join(directory, "Corefile.cache");
  writeFileSync(
    cached,
    readFileSync(corefile, "utf8").replace(`.:${port + 1} {`, `.:${port + 2} {\n  cache 5`),
  );
  yield {
    name: "CoreDNS with its cache",
    port: port + 2,
    command: coredns,
    args: ["-conf", cached],
    env: { GOMAXPROCS: "1" },
  };
}

interface Measured {
  readonly sent: number;
  readonly completed: number;
  readonly perSecond: number;
  /** Seconds; of a run with `-v`. */
  readonly latencies: number[];
}

async function dnsperf(port: number, queries: string, flags: string[]): Promise<Measured> {
  const { stdout } = await promisify(execFile)(
    "dnsperf",
    ["-s", "127.0.0.1", "-p", String(port), "-d", queries, "-c", "8", "-T", "1", ...flags],
    { maxBuffer: 256 * 1024 * 1024 },
  );
  const number = (pattern: RegExp) => Number(pattern.exec(stdout)?.[1] ?? Number.NaN);
  return {
    sent: number(/Queries sent:\s+(\d+)/),
    completed: number(/Queries completed:\s+(\d+)/),
    perSecond: number(/Queries per second:\s+([\d.]+)/),
    latencies: [...stdout.matchAll(/^> \w+ \S+ \S+ ([\d.]+)$/gm)].map(([, text]) => Number(text)),
  };
}

/** Clock ticks of /proc/PID/stat are hundredths of a second on Linux. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}
