/**
 * `npm run bench -- scale`: what a large cluster costs that does nothing: 1,000 hollow nodes, 20,000 pods, 1,000 Services in one `raftsman up`. Resident memory of
 * the whole process (nodes and their agents included), its processor time at rest, and how long it took to get there.
 */
import type { KubeObject } from "../src/apimachinery/index.ts";
import { createClient, readKubeconfig, undiciTransport } from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { eventually, startCluster } from "../test/e2e/cluster.ts";
import { cpuSecondsOf, residentBytesOf } from "./servers.ts";

const nodesCount = 1000;
const servicesCount = 1000;
const podsEach = 20;
const restSeconds = 20;
const buildTimeoutMs = 600_000;
const apps = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const began = performance.now();
  const seconds = () => ((performance.now() - began) / 1000).toFixed(0);
  const cluster = await startCluster(["--nodes", String(nodesCount)]);
  const transport = undiciTransport(await readKubeconfig(nodePlatform().disk, cluster.kubeconfig));
  try {
    progress(`${nodesCount} nodes after ${seconds()} s`);
    const client = createClient({ transport, userAgent: "raftsman-bench" });
    for (let number = 0; number < servicesCount; number++) {
      const name = `app-${number}`;
      const labels = { app: name };
      const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } };
      const spec = { replicas: podsEach, selector: { matchLabels: labels }, template };
      const service = { metadata: { name }, spec: { selector: labels, ports: [{ port: 80 }] } };
      await Promise.all([
        client.create<KubeObject>(
          { group: "", version: "v1", resource: "services", namespace: "default" },
          service,
        ),
        client.create<KubeObject>(apps, { metadata: { name }, spec } as KubeObject),
      ]);
    }
    progress(`${servicesCount} Services and Deployments after ${seconds()} s`);
    await eventually(
      "all pods are ready",
      async () => {
        const { items } = await client.list(apps);
        const ready = items.reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
        progress(`${ready} pods ready after ${seconds()} s, ${mebibytes(cluster.pid)} MiB`);
        if (ready === servicesCount * podsEach) return true;
        await new Promise((resolve) => setTimeout(resolve, 2000));
        return false;
      },
      buildTimeoutMs,
    );
    const builtSeconds = seconds();
    const peak = mebibytes(cluster.pid);
    await new Promise((resolve) => setTimeout(resolve, restSeconds * 1000));
    const cpuBefore = cpuSecondsOf(cluster.pid);
    await new Promise((resolve) => setTimeout(resolve, restSeconds * 1000));
    const cpu = (cpuSecondsOf(cluster.pid) - cpuBefore) / restSeconds;
    return [
      "| nodes | pods | Services | ready after s | resident MiB when ready | at rest | of a core at rest |",
      "|-|-|-|-|-|-|-|",
      `| ${nodesCount} | ${servicesCount * podsEach} | ${servicesCount} | ${builtSeconds} | ${peak} | ${mebibytes(cluster.pid)} | ${(cpu * 100).toFixed(1)} % |`,
    ];
  } finally {
    await transport.close();
    await cluster.stop();
  }
}

const mebibytes = (pid: number): number => Math.round(residentBytesOf(pid) / 2 ** 20);
