/**
 * `npm run demo`: what Raftsman is for, in half a minute. A cluster of three members on this machine; a registry that really runs, on two nodes,
 * from real manifests; its cluster IP, its DNS name and its public host name, used under constant load while it scales; the leader killed, a
 * node killed. Everything is done through the built command and the public APIs, on free ports and in a temporary directory, by any
 * user. Ends with status 1 if anything it promises did not hold.
 */
import { Resolver } from "node:dns/promises";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { KubeObject } from "../src/apimachinery/index.ts";
import { prefixEnd, utf8 } from "../src/base/index.ts";
import { paint } from "../src/cli/paint.ts";
import {
  type Client,
  createClient,
  createInformer,
  readKubeconfig,
  silentLog,
  type Transport,
  undiciTransport,
} from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { ask, Load, type Tally, type Target } from "./demo/load.ts";
import { check, note, summarize, table, title } from "./demo/report.ts";
import { certs, clearStage, directory, killNode, kubeconfig, raftsman, start } from "./demo/stage.ts";

const stepTimeoutMs = 20_000;
const closeTimeoutMs = 1000;
const requestsPerSecond = 100;
/** Without a heartbeat until a node is lost. */
const nodeGraceSeconds = 3;
const publicName = "registry.example.org";
const began = performance.now();

/** An Endpoints object, as far as it is shown. */
type Endpoints = KubeObject & { subsets?: { addresses?: { ip: string; nodeName?: string }[] }[] };
type Address = { ip: string; nodeName?: string };

const addressesOf = (endpoints: Endpoints | undefined): Address[] =>
  (endpoints?.subsets ?? []).flatMap(({ addresses }) => addresses ?? []);

const core = { group: "", version: "v1", namespace: "default" };
const deployments = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };

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

/** Three members with DNS, proxy and router; where everything is, out of what `up` says. */
async function startCluster() {
  const { lines } = await start(
    [
      "up",
      "--members",
      "3",
      "--runtime",
      "process",
      "--nodes",
      "0",
      "--node-monitor-grace-period",
      `${nodeGraceSeconds}`,
    ],
    {
      isReady: /^ready/,
      hidden: [
        ...["--port", "0", "--etcd-port", "0", "--dns-listen", "127.0.0.1:0"],
        ...["--router-http-port", "0", "--router-https-port", "0"],
        ...["--data-dir", join(directory, "data"), "--kubeconfig", kubeconfig, "--certs", certs],
      ],
    },
  );
  const find = (pattern: RegExp): string => {
    const found = lines.map((line) => pattern.exec(line)?.[1]).find((text) => text !== undefined);
    if (found === undefined) throw new Error(`"up" did not say ${pattern}:\n${lines.join("\n")}`);
    return found;
  };
  console.log(lines.at(-1));
  return {
    etcdUrls: find(/^etcd API\s+(\S+)/).split(","),
    pids: lines.flatMap((line) => /member \S+: pid (\d+)/.exec(line)?.[1] ?? []).map(Number),
    dns: find(/^DNS\s+(\S+)/),
    routerPort: Number(find(/^Router\s+http:\/\/[\d.]+:(\d+)/)),
    routerDriver: find(/^Router\s.*\((\w+)\)/),
  };
}

async function startNode(name: string) {
  const nodeDirectory = join(directory, name);
  const { child } = await start(["node", "--name", name, "--lease-duration", `${nodeGraceSeconds}`], {
    isReady: /^ready/,
    hidden: ["--port", "0", "--data-dir", nodeDirectory],
  });
  return { name, child, directory: join(nodeDirectory, name) };
}

/** Which of the members leads, by etcd's own status call. */
async function findLeader(stores: readonly Transport[]): Promise<number> {
  const statuses = await Promise.all(
    stores.map((store) =>
      postJson<{ header: { member_id: string }; leader: string }>(store, "/v3/maintenance/status", {}),
    ),
  );
  return statuses.findIndex(({ header, leader }) => header.member_id === leader);
}

