/** Loads on the keys from h2load: written in C, it leaves the machine to the servers. */
import { h2load } from "../h2load.ts";
import { type MeasuredServer, programs, startStore } from "../servers.ts";
import { compare, cpuMicrosOf, type Progress, quick, type Sample } from "./compare.ts";
import { type Call, fill, get, kubernetesTxn, list, put } from "./requests.ts";

const requestsShare = quick ? 0.25 : 1;

export interface Load {
  readonly name: string;
  readonly call: Call;
  readonly requests: number;
  /** Sent first, once each. */
  readonly before?: Iterable<Call>;
  readonly connections: number;
  /** In flight at once on each connection. */
  readonly streams: number;
}

const many = { connections: 8, streams: 64 };

const manyPuts: Load = { name: "put, 8 connections × 64 streams", call: put, requests: 40_000, ...many };

const loads: readonly Load[] = [
  manyPuts,
  { name: "put, one at a time", call: put, requests: 1_500, connections: 1, streams: 1 },
  { name: "get, linearizable, 8 × 64", call: get({ serializable: false }), requests: 60_000, ...many },
  { name: "get, serializable, 8 × 64", call: get({ serializable: true }), requests: 60_000, ...many },
  {
    name: "txn: compare, put, else get, 8 × 64",
    call: kubernetesTxn,
    before: [put],
    requests: 40_000,
    ...many,
  },
  {
    name: "range of 1,000 keys, 8 × 4",
    call: list(1_000),
    before: fill(0, 1_000),
    requests: 1_500,
    connections: 8,
    streams: 4,
  },
];

export async function kvLoads(servers: readonly MeasuredServer[], progress: Progress): Promise<string[][]> {
  const rows: string[][] = [];
  for (const load of loads) {
    const before = [...(load.before ?? [])];
    for (const server of servers) for (const call of before) await once(server, call);
    const requests = Math.ceil(load.requests * requestsShare);
    const run = (server: MeasuredServer) => measure(server, { ...load, requests });
    rows.push(await compare(load.name, servers, run, progress));
  }
  return rows;
}

/** The puts of the first load, on clusters of three. */
export async function threeMembers(progress: Progress): Promise<string[]> {
  const servers: MeasuredServer[] = [];
  try {
    for (const program of programs) servers.push(await startStore(program, { members: 3 }));
    const name = "put, three members, at the leader, 8 × 64";
    const requests = Math.ceil(manyPuts.requests * requestsShare);
    return await compare(name, servers, (server) => measure(server, { ...manyPuts, requests }), progress);
  } finally {
    for (const server of servers) await server.stop();
  }
}

export async function measure(server: MeasuredServer, load: Omit<Load, "before" | "name">): Promise<Sample> {
  const { requests } = load;
  let outcome = { perSecond: Number.NaN, p99Ms: Number.NaN, longestMs: Number.NaN };
  const cpuMicros = await cpuMicrosOf(server, requests, async () => {
    outcome = await h2load({
      origin: server.clientUrl,
      paths: [`/etcdserverpb.KV/${load.call.method}`],
      headers: ["content-type: application/grpc", "te: trailers"],
      body: load.call.body,
      requests,
      connections: load.connections,
      streams: load.streams,
    });
  });
  return { ...outcome, cpuMicros };
}

async function once(server: MeasuredServer, call: Call): Promise<void> {
  await h2load({
    origin: server.clientUrl,
    paths: [`/etcdserverpb.KV/${call.method}`],
    headers: ["content-type: application/grpc", "te: trailers"],
    body: call.body,
    requests: 1,
    connections: 1,
    streams: 1,
  });
}
