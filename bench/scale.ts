/**
 * `npm run bench -- scale`: how a cluster grows, and what it costs when it does nothing: 1,000 hollow nodes, then 20,000 pods of 1,000 Services and Deployments in
 * ten steps, all in one `raftsman up`. Resident memory and processor time are of the whole process, nodes and their agents included. What is not
 * there after ten minutes is left out, and the table says so.
 */
import { type KubeObject, StatusError } from "../src/apimachinery/index.ts";
import { type Client, createClient, readKubeconfig, undiciTransport } from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { startCluster } from "../test/e2e/cluster.ts";
import { cpuSecondsOf, residentBytesOf } from "./servers.ts";

const nodesCount = 1000;
const servicesCount = 1000;
const podsEach = 20;
const steps = 10;
const buildSecondsMax = 600;
/** Until the last Events and Endpoints are written. */
const settleSeconds = 30;
const restSeconds = 30;
const lookMs = 1000;
const retryMs = 1000;
/** Of the requests that make a step's objects. */
const workers = 8;
const services = { group: "", version: "v1", resource: "services", namespace: "default" };
const deployments = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const began = performance.now();
  const seconds = () => Math.round((performance.now() - began) / 1000);
  const cluster = await startCluster(["--nodes", String(nodesCount)]);
  const transport = undiciTransport(await readKubeconfig(nodePlatform().disk, cluster.kubeconfig));
  const rows: string[] = [];
  const record = (what: string, pods: number) => {
    const cpu = cpuSecondsOf(cluster.pid).toFixed(0);
    rows.push(
      `| ${what} | ${pods.toLocaleString("en")} | ${seconds()} | ${cpu} | ${mebibytes(cluster.pid)} |`,
    );
    progress(rows.at(-1) as string);
  };
  try {
    record(`${nodesCount.toLocaleString("en")} nodes`, 0);
    const client = createClient({ transport, userAgent: "raftsman-bench" });
    const inTime = () => seconds() < buildSecondsMax;
    for (let step = 1; step <= steps && inTime(); step++) {
      const wanted = (servicesCount * step) / steps;
      await makeServices(client, (servicesCount * (step - 1)) / steps, wanted);
      let ready = await readyPods(client);
      while (ready < wanted * podsEach && inTime()) {
        await pause(lookMs);
        ready = await readyPods(client);
      }
      const late = ready < wanted * podsEach ? ` (not all pods ready after ${buildSecondsMax} s)` : "";
      record(`${wanted.toLocaleString("en")} Services${late}`, ready);
    }
    await pause(settleSeconds * 1000);
    const before = cpuSecondsOf(cluster.pid);
    await pause(restSeconds * 1000);
    const share = ((cpuSecondsOf(cluster.pid) - before) / restSeconds) * 100;
    record(`at rest, ${share.toFixed(1)} % of a core`, await readyPods(client));
    return [
      `${podsEach} pods of each Service's Deployment; processor time and resident memory of the one process.`,
      "",
      "| | pods ready | after s | CPU s | resident MiB |",
      "|-|-|-|-|-|",
      ...rows,
    ];
  } finally {
    await transport.close();
    await cluster.stop();
  }
}

async function makeServices(client: Client, from: number, to: number): Promise<void> {
  let next = from;
  const work = async () => {
    while (next < to) await makeService(client, `app-${next++}`);
  };
  await Promise.all(Array.from({ length: workers }, work));
}

async function makeService(client: Client, name: string): Promise<void> {
  const labels = { app: name };
  const template = { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } };
  const spec = { replicas: podsEach, selector: { matchLabels: labels }, template };
  const service = { metadata: { name }, spec: { selector: labels, ports: [{ port: 80 }] } };
  await untilMade(() => client.create<KubeObject>(services, service));
  await untilMade(() => client.create<KubeObject>(deployments, { metadata: { name }, spec }));
}

/** A server that is busy says so, and may have done it nevertheless. */
async function untilMade(create: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await create();
      return;
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      if (error.code === 409) return;
      if (error.code !== 429 && error.code < 500) throw error;
      await pause(retryMs);
    }
  }
}

async function readyPods(client: Client): Promise<number> {
  const { items } = await client.list(deployments);
  return items.reduce((sum, { status }) => sum + (status?.readyReplicas ?? 0), 0);
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const mebibytes = (pid: number): number => Math.round(residentBytesOf(pid) / 2 ** 20);