/** Every change of the registry's Endpoints, as a router or a proxy would see it. */
function watchEndpoints(client: Client, signal: AbortSignal) {
  const informer = createInformer<Endpoints>({
    client,
    scope: { ...core, resource: "endpoints" },
    ...nodePlatform(),
    log: silentLog,
  });
  let announced = false;
  const waiting: (() => void)[] = [];
  const current = () => addressesOf(informer.lister.get("default", "docker-registry"));
  const show = (endpoints: Endpoints, event: string) => {
    for (const wake of waiting.splice(0)) wake();
    if (endpoints.metadata.name !== "docker-registry" || !announced) return;
    const ips = addressesOf(endpoints).map(({ ip }) => ip);
    const shown =
      ips.length > 3 ? `${ips.slice(0, 3).join(", ")} and ${ips.length - 3} more` : ips.join(", ");
    console.log(`  ${paint("magenta", event)} endpoints/docker-registry → ${shown || "none"}`);
  };
  informer.addHandler({ add: (next) => show(next, "ADDED"), update: (next) => show(next, "MODIFIED") });
  informer.start(signal);
  return {
    announce() {
      announced = true;
    },
    /** The addresses once they are as wanted, or as they are when that takes too long. */
    async until(wanted: (addresses: readonly Address[]) => boolean): Promise<Address[]> {
      const deadline = performance.now() + stepTimeoutMs;
      for (;;) {
        const found = current();
        if (wanted(found) || performance.now() > deadline) return found;
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
          setTimeout(resolve, 1000).unref();
        });
      }
    },
  };
}

/** What was in flight when a member died fails and is asked again, as every Kubernetes client does. */
async function retrying<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + stepTimeoutMs;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(50);
    }
  }
}

const scenes: (string | number)[][] = [];

/** The requests of a scene, as a row of the table at the end. */
function count(scene: string, tally: Tally): void {
  const sorted = tally.latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? Number.NaN).toFixed(1);
  scenes.push([scene, tally.sent, tally.failed, at(0.5), at(0.99), tally.servedBy.size]);
  for (const [what, times] of tally.errors) note(`  ${times} × ${what}`);
}

