/**
 * What clients of the resource API do most, beside kube-apiserver over etcd on the same machine in one run (`KUBE_APISERVER=PATH`; without it our
 * figures stand alone): TLS, HTTP/2, a bearer token, authorization and admission, ConfigMaps of 1 KB; rounds interleaved, so that a noisy
 * neighbour disturbs both.
 */
import Table from "cli-table3";
import { type MeasuredApi, startApis } from "./api-servers.ts";
import { h2load } from "./h2load.ts";
import { median } from "./statistics.ts";
import { watchClient } from "./watchers.ts";

/** `--quick`: a first look instead of a measurement. */
const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 3;
const share = quick ? 0.25 : 1;
const objects = 2000;
const listed = 5000;
const deployments = 200;
const filler = "x".repeat(900);
const collection = "/api/v1/namespaces/bench/configmaps";
const json = "content-type: application/json";

interface Context {
  readonly server: MeasuredApi;
  /** Another one in each round. */
  readonly round: number;
  /** Paths of ConfigMaps that are there. */
  readonly paths: readonly string[];
  readonly headers: readonly string[];
}

interface Outcome {
  readonly perSecond: number;
  readonly p99Ms: number;
  /** The server's, where not all of the run counts. */
  readonly cpuSeconds?: number;
}

interface Load {
  readonly name: string;
  readonly requests: number;
  readonly run: (context: Context, requests: number) => Promise<Outcome>;
}

const configMap = (metadata: object) => ({ metadata, data: { filler } });

/** Two clients with half of the paths each: every path is asked for once. */
async function eachOnce(
  { server, headers }: Context,
  options: { method: string; paths: readonly string[]; body?: string; contentType?: string; streams: number },
): Promise<Outcome> {
  const { method, body, contentType, streams } = options;
  const half = Math.ceil(options.paths.length / 2);
  const halves = [options.paths.slice(0, half), options.paths.slice(half)];
  const outcomes = await Promise.all(
    halves.map((paths) =>
      h2load({
        origin: server.origin,
        paths,
        method,
        headers: contentType === undefined ? headers : [...headers, `content-type: ${contentType}`],
        ...(body === undefined ? {} : { body }),
        requests: paths.length,
        connections: 1,
        streams,
      }),
    ),
  );
  return {
    perSecond: outcomes.reduce((sum, { perSecond }) => sum + perSecond, 0),
    p99Ms: Math.max(...outcomes.map(({ p99Ms }) => p99Ms)),
  };
}

const create = (connections: number, streams: number) => (context: Context, requests: number) =>
  h2load({
    origin: context.server.origin,
    paths: [collection],
    headers: [...context.headers, json],
    body: JSON.stringify(configMap({ generateName: "created-", labels: { made: "created" } })),
    requests,
    connections,
    streams,
  });

const get = (connections: number, streams: number) => (context: Context, requests: number) =>
  h2load({ ...shared(context), paths: context.paths, requests, connections, streams });

const list = (query: string, streams: number) => (context: Context, requests: number) =>
  h2load({ ...shared(context), paths: [`${collection}${query}`], requests, connections: 2, streams });

const shared = ({ server, headers }: Context) => ({ origin: server.origin, headers });

const loads: readonly Load[] = [
  { name: "create, one client", requests: 500, run: create(1, 1) },
  { name: "create, 128 in flight", requests: 4000, run: create(2, 64) },
  { name: "get, one client", requests: 1500, run: get(1, 1) },
  { name: "get, 128 in flight", requests: 12_000, run: get(2, 64) },
  { name: "list limit=100, 128 in flight", requests: 1000, run: list("?limit=100", 64) },
  {
    name: "merge patch, 128 in flight",
    requests: objects,
    run: (context, requests) =>
      eachOnce(context, {
        method: "PATCH",
        paths: context.paths.slice(0, requests),
        body: JSON.stringify({ metadata: { annotations: { round: `${context.round}` } } }),
        contentType: "application/merge-patch+json",
        streams: 64,
      }),
  },
  {
    name: "apply a Deployment, 16 in flight",
    requests: deployments,
    run: (context, requests) =>
      eachOnce(context, {
        method: "PATCH",
        paths: Array.from(
          { length: requests },
          (_, i) => `${deploymentPath(i)}?fieldManager=bench&force=true`,
        ),
        body: JSON.stringify(deployment(context.round)),
        contentType: "application/apply-patch+yaml",
        streams: 8,
      }),
  },
  {
    name: "delete, 128 in flight",
    requests: objects,
    async run(context, requests) {
      const paths = await pathsOf(context.server, "made=created", requests);
      return eachOnce(context, { method: "DELETE", paths, streams: 64 });
    },
  },
  { name: "list all that was made, one client", requests: 8, run: list("", 1) },
];

const deploymentPath = (i: number) => `/apis/apps/v1/namespaces/bench/deployments/web-${i}`;

