/**
 * What a user waits for: from the command to `ready` (the process included), and from a scale request to the Endpoints as a watcher
 * sees them. Both through the built command and the public API over TLS.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  createClient,
  createInformer,
  readKubeconfig,
  silentLog,
  undiciTransport,
} from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { median, percentile } from "./statistics.ts";

const starts = 15;
const scaleEvents = 200;
const entry = join(import.meta.dirname, "../dist/raftsman.js");

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const startMs: number[] = [];
  for (let i = 0; i <= starts; i++) {
    const cluster = await start();
    // The first one warms the disk.
    if (i > 0) startMs.push(cluster.readyMs);
    await cluster.stop();
    progress(`start ${i} of ${starts}: ${cluster.readyMs.toFixed(0)} ms`);
  }
  const scaleMs = await measureScale(progress);
  const row = (what: string, values: number[]) =>
    `| ${what} | ${values.length} | ${median(values).toFixed(1)} | ${percentile(values, 0.99).toFixed(1)} |`;
  return [
    "| what | times | median ms | p99 ms |",
    "|-|-|-|-|",
    row("`raftsman up`, one member, to `/readyz` ok", startMs),
    row("scale request to Endpoints changed, as a watcher sees it", scaleMs),
  ];
}

async function start() {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-bench-"));
  const kubeconfig = join(directory, "kubeconfig");
  const began = performance.now();
  const flags = ["--port", "0", "--etcd-port", "0", "--kubeconfig", kubeconfig];
  const child = spawn(process.execPath, [entry, "up", ...flags], { stdio: ["ignore", "pipe", "inherit"] });
  for await (const line of createInterface({ input: child.stdout })) if (line.startsWith("ready")) break;
  const readyMs = performance.now() - began;
  child.stdout.resume();
  return {
    kubeconfig,
    readyMs,
    async stop() {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** One pod more, one pod less, again and again; each time until the informer has as many addresses. */
async function measureScale(progress: (line: string) => void): Promise<number[]> {
  const cluster = await start();
  const platform = nodePlatform();
  const transport = undiciTransport(await readKubeconfig(platform.disk, cluster.kubeconfig));
  const client = createClient({ transport, userAgent: "raftsman-bench" });
  const stop = new AbortController();
  try {
    const apps = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };
    const core = { group: "", version: "v1", namespace: "default" };
    const labels = { app: "scaled" };
    await client.create(
      { ...core, resource: "services" },
      { metadata: { name: "scaled" }, spec: { selector: labels, ports: [{ port: 80 }] } },
    );
    const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } };
    await client.create(apps, {
      metadata: { name: "scaled" },
      spec: { replicas: 1, selector: { matchLabels: labels }, template },
    });

    let addresses = -1;
    let wake: () => void = () => {};
    const informer = createInformer({
      client,
      scope: { ...core, resource: "endpoints" },
      ...platform,
      log: silentLog,
    });
    const seen = (endpoints: { metadata: { name?: string }; subsets?: { addresses?: unknown[] }[] }) => {
      if (endpoints.metadata.name !== "scaled") return;
      addresses = (endpoints.subsets ?? []).reduce((sum, subset) => sum + (subset.addresses?.length ?? 0), 0);
      wake();
    };
    informer.addHandler({ add: seen, update: seen });
    informer.start(stop.signal);
    const until = async (count: number) => {
      while (addresses !== count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    };
    await until(1);
    const times: number[] = [];
    for (let i = 0; i < scaleEvents; i++) {
      const replicas = i % 2 === 0 ? 2 : 1;
      const began = performance.now();
      await client.patch(apps, "scaled", {
        type: "merge",
        subresource: "scale",
        body: { spec: { replicas } },
      });
      await until(replicas);
      times.push(performance.now() - began);
      if (i % 50 === 49) progress(`scale event ${i + 1} of ${scaleEvents}`);
    }
    return times;
  } finally {
    stop.abort();
    await transport.close();
    await cluster.stop();
  }
}