async function demo(): Promise<void> {
  title("Three members, two nodes");
  const cluster = await startCluster();
  const nodes = await Promise.all([startNode("node-1"), startNode("node-2")]);
  const platform = nodePlatform();
  const stopWatching = new AbortController();
  const closing: { close(): Promise<void> }[] = [];
  let load: Load | undefined;
  try {
    const connection = await readKubeconfig(platform.disk, kubeconfig);
    const api = undiciTransport(connection);
    const read = (name: string) => readFileSync(join(certs, name), "utf8");
    const stores = cluster.etcdUrls.map((server) =>
      undiciTransport({ server, ca: read("ca.crt"), cert: read("client.crt"), key: read("client.key") }),
    );
    closing.push(api, ...stores);
    const client = createClient({ transport: api, userAgent: "raftsman-demo" });
    const endpoints = watchEndpoints(client, stopWatching.signal);
    const scale = async (replicas: number) => {
      note(`$ raftsman scale deployment/docker-registry --replicas ${replicas}`);
      const start = performance.now();
      const body = { spec: { replicas } };
      await client.patch(deployments, "docker-registry", { type: "merge", subresource: "scale", body });
      const found = await endpoints.until(({ length }) => length === replicas);
      return { found, pods: new Set(found.map(({ ip }) => ip)).size, ms: performance.now() - start };
    };

    title("A registry and a router, from manifests");
    const manifests = ["registry-program", "docker-registry", "ingress", "router"];
    raftsman("apply", ...manifests.flatMap((name) => ["-f", `manifests/${name}.yaml`]));
    await start(["register", "router", "--port", `${cluster.routerPort}`, "--port-name", "http"], {
      isReady: /^registered/,
    });
    const first = await endpoints.until(({ length }) => length === 1);
    raftsman("get", "nodes");
    raftsman("get", "service,endpoints,ingress");
    check("the Endpoints have the address of the one pod", first.length === 1, first[0]?.ip);

    title("By address, by name, by host name");
    const service = await client.get({ ...core, resource: "services" }, "docker-registry");
    const clusterIp: string = service["spec"].clusterIP;
    const resolver = new Resolver();
    resolver.setServers([cluster.dns]);
    const resolve = (name: string) => resolver.resolve4(`${name}.default.svc.cluster.local`);
    const [resolved = ""] = await resolve("docker-registry");
    const [router = ""] = await retrying(() => resolve("router"));
    check("its DNS name leads to its ClusterIP", resolved === clusterIp, `${clusterIp}, by ${cluster.dns}`);
    const byName: Target = { host: resolved, port: 5000, path: "/v2/hello/manifests/latest" };
    const byHost: Target = { ...byName, host: router, port: 8080, name: publicName };
    const pulled = await retrying(() => ask(byName));
    const [layer] = JSON.parse(pulled.body).layers;
    const blob = await ask({ ...byName, path: `/v2/hello/blobs/${layer.digest}` });
    check(
      "a client pulls an image by it",
      blob.body.startsWith("hello"),
      `${layer.digest.slice(0, 19)}…, served by ${blob.servedBy}`,
    );
    const routed = await retrying(() => ask(byHost));
    check(
      `${publicName} leads to the same`,
      routed.body === pulled.body,
      `through ${cluster.routerDriver}, by the router's own ClusterIP ${router}`,
    );

    title(`Scale 1 → 2 → 10, watched, under ${requestsPerSecond} requests a second`);
    load = new Load([byName, byHost], requestsPerSecond);
    endpoints.announce();
    const two = await scale(2);
    check("the Endpoints have both pods", two.pods === 2, `${two.ms.toFixed(0)} ms after the scale request`);
    const ten = await scale(10);
    check("the Endpoints have ten pods", ten.pods === 10, `${ten.ms.toFixed(0)} ms after the scale request`);
    await delay(500);
    const growing = await load.scene();
    count("1 → 2 → 10", growing);
    check(
      "no request failed, by either way",
      growing.failed === 0,
      `${growing.sent} requests, ${growing.servedBy.size} pods answered`,
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
    note(`$ kill -9 ${cluster.pids[leader]}    # m${leader + 1}, the leader`);
    process.kill(cluster.pids[leader] as number, "SIGKILL");
    const killed = performance.now();
    const three = await retrying(() => scale(3));
    const tookMs = performance.now() - killed;
    check(
      "the other two go on",
      three.pods === 3,
      `Endpoints complete ${tookMs.toFixed(0)} ms after the kill`,
    );
    const alive = stores.filter((_, position) => position !== leader);
    check("a new leader was elected among them", (await findLeader(alive)) >= 0);
    const shrinking = await load.scene();
    count("leader killed, 10 → 3", shrinking);
    check("no request failed while seven pods ended", shrinking.failed === 0, `${shrinking.sent} requests`);

    title("Kill a node");
    // Of a node that nobody uses nobody would notice.
    const nodesOf = (addresses: readonly Address[]) => new Set(addresses.map(({ nodeName }) => nodeName));
    let used = nodesOf(await endpoints.until(({ length }) => length === 3));
    for (let replicas = 4; used.size < 2 && replicas <= 6; replicas++)
      used = nodesOf((await scale(replicas)).found);
    const lost = nodes.find(({ name }) => used.has(name)) as (typeof nodes)[number];
    const pids = killNode(lost.child, lost.directory);
    note(`$ kill -9 ${lost.child.pid} ${pids.join(" ")}    # ${lost.name}: its agent and its programs`);
    const gone = performance.now();
    const left = await endpoints.until((addresses) =>
      addresses.every(({ nodeName }) => nodeName !== lost.name),
    );
    const lostMs = performance.now() - gone;
    check(
      "its pods leave the Endpoints",
      left.length > 0 && left.every(({ nodeName }) => nodeName !== lost.name),
      `${(lostMs / 1000).toFixed(1)} s after the kill, at a grace period of ${nodeGraceSeconds} s`,
    );
    const dying = await load.scene();
    count("node killed", dying);
    await delay(500);
    const after = await load.scene();
    count("afterwards", after);
    check(
      "whoever asks is served by the rest",
      after.failed === 0 && after.sent > 0,
      `${after.sent} requests; ${dying.failed} failed with the node`,
    );
    raftsman("get", "pods", "-o", "wide");
    table(["requests while", "sent", "failed", "p50 ms", "p99 ms", "pods that answered"], scenes);
  } finally {
    await load?.stop();
    stopWatching.abort();
    // A request to a member that died may never be answered: nobody waits for it.
    await Promise.race([Promise.all(closing.map((one) => one.close())), delay(closeTimeoutMs)]);
  }
}

try {
  await demo();
} catch (error) {
  const what = error instanceof Error ? (error.stack ?? error.message) : String(error);
  check("nothing unexpected happened", false, what);
} finally {
  check("everything ends cleanly", await clearStage());
}
process.exit(summarize(performance.now() - began) === 0 ? 0 : 1);