/** Without a name of its own in the body: it comes from the path. Asks for no pods, so that only the API server works. */
function deployment(round: number) {
  const labels = { app: "web" };
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { labels: { round: `${round}` } },
    spec: {
      replicas: 0,
      paused: true,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: "web", image: "web:1", ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}

async function pathsOf(server: MeasuredApi, labelSelector: string, limit: number): Promise<string[]> {
  const query = new URLSearchParams({ labelSelector, limit: `${limit}` });
  const found = (await server.call("GET", `${collection}?${query}`)) as {
    items: { metadata: { name: string } }[];
  };
  return found.items.map(({ metadata }) => `${collection}/${metadata.name}`);
}

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const servers = await startApis();
  try {
    const idleBytes = servers.map((server) => server.residentBytes());
    const contexts = await Promise.all(servers.map((server) => prepare(server)));
    const rows = [];
    for (const load of loads) rows.push(await compare(load, contexts, progress));
    for (const watch of [
      { watches: 100, connections: 4, updates: 400 * share },
      { watches: 1000, connections: 1000, updates: 40 * share },
    ])
      rows.push(await compare(watchLoad(watch), contexts, progress));
    const table = new Table({
      head: [
        "load",
        ...servers.map(({ name }) => `${name} /s`),
        "ratio",
        "p99 ms",
        "theirs",
        "CPU µs/op",
        "theirs",
        "ratio",
      ],
      style: { head: [], border: [] },
    });
    table.push(...rows);
    const megabytes = (bytes: number | undefined) => `${Math.round((bytes ?? Number.NaN) / 1e6)} MB`;
    const facts = servers.map(
      (server, i) =>
        `- ${server.name}: ready after ${Math.round(server.startMs)} ms; resident ${megabytes(idleBytes[i])} idle, ${megabytes(server.residentBytes())} after the loads`,
    );
    return [
      `Median of ${rounds} interleaved rounds; TLS, HTTP/2, token, ConfigMaps of 1 KB. CPU is the server's, its store included; an operation of a watch load is one event delivered.`,
      "",
      ...facts,
      "",
      "```",
      table.toString(),
      "```",
    ];
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** Makes what the loads read. */
async function prepare(server: MeasuredApi): Promise<Context> {
  const headers = [`authorization: Bearer ${server.token}`, "accept: application/json"];
  await server.call("POST", "/api/v1/namespaces", { metadata: { name: "bench" } });
  await h2load({
    origin: server.origin,
    paths: [collection],
    headers: [...headers, json],
    body: JSON.stringify(configMap({ generateName: "kept-", labels: { made: "kept" } })),
    requests: listed,
    connections: 1,
    streams: 32,
  });
  for (let i = 0; i < deployments; i++) {
    const { metadata, ...rest } = deployment(0);
    await server.call("POST", "/apis/apps/v1/namespaces/bench/deployments", {
      ...rest,
      metadata: { ...metadata, name: `web-${i}` },
    });
  }
  return { server, headers, round: 0, paths: await pathsOf(server, "made=kept", objects) };
}

async function compare(
  load: Load,
  contexts: readonly Context[],
  progress: (line: string) => void,
): Promise<string[]> {
  const requests = Math.ceil(load.requests * (load.requests > 100 ? share : 1));
  const samples = contexts.map(
    () => ({ perSecond: [], p99Ms: [], cpuMicros: [] }) as Record<string, number[]>,
  );
  for (let round = 0; round <= rounds; round++) {
    for (const [i, context] of contexts.entries()) {
      const before = context.server.cpuSeconds();
      const { perSecond, p99Ms, cpuSeconds } = await load.run({ ...context, round }, requests);
      const cpuMicros = ((cpuSeconds ?? context.server.cpuSeconds() - before) * 1e6) / requests;
      // Round 0 warms both up.
      if (round === 0) continue;
      samples[i]?.["perSecond"]?.push(perSecond);
      samples[i]?.["p99Ms"]?.push(p99Ms);
      samples[i]?.["cpuMicros"]?.push(cpuMicros);
    }
    progress(`${load.name}: round ${round} of ${rounds}`);
  }
  const of = (i: number, field: string) =>
    samples[i] === undefined ? Number.NaN : median(samples[i][field] ?? []);
  const shown = (value: number, digits: number) =>
    Number.isNaN(value) ? "" : value.toLocaleString("en", { maximumFractionDigits: digits });
  const ratio = (field: string) => {
    const value = of(0, field) / of(1, field);
    return Number.isNaN(value) ? "" : `${value.toFixed(2)} ×`;
  };
  return [
    load.name,
    ...contexts.map((_, i) => shown(of(i, "perSecond"), 0)),
    ratio("perSecond"),
    shown(of(0, "p99Ms"), 2),
    shown(of(1, "p99Ms"), 2),
    shown(of(0, "cpuMicros"), 1),
    shown(of(1, "cpuMicros"), 1),
    ratio("cpuMicros"),
  ];
}

/** Objects change as fast as they can; the time is that until every watch has had every event. */
function watchLoad(options: { watches: number; connections: number; updates: number }): Load {
  const { watches, connections, updates } = options;
  return {
    name: `watch: ${watches.toLocaleString("en")} on ${connections.toLocaleString("en")} connections, events`,
    requests: watches * updates,
    async run(context) {
      const { server } = context;
      const client = await watchClient(server, collection, { watches, connections });
      try {
        const time = client.untilEvents(updates);
        await client.counting;
        const before = server.cpuSeconds();
        await eachOnce(context, {
          method: "PATCH",
          paths: context.paths.slice(0, updates),
          body: JSON.stringify({ metadata: { annotations: { watched: `${context.round} of ${watches}` } } }),
          contentType: "application/merge-patch+json",
          streams: 8,
        });
        const ms = await time;
        return {
          perSecond: (watches * updates * 1000) / ms,
          p99Ms: Number.NaN,
          cpuSeconds: server.cpuSeconds() - before,
        };
      } finally {
        client.stop();
      }
    },
  };
}
