/**
 * `npm run bench -- api [--quick] [--only=WORD,…]`: what clients of the resource API do most, beside kube-apiserver over etcd on the same machine in one run (`KUBE_APISERVER=PATH`; without it our
 * figures stand alone): TLS, HTTP/2, a bearer token, authorization and admission, ConfigMaps of 1 KB; rounds interleaved, so that a noisy
 * neighbour disturbs both. With `--only`, the loads whose names have one of the words in them.
 */
import Table from "cli-table3";
import {
  type Context,
  collection,
  configMap,
  deployment,
  deployments,
  json,
  type Load,
  listed,
  objects,
  pathsOf,
  requestLoads,
} from "./api-loads.ts";
import { type MeasuredApi, startApis } from "./api-servers.ts";
import { pacedWatchLoad, watchLoad } from "./api-watch-loads.ts";
import { h2load } from "./h2load.ts";
import { median } from "./statistics.ts";

/** `--quick`: a first look instead of a measurement. */
const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 3;
const share = quick ? 0.25 : 1;
const settledMs = 5000;
const only = process.argv
  .find((word) => word.startsWith("--only="))
  ?.slice("--only=".length)
  .split(",");
const isWanted = ({ name }: Load) => only === undefined || only.some((word) => name.includes(word));

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const servers = await startApis();
  try {
    const idleBytes = servers.map((server) => server.residentBytes());
    const contexts = await Promise.all(servers.map((server) => prepare(server)));
    const rows = [];
    const loads = [
      ...requestLoads.map((one) => ({ ...one, requests: fewer(one.requests) })),
      watchLoad({ watches: 100, connections: 4, updates: 400 * share }),
      watchLoad({ watches: 1000, connections: 1000, updates: 40 * share }),
      pacedWatchLoad({ watches: 100, connections: 4, updates: 200 * share }),
      pacedWatchLoad({ watches: 1000, connections: 1000, updates: 200 * share }),
    ];
    for (const load of loads.filter(isWanted)) rows.push(await compare(load, contexts, progress));
    // Until the clients of the last load are gone, and what a server does about that is done.
    await new Promise((resolve) => setTimeout(resolve, settledMs));
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
        `- ${server.name}: ready after ${Math.round(server.startMs)} ms; resident ${megabytes(idleBytes[i])} idle, ${megabytes(server.residentBytes())} ${settledMs / 1000} s after the loads`,
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

const fewer = (requests: number) => (requests > 100 ? Math.ceil(requests * share) : requests);

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
  const { requests } = load;
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
