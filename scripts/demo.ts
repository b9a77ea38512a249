/**
 * `npm run demo`: a cluster of three members on this machine, real manifests, a workload that scales, Endpoints that follow at once,
 * and the leader killed with SIGKILL in the middle. Everything is done through the built command and both public APIs, on free ports and
 * in a temporary directory. Ends with status 1 if anything it promises did not hold.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import Table from "cli-table3";
import type { KubeObject } from "../src/apimachinery/index.ts";
import { prefixEnd, utf8 } from "../src/base/index.ts";
import { paint } from "../src/cli/paint.ts";
import {
  createClient,
  createInformer,
  readKubeconfig,
  silentLog,
  type Transport,
  undiciTransport,
} from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";

const root = join(import.meta.dirname, "..");
const entry = join(root, "dist/raftsman.js");
const stepTimeoutMs = 20_000;
const directory = mkdtempSync(join(tmpdir(), "raftsman-demo-"));
const kubeconfig = join(directory, "kubeconfig");
const certs = join(directory, "certs");
const began = performance.now();
const results: { what: string; held: boolean; detail: string }[] = [];

/** An Endpoints object, as far as it is shown. */
type Endpoints = KubeObject & { subsets?: { addresses?: { ip: string }[] }[] };

function title(text: string): void {
  console.log(`\n${paint(["bold", "cyan"], `▸ ${text}`)}`);
}

function check(what: string, held: boolean, detail = ""): void {
  results.push({ what, held, detail });
  console.log(
    `${held ? paint("green", "✓") : paint("red", "✗")} ${what}${detail === "" ? "" : `: ${detail}`}`,
  );
}

/** The built command, as a user types it. */
function raftsman(...args: string[]): void {
  console.log(paint("dim", `$ raftsman ${args.join(" ")}`));
  const env = {
    ...process.env,
    KUBECONFIG: kubeconfig,
    ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}),
  };
  process.stdout.write(execFileSync(process.execPath, [entry, ...args], { cwd: root, env }));
}

function addressesOf(endpoints: Endpoints | undefined): string[] {
  return (endpoints?.subsets ?? []).flatMap(({ addresses }) => addresses ?? []).map(({ ip }) => ip);
}

async function postJson<T>(transport: Transport, path: string, body: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  const signal = AbortSignal.timeout(stepTimeoutMs);
  const answer = await transport.request({
    method: "POST",
    path,
    headers,
    body: JSON.stringify(body),
    signal,
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of answer.body) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString("utf8")) as T;
}

async function startCluster(): Promise<{ child: ChildProcess; etcdUrls: string[]; pids: number[] }> {
  const args = ["up", "--members", "3", "--nodes", "2", "--port", "0", "--etcd-port", "0"];
  const files = ["--data-dir", join(directory, "data"), "--kubeconfig", kubeconfig, "--certs", certs];
  console.log(paint("dim", `$ raftsman ${args.join(" ")}`));
  const child = spawn(process.execPath, [entry, ...args, ...files], { stdio: ["ignore", "pipe", "inherit"] });
  const pids: number[] = [];
  let etcdUrls: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    etcdUrls = /^etcd API\s+(\S+)/.exec(line)?.[1]?.split(",") ?? etcdUrls;
    const pid = /member \S+: pid (\d+)/.exec(line)?.[1];
    if (pid !== undefined) pids.push(Number(pid));
    if (line.startsWith("ready")) {
      console.log(line);
      return { child, etcdUrls, pids };
    }
  }
  throw new Error("the cluster did not come up");
}

/** Which of the members leads, by etcd's own status call. */
async function findLeader(stores: Transport[]): Promise<number> {
  const statuses = await Promise.all(
    stores.map((store) =>
      postJson<{ header: { member_id: string }; leader: string }>(store, "/v3/maintenance/status", {}),
    ),
  );
  return statuses.findIndex(({ header, leader }) => header.member_id === leader);
}

