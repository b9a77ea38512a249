/**
 * What the store does most, against Debian's etcd on the same machine in one run: the same client (h2load with a fixed gRPC body), the same durability
 * (both fdatasync before they answer), rounds interleaved, so that a noisy neighbour disturbs both.
 */
import Table from "cli-table3";
import { encode, etcdserverpb } from "../src/wire/index.ts";
import { h2load } from "./h2load.ts";
import { type MeasuredServer, startEtcd, startRaftsman } from "./servers.ts";
import { median } from "./statistics.ts";

/** `--quick`: a first look instead of a measurement. */
const quick = process.argv.includes("--quick");
const rounds = quick ? 1 : 5;
const requestsShare = quick ? 0.25 : 1;
const valueBytes = 256;

interface Load {
  readonly name: string;
  readonly path: string;
  readonly body: Uint8Array;
  readonly requests: number;
  /** Sent first, once each. */
  readonly before?: readonly { readonly path: string; readonly body: Uint8Array }[];
  readonly connections: number;
  readonly streams: number;
}

interface Sample {
  readonly perSecond: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

/** Not below the prefix of the resource API, whose watch cache lives in our process and not in etcd. */
const key = new TextEncoder().encode("/registry/services/specs/default/docker-registry");
const put = grpcFrame(encode(etcdserverpb.PutRequest, { key, value: new Uint8Array(valueBytes).fill(120) }));
const get = (serializable: boolean) => grpcFrame(encode(etcdserverpb.RangeRequest, { key, serializable }));

/**
 * As kube-apiserver updates an object: where it is as it was read, write it; else read it. Here the version is compared, so that it holds
 * again after every write.
 */
const target = etcdserverpb.CompareCompareTarget.values.VERSION;
const result = etcdserverpb.CompareCompareResult.values.GREATER;
const kubernetesTxn = grpcFrame(
  encode(etcdserverpb.TxnRequest, {
    compare: [{ key, target, version: 0, result }],
    success: [{ requestPut: { key, value: new Uint8Array(valueBytes).fill(120) } }],
    failure: [{ requestRange: { key } }],
  }),
);

const listed = 1000;
const putsPerTxn = 100;
const collection = "/registry/endpoints/default/";
const bytes = (text: string) => new TextEncoder().encode(text);
/** Writes the keys that are listed. */
const fill = Array.from({ length: listed / putsPerTxn }, (_, txn) => {
  const success = Array.from({ length: putsPerTxn }, (_, i) => {
    const name = `${collection}endpoints-${String(txn * putsPerTxn + i).padStart(4, "0")}`;
    return { requestPut: { key: bytes(name), value: new Uint8Array(valueBytes).fill(120) } };
  });
  return { path: "Txn", body: grpcFrame(encode(etcdserverpb.TxnRequest, { success })) };
});
const list = grpcFrame(
  encode(etcdserverpb.RangeRequest, {
    key: bytes(collection),
    rangeEnd: bytes(collection.replace(/[/]$/, "0")),
  }),
);

const loads: readonly Load[] = [
  {
    name: "put, 8 connections × 64 streams",
    path: "Put",
    body: put,
    requests: 40_000,
    connections: 8,
    streams: 64,
  },
  { name: "put, one at a time", path: "Put", body: put, requests: 1_500, connections: 1, streams: 1 },
  {
    name: "get, linearizable, 8 × 64",
    path: "Range",
    body: get(false),
    requests: 60_000,
    connections: 8,
    streams: 64,
  },
  {
    name: "get, serializable, 8 × 64",
    path: "Range",
    body: get(true),
    requests: 60_000,
    connections: 8,
    streams: 64,
  },
  {
    name: "txn: compare, put, else get, 8 × 64",
    path: "Txn",
    body: kubernetesTxn,
    before: [{ path: "Put", body: put }],
    requests: 40_000,
    connections: 8,
    streams: 64,
  },
  {
    name: "range of 1,000 keys, 8 × 4",
    path: "Range",
    body: list,
    before: fill,
    requests: 1_500,
    connections: 8,
    streams: 4,
  },
];

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const servers = [await startRaftsman(), await startEtcd()];
  try {
    const table = new Table({
      head: ["load", "raftsman /s", "etcd /s", "ratio", "p99 ms", "etcd's", "CPU µs/op", "etcd's", "ratio"],
      style: { head: [], border: [] },
    });
    for (const full of loads) {
      const load = { ...full, requests: full.requests * requestsShare };
      for (const server of servers) {
        for (const { path, body } of load.before ?? [])
          await measure(server, { ...load, path, body, requests: 1, connections: 1, streams: 1 });
      }
      const samples = new Map<string, Sample[]>(servers.map(({ name }) => [name, []]));
      for (let round = 0; round <= rounds; round++) {
        for (const server of servers) {
          const sample = await measure(server, load);
          // Round 0 warms both up.
          if (round > 0) samples.get(server.name)?.push(sample);
        }
        progress(`${load.name}: round ${round} of ${rounds}`);
      }
      const of = (name: string, field: keyof Sample) =>
        median((samples.get(name) ?? []).map((sample) => sample[field]));
      const [ours, theirs] = [of("raftsman", "perSecond"), of("etcd", "perSecond")];
      const [cpu, cpuTheirs] = [of("raftsman", "cpuMicros"), of("etcd", "cpuMicros")];
      table.push([
        load.name,
        Math.round(ours).toLocaleString("en"),
        Math.round(theirs).toLocaleString("en"),
        `${(ours / theirs).toFixed(2)} ×`,
        of("raftsman", "p99Ms").toFixed(2),
        of("etcd", "p99Ms").toFixed(2),
        cpu.toFixed(1),
        cpuTheirs.toFixed(1),
        `${(cpu / cpuTheirs).toFixed(2)} ×`,
      ]);
    }
    return [
      `Median of ${rounds} interleaved rounds, values of ${valueBytes} bytes, durable; etcd is Debian's.`,
      "",
      "```",
      table.toString(),
      "```",
    ];
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
}

async function measure(server: MeasuredServer, load: Load): Promise<Sample> {
  const before = server.cpuSeconds();
  const outcome = await h2load({
    origin: server.clientUrl,
    paths: [`/etcdserverpb.KV/${load.path}`],
    headers: ["content-type: application/grpc", "te: trailers"],
    body: load.body,
    requests: load.requests,
    connections: load.connections,
    streams: load.streams,
  });
  return { ...outcome, cpuMicros: ((server.cpuSeconds() - before) * 1e6) / load.requests };
}

/** gRPC's five bytes before a message: not compressed, length. */
function grpcFrame(message: Uint8Array): Uint8Array {
  const frame = Buffer.alloc(5 + message.length);
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, 5);
  return frame;
}
