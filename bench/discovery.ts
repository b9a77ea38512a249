/**
 * `npm run bench -- discovery`: how fast traffic follows. A program becomes ready among 1,000 Services with 5,000 endpoints: when do Endpoints, EndpointSlice,
 * DNS, proxy and router have it; a program is killed: when is it out of the Endpoints; a Deployment of hollow pods is scaled: when
 * are its Endpoints complete. Through the built command and the public interfaces.
 */
import { Resolver } from "node:dns/promises";
import { ask } from "../scripts/demo/load.ts";
import type { KubeObject } from "../src/apimachinery/index.ts";
import {
  type Client,
  createClient,
  createInformer,
  type Informer,
  readKubeconfig,
  silentLog,
  undiciTransport,
} from "../src/client/index.ts";
import { nodePlatform } from "../src/platform/index.ts";
import { startCluster } from "../test/e2e/cluster.ts";
import { addService, addSlice } from "../test/traffic/world.ts";
import { median, percentile } from "./statistics.ts";

const servicesCount = 1000;
const endpointsEach = 5;
const turns = 40;
const kills = 10;
const stepTimeoutMs = 60_000;
const core = { group: "", version: "v1", namespace: "default" };
const slicesResource = {
  group: "discovery.k8s.io",
  version: "v1",
  resource: "endpointslices",
  namespace: "default",
};
const apps = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };
const gate = "raftsman.dev/bench";
const host = "bench.example.org";
const program = `require("http").createServer((_, response) => response.end(String(process.ppid))).listen(8000, process.env.POD_IP)`;

type Row = readonly [what: string, values: readonly number[]];

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const rows = [...(await readiness(progress)), ...(await scaling(progress))];
  return [
    "| what | times | median ms | p99 ms |",
    "|-|-|-|-|",
    ...rows.map(
      ([what, values]) =>
        `| ${what} | ${values.length} | ${median(values).toFixed(1)} | ${percentile(values, 0.99).toFixed(1)} |`,
    ),
  ];
}

async function connectTo(kubeconfig: string) {
  const transport = undiciTransport(await readKubeconfig(nodePlatform().disk, kubeconfig));
  const stop = new AbortController();
  const client = createClient({ transport, userAgent: "raftsman-bench" });
  const watch = (resource: {
    group: string;
    version: string;
    resource: string;
    namespace: string;
  }): Informer => {
    const informer = createInformer({ client, scope: resource, ...nodePlatform(), log: silentLog });
    informer.start(stop.signal);
    return informer;
  };
  const close = async () => {
    stop.abort();
    await transport.close();
  };
  return { client, watch, close };
}