async function demo(): Promise<void> {
  title("Three members, two nodes");
  const { child, etcdUrls, pids } = await startCluster();
  const platform = nodePlatform();
  const stopWatching = new AbortController();
  const closing: { close(): Promise<void> }[] = [];
  try {
    const connection = await readKubeconfig(platform.disk, kubeconfig);
    const api = undiciTransport(connection);
    const stores = etcdUrls.map((server) => {
      const read = (name: string) => readFileSync(join(certs, name), "utf8");
      return undiciTransport({
        server,
        ca: read("ca.crt"),
        cert: read("client.crt"),
        key: read("client.key"),
      });
    });
    closing.push(api, ...stores);
    const client = createClient({ transport: api, userAgent: "raftsman-demo" });

    title("A registry and a router, from manifests");
    raftsman("apply", "-f", "manifests/docker-registry.yaml", "-f", "manifests/router.yaml");

    // From here on every change of the Endpoints is seen by an informer, as a router or a proxy would see it.
    const scope = { group: "", version: "v1", resource: "endpoints", namespace: "default" };
    const informer = createInformer<Endpoints>({ client, scope, ...platform, log: silentLog });
    let announced = 0;
    const waiting: (() => void)[] = [];
    const show = (endpoints: Endpoints, event: string) => {
      for (const wake of waiting.splice(0)) wake();
      if (endpoints.metadata.name !== "docker-registry" || announced === 0) return;
      console.log(
        `  ${paint("magenta", event)} endpoints/docker-registry → ${addressesOf(endpoints).join(", ") || "none"}`,
      );
    };
    informer.addHandler({ add: (next) => show(next, "ADDED"), update: (next) => show(next, "MODIFIED") });
    informer.start(stopWatching.signal);

    const untilAddresses = async (count: number): Promise<string[]> => {
      const deadline = performance.now() + stepTimeoutMs;
      for (;;) {
        const found = addressesOf(informer.lister.get("default", "docker-registry"));
        if (found.length === count || performance.now() > deadline) return found;
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          setTimeout(resolve, 1000).unref();
        });
      }
    };
    const scale = async (replicas: number) => {
      console.log(paint("dim", `$ raftsman scale deployment/docker-registry --replicas ${replicas}`));
      const start = performance.now();
      const scaled = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };
      await client.patch(scaled, "docker-registry", {
        type: "merge",
        subresource: "scale",
        body: { spec: { replicas } },
      });
      const found = await untilAddresses(replicas);
      return { found, ms: performance.now() - start };
    };

    const first = await untilAddresses(1);
    raftsman("get", "nodes");
    raftsman("get", "service,endpoints");
    check("the Endpoints have the address of the one pod", first.length === 1, first.join(", "));
    const service = await client.get({ ...scope, resource: "services" }, "docker-registry");
    check(
      "the Service has a ClusterIP",
      /^10\.96\./.test(service["spec"].clusterIP),
      service["spec"].clusterIP,
    );

    title("Scale 1 → 2, watched");
    announced = 1;
    const two = await scale(2);
    check(
      "the Endpoints have both pods",
      new Set(two.found).size === 2,
      `${two.ms.toFixed(1)} ms after the scale request`,
    );

    title("What stands in the store");
    const prefix = utf8("/kubernetes.io/services/");
    const range = await postJson<{ kvs: { key: string }[] }>(stores[0] as Transport, "/v3/kv/range", {
      key: Buffer.from(prefix).toString("base64"),
      range_end: Buffer.from(prefixEnd(prefix)).toString("base64"),
      keys_only: true,
    });
    const keys = range.kvs.map(({ key }) => Buffer.from(key, "base64").toString("utf8"));
    for (const key of keys) console.log(`  ${key}`);
    const wanted = ["specs", "endpoints"].map(
      (kind) => `/kubernetes.io/services/${kind}/default/docker-registry`,
    );
    check(
      "Service and Endpoints are there under their keys",
      wanted.every((key) => keys.includes(key)),
    );

    title("Kill the leader, scale to 3");
    const leader = await findLeader(stores);
    console.log(paint("dim", `$ kill -9 ${pids[leader]}    # m${leader + 1}, the leader`));
    process.kill(pids[leader] as number, "SIGKILL");
    const killed = performance.now();
    const three = await retrying(() => scale(3));
    const tookMs = performance.now() - killed;
    check(
      "the other two go on",
      new Set(three.found).size === 3,
      `Endpoints complete ${tookMs.toFixed(0)} ms after the kill`,
    );
    const alive = stores.filter((_, position) => position !== leader);
    check("a new leader was elected among them", (await findLeader(alive)) >= 0);
    raftsman("get", "pods", "-o", "wide");
  } finally {
    stopWatching.abort();
    await Promise.all(closing.map((one) => one.close()));
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    check("the cluster ends cleanly", (await ended) === 0);
  }
}

/** What was in flight when a member died fails and is asked again, as every Kubernetes client does. */
async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + stepTimeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

try {
  await demo();
} catch (error) {
  check(
    "nothing unexpected happened",
    false,
    error instanceof Error ? (error.stack ?? error.message) : String(error),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
const summary = new Table({ head: ["", "what", ""], style: { head: [], border: [] } });
for (const { what, held, detail } of results)
  summary.push([held ? paint("green", "✓") : paint("red", "✗"), what, detail.split("\n")[0]]);
console.log(`\n${summary.toString()}`);
const failures = results.filter(({ held }) => !held).length;
console.log(
  `${failures === 0 ? "Everything held" : `${failures} did not hold`}, in ${((performance.now() - began) / 1000).toFixed(1)} s.`,
);
process.exit(failures === 0 ? 0 : 1);