/** Milliseconds, of performance.now(), at which the condition was first seen to hold: looked at with every turn of the loop. */
async function when(what: string, holds: () => boolean | Promise<boolean>): Promise<number> {
  const deadline = performance.now() + stepTimeoutMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`never: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return performance.now();
}

function podTemplate(app: string, spec: object = {}): object {
  const container = { name: "web", image: "host", command: [process.execPath, "-e", program] };
  return {
    metadata: { labels: { app } },
    spec: { terminationGracePeriodSeconds: 1, containers: [container], ...spec },
  };
}

const isReady = (pod: KubeObject | undefined): boolean =>
  pod?.status?.conditions?.some(
    ({ type, status }: { type: string; status: string }) => type === "Ready" && status === "True",
  ) === true;

const addressesIn = (endpoints: KubeObject | undefined): string[] =>
  ((endpoints?.["subsets"] ?? []) as { addresses?: { ip: string }[] }[]).flatMap(({ addresses }) =>
    (addresses ?? []).map(({ ip }) => ip),
  );

async function readiness(progress: (line: string) => void): Promise<Row[]> {
  const ports = ["--dns-listen", "127.0.0.1:0", "--router-http-port", "0", "--router-https-port", "0"];
  const cluster = await startCluster(["--runtime", "process", ...ports]);
  const { client, watch, close } = await connectTo(cluster.kubeconfig);
  try {
    const output = cluster.output.join("\n");
    const [, dns = ""] = /^DNS\s+(\S+)/m.exec(output) ?? [];
    const [, routerPort, driver] = /^Router\s+http:\/\/[\d.]+:(\d+).*\((\w+)\)/m.exec(output) ?? [];
    progress(`${servicesCount} Services with ${endpointsEach} endpoints each`);
    await fill(client);
    const pods = watch({ ...core, resource: "pods" });
    const endpoints = watch({ ...core, resource: "endpoints" });
    const slices = watch(slicesResource);
    const port = { name: "http", port: 8000 };
    await addService({ client }, "web", { ports: [port], selector: { app: "web" } });
    await addService({ client }, "names", { clusterIP: "None", ports: [port], selector: { app: "web" } });
    const backend = { service: { name: "web", port: { name: "http" } } };
    await client.create<KubeObject>(
      { group: "networking.k8s.io", version: "v1", resource: "ingresses", namespace: "default" },
      {
        metadata: { name: "web" },
        spec: { rules: [{ host, http: { paths: [{ path: "/", pathType: "Prefix", backend }] } }] },
      },
    );
    const template = podTemplate("web", { readinessGates: [{ conditionType: gate }] });
    await client.create<KubeObject>({ ...core, resource: "pods" }, {
      ...(template as { metadata: object }),
      metadata: { name: "web", labels: { app: "web" } },
    } as KubeObject);
    await when("the program runs", () => pods.lister.get("default", "web")?.status?.phase === "Running");
    const service = await client.get({ ...core, resource: "services" }, "web");
    const byAddress = { host: service["spec"].clusterIP as string, port: 8000, path: "/" };
    const byHost = { host: "127.0.0.1", port: Number(routerPort), path: "/", name: host };
    const resolver = new Resolver({ timeout: 1000, tries: 1 });
    resolver.setServers([dns]);
    const answered = (promise: Promise<unknown>): Promise<boolean> =>
      promise.then(
        () => true,
        () => false,
      );
    const ways: readonly [string, () => boolean | Promise<boolean>][] = [
      ["Endpoints", () => addressesIn(endpoints.lister.get("default", "web")).length === 1],
      [
        "EndpointSlice",
        () =>
          slices.lister
            .list()
            .some(
              ({ metadata, ...slice }) =>
                metadata.labels?.["kubernetes.io/service-name"] === "web" &&
                (slice["endpoints"] as { conditions: { ready: boolean } }[]).some(
                  ({ conditions }) => conditions.ready,
                ),
            ),
      ],
      ["DNS", () => answered(resolver.resolve4("names.default.svc.cluster.local"))],
      ["proxy", () => answered(ask(byAddress))],
      [`router (${driver})`, () => answered(ask(byHost))],
    ];
    const tookMs = ways.map((): number[] => []);
    const allMs: number[] = [];
    const turn = (status: "True" | "False") =>
      client.patch({ ...core, resource: "pods" }, "web", {
        type: "strategic",
        subresource: "status",
        body: { status: { conditions: [{ type: gate, status }] } },
      });
    for (let i = 0; i < turns; i++) {
      const ready = when("the pod is ready", () => isReady(pods.lister.get("default", "web")));
      const seen = Promise.all(ways.map(([what, holds]) => when(what, holds)));
      await turn("True");
      const from = await ready;
      const times = (await seen).map((at) => Math.max(0, at - from));
      for (const [position, ms] of times.entries()) tookMs[position]?.push(ms);
      allMs.push(Math.max(...times));
      await turn("False");
      for (const [what, holds] of ways) await when(`no ${what}`, async () => !(await holds()));
      if (i % 10 === 9) progress(`ready ${i + 1} of ${turns}`);
    }
    const rows: Row[] = [
      ...ways.map(([what], position): Row => [`pod ready → ${what}`, tookMs[position] ?? []]),
      ["pod ready → all of them", allMs],
    ];
    progress(`${kills} programs, killed one after the other`);
    return [...rows, ["kill -9 of a program → out of the Endpoints", await killing(client, pods, endpoints)]];
  } finally {
    await close();
    await cluster.stop();
  }
}

async function fill(client: Client): Promise<void> {
  const port = { name: "http", protocol: "TCP", port: 80 };
  for (let number = 0; number < servicesCount; number++) {
    const name = `service-${number}`;
    const addresses = Array.from(
      { length: endpointsEach },
      (_, index) => `10.1.${number >> 5}.${((number & 31) << 3) + index + 1}`,
    );
    await Promise.all([
      addService({ client }, name, { ports: [port] }),
      addSlice({ client }, name, {
        ports: [port],
        endpoints: addresses.map((one) => ({ addresses: [one] })),
      }),
    ]);
  }
}

/** Each program once: those killed before wait for their next start. */
async function killing(client: Client, pods: Informer, endpoints: Informer): Promise<number[]> {
  await addService({ client }, "victims", {
    ports: [{ name: "http", port: 8000 }],
    selector: { app: "victims" },
  });
  const selector = { matchLabels: { app: "victims" } };
  const spec = { replicas: kills, selector, template: podTemplate("victims") };
  await client.create<KubeObject>(apps, { metadata: { name: "victims" }, spec } as KubeObject);
  const addresses = () => addressesIn(endpoints.lister.get("default", "victims"));
  await when("all programs are ready", () => addresses().length === kills);
  const tookMs: number[] = [];
  for (const pod of pods.lister.list().filter(({ metadata }) => metadata.labels?.["app"] === "victims")) {
    const ip: string = pod.status.podIP;
    let leader = 0;
    await when("the program answers", () =>
      ask({ host: ip, port: 8000, path: "/" }).then(
        ({ body }) => {
          leader = Number(body);
          return true;
        },
        () => false,
      ),
    );
    const began = performance.now();
    process.kill(-leader, "SIGKILL");
    tookMs.push((await when("it is out", () => !addresses().includes(ip))) - began);
  }
  return tookMs;
}

async function scaling(progress: (line: string) => void): Promise<Row[]> {
  const cluster = await startCluster(["--nodes", "10"]);
  const { client, watch, close } = await connectTo(cluster.kubeconfig);
  try {
    const endpoints = watch({ ...core, resource: "endpoints" });
    await addService({ client }, "many", { ports: [{ name: "http", port: 80 }], selector: { app: "many" } });
    const template = {
      metadata: { labels: { app: "many" } },
      spec: { containers: [{ name: "c", image: "i" }] },
    };
    const spec = { replicas: 10, selector: { matchLabels: { app: "many" } }, template };
    await client.create<KubeObject>(apps, { metadata: { name: "many" }, spec } as KubeObject);
    const complete = (count: number) =>
      when(`${count} endpoints`, () => addressesIn(endpoints.lister.get("default", "many")).length === count);
    await complete(10);
    const scale = async (replicas: number): Promise<number> => {
      const began = performance.now();
      await client.patch(apps, "many", { type: "merge", subresource: "scale", body: { spec: { replicas } } });
      return (await complete(replicas)) - began;
    };
    const up: number[] = [];
    const down: number[] = [];
    for (let round = 0; round < 3; round++) {
      up.push(await scale(500));
      down.push(await scale(10));
      progress(`10 → 500 → 10: ${up.at(-1)?.toFixed(0)} ms, ${down.at(-1)?.toFixed(0)} ms`);
    }
    return [
      ["scale 10 → 500: Endpoints complete", up],
      ["scale 500 → 10: Endpoints complete", down],
    ];
  } finally {
    await close();
    await cluster.stop();
  }
}
