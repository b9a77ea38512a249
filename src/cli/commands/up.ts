import { join, resolve } from "node:path";
import { type Client, createClient, undiciTransport, writeKubeconfig } from "../../client/index.ts";
import {
  type Address,
  adminConnection,
  adminKubeconfig,
  type ClusterDns,
  ensurePki,
  exportStoreClient,
  firstAddress,
  listenOrFree,
  type Pki,
  type PodClaim,
  startHollowNodes,
  startProcessNodes,
  startServer,
} from "../../main/index.ts";
import { type Listener, type Machine, nodePlatform, type Platform } from "../../platform/index.ts";
import { apiArguments, settingsOf } from "../api-flags/options.ts";
import { requestHeaderOf } from "../api-flags/request-header.ts";
import { servedAs } from "../api-flags/served.ts";
import { defaults } from "../defaults.ts";
import { fail } from "../fail.ts";
import { startForwarder } from "../forwarder.ts";
import { tuneHeap } from "../heap.ts";
import { type MemberProcess, startMembers } from "../members.ts";
import { frozenObjects } from "../mutation-detector.ts";
import { paint } from "../paint.ts";
import { checkClusterSize, peerPorts } from "../peer-ports.ts";
import { seedFile } from "../seed-file.ts";
import { standardErrorLog } from "../standard-error-log.ts";
import { stopSignal } from "../stop-signal.ts";
import { autoCompaction } from "../store-values.ts";
import { settlePodRange } from "../up-pods.ts";
import { settleServiceRange, startUpTraffic, type UpTraffic, type UpTrafficOptions } from "../up-traffic.ts";

export interface UpOptions extends UpTrafficOptions {
  readonly members: "1" | "3";
  readonly nodes: number;
  readonly port?: number;
  readonly etcdPort?: number;
  readonly kubeconfig?: string;
  readonly certs?: string;
  readonly podCidr?: string;
  readonly images?: string;
  readonly address?: string;
  readonly nodeMonitorGracePeriod: number;
}

/** With the addresses chosen. */
type SettledOptions = UpOptions & {
  readonly serviceClusterIpRange: string;
  readonly podCidr: string;
  readonly address: string;
};

/** What a cluster starts with. */
interface UpPlace {
  readonly dataDir: string;
  readonly pki: Pki;
  readonly dns: FoundDns;
}

/** A cluster that runs. */
interface Running {
  readonly apiUrl: string;
  readonly client: (userAgent: string) => Client;
  readonly etcdUrls: readonly string[];
  readonly members: readonly MemberProcess[];
  readonly failed: Promise<never>;
  close(): Promise<void>;
}

/** Where names are resolved, when that is known. */
type FoundDns = Promise<ClusterDns | undefined>;

const loopback = "127.0.0.1";

/** Loopback addresses that endpoints may have: those of processes. */
const localPodCidrOf = ({ podCidr, runtime }: SettledOptions): string =>
  runtime === "process" && podCidr.startsWith("127.") ? podCidr : defaults.localPodCidr;

/** The nodes, all of this process. */
async function startNodes(
  machine: Machine,
  { nodes, runtime, images, address, nodeMonitorGracePeriod }: SettledOptions,
  at: UpPlace & { readonly client: (userAgent: string) => Client },
): Promise<{ registered: Promise<void>; close(): Promise<void> }> {
  const log = standardErrorLog(machine.clock, "warn");
  const leaseSeconds = Math.min(nodeMonitorGracePeriod, defaults.nodeLeaseSeconds);
  if (runtime === "hollow" && images !== undefined)
    throw new Error("--images: hollow pods run no programs: give --runtime process as well");
  if (runtime === "hollow")
    return startHollowNodes({
      client: at.client("raftsman-node"),
      platform: machine,
      count: nodes,
      prefix: "hollow",
      leaseSeconds,
      log,
    });
  // Programs of other users start below it; what is secret there has directories that are closed to them.
  const { mode } = (await machine.files.status(at.dataDir)) ?? { mode: 0o700 };
  await machine.files.setMode(at.dataDir, mode | 0o011);
  return startProcessNodes({
    client: at.client("kubelet"),
    machine,
    log,
    names: Array.from({ length: nodes }, (_, position) => `node-${position + 1}`),
    address,
    leaseSeconds,
    directory: join(at.dataDir, "nodes"),
    images,
    dns: () => at.dns,
    clientCa: at.pki.apiCa,
  });
}

/** Pods with networks of their own reach this machine at none of its loopback addresses. */
async function nodeAddress(machine: Machine, { address, images }: UpOptions): Promise<string> {
  if (address !== undefined) return address;
  return (images === undefined ? undefined : (await machine.host()).addresses[0]) ?? loopback;
}

function nodePortAddresses({ nodeportAddresses, images }: UpOptions, address: string): string {
  return images === undefined ? nodeportAddresses : `${nodeportAddresses},${address}`;
}

export async function up(options: UpOptions): Promise<void> {
  // Whoever read what we print may be gone; the cluster stays.
  process.stdout.on("error", () => {});
  const platform = nodePlatform();
  const stop = stopSignal();
  const dataDir = resolve(options.dataDir ?? (await platform.disk.makeTemporaryDirectory("raftsman-")));
  const temporary = options.dataDir === undefined;
  let running: Running | undefined;
  let traffic: UpTraffic | undefined;
  let pods: PodClaim | undefined;
  const dns = Promise.withResolvers<ClusterDns | undefined>();
  let problem: unknown;
  try {
    await checkClusterSize(platform, dataDir, options.members);
    const { range, claim } = await settleServiceRange(platform, options);
    pods = await settlePodRange(platform, options);
    const address = await nodeAddress(platform, options);
    const settled = {
      ...options,
      serviceClusterIpRange: range,
      podCidr: pods.range,
      address,
      nodeportAddresses: nodePortAddresses(options, address),
    };
    const pki = await ensurePki(platform, join(dataDir, "pki"), {
      hosts: [],
      serviceAddress: firstAddress(range),
    });
    const starting =
      options.members === "1"
        ? upOne(platform, settled, { dataDir, pki, dns: dns.promise })
        : upThree(platform, settled, { dataDir, pki, dns: dns.promise });
    running = await starting;
    const { apiUrl, client } = running;
    traffic = await startUpTraffic(platform, settled, { client: client("raftsman-traffic"), apiUrl, claim });
    dns.resolve(traffic.dns);
    await Promise.race([traffic.ready, stop.promise]);
    if (!stop.stopped()) {
      await announce(platform, options, running, { dataDir, temporary, pki, traffic: traffic.lines });
      tuneHeap();
      await Promise.race([stop.promise, running.failed]);
      process.stdout.write("stopping\n");
    }
  } catch (error) {
    problem = error;
  }
  // A start of a program may be waiting for it.
  dns.resolve(undefined);
  for (const part of [traffic, running]) {
    try {
      await part?.close();
    } catch (error) {
      // The other parts, and the pods' programs among them, end all the same.
      problem ??= error;
    }
  }
  await pods?.release();
  if (temporary) await platform.disk.remove(dataDir);
  if (problem !== undefined) fail(problem);
}

/** Writes the files people need, and tells where everything is. */
async function announce(
  platform: Platform,
  options: UpOptions,
  running: Running,
  at: { dataDir: string; temporary: boolean; pki: Pki; traffic: readonly string[] },
): Promise<void> {
  const files = {
    kubeconfig: resolve(options.kubeconfig ?? join(at.dataDir, "kubeconfig")),
    certs: resolve(options.certs ?? join(at.dataDir, "certs")),
  };
  await writeKubeconfig(platform.disk, files.kubeconfig, adminKubeconfig(at.pki, running.apiUrl));
  await exportStoreClient(platform, at.pki, files.certs);
  process.stdout.write(instructions(running, { ...files, ...at }));
  process.stdout.write(
    `${paint("green", "ready")} in ${Math.round(process.uptime() * 1000)} ms: ${running.apiUrl}\n`,
  );
}

/** One member in this process. */
async function upOne(platform: Machine, options: SettledOptions, place: UpPlace): Promise<Running> {
  const { dataDir, pki } = place;
  const compaction = autoCompaction("periodic", defaults.autoCompactionRetention);
  const settings = settingsOf(options);
  const requestHeader = await requestHeaderOf(settings, platform.disk, pki.requestHeader);
  const server = await startServer(
    platform,
    {
      name: "m1",
      dataDir: join(dataDir, "m1"),
      certsDir: pki.directory,
      hosts: [],
      store: {
        peer: { host: loopback, port: 0 },
        advertisePeerUrls: ["https://127.0.0.1:2380"],
        client: { host: loopback, ...wanted(options.etcdPort, defaults.etcdPort) },
        advertiseClientUrls: [],
        initialCluster: [{ name: "m1", peerUrls: ["https://127.0.0.1:2380"] }],
        initialClusterToken: "raftsman-up",
        heartbeatMs: defaults.heartbeatMs,
        electionMs: defaults.electionMs,
        snapshotCount: defaults.snapshotCount,
        ...(compaction === undefined ? {} : { autoCompaction: compaction }),
        plain: false,
      },
      api: { host: loopback, ...wanted(options.port, defaults.apiPort) },
      etcdPrefix: defaults.etcdPrefix,
      serviceClusterIpRange: options.serviceClusterIpRange,
      podCidr: options.podCidr,
      localPodCidr: localPodCidrOf(options),
      controllers: "*",
      nodeMonitorGraceMs: options.nodeMonitorGracePeriod * 1000,
      terminatedPodThreshold: defaults.terminatedPodGcThreshold,
      frozenObjects,
      ...servedAs(settings),
      hollowNodes: 0,
      seedFile: seedFile(),
    },
    standardErrorLog(platform.clock, "warn"),
    { ...pki, requestHeader },
  );
  const nodes = await startNodes(platform, options, { ...place, client: server.client });
  await Promise.all([server.ready, nodes.registered]);
  return {
    apiUrl: server.apiUrl,
    client: server.client,
    etcdUrls: [server.etcdUrl],
    members: [],
    failed: server.failed,
    async close() {
      try {
        await nodes.close();
      } finally {
        await server.close();
      }
    },
  };
}

/** Three members, a process each; this one carries the common address of their API servers, and the nodes. */
async function upThree(platform: Machine, options: SettledOptions, place: UpPlace): Promise<Running> {
  const { dataDir, pki } = place;
  const names = ["m1", "m2", "m3"];
  const ports = await freePorts(platform, names.length, wanted(options.etcdPort, defaults.etcdPort));
  const peers = await peerPorts(platform, dataDir, names, (count) =>
    freePorts(platform, count, { port: 0 }, ports),
  );
  const peerUrl = (name: string) => `https://${loopback}:${peers[names.indexOf(name)]}`;
  const processes = startMembers({
    names,
    dataDir,
    notify: (line) => process.stderr.write(`${paint("yellow", line, process.stderr)}\n`),
    argumentsOf: (name) => [
      ...["--name", name, "--data-dir", join(dataDir, name), "--certs-dir", pki.directory],
      ...["--initial-cluster", names.map((one) => `${one}=${peerUrl(one)}`).join(",")],
      ...["--initial-cluster-token", "raftsman-up", "--listen-peer-urls", peerUrl(name)],
      ...["--listen-client-urls", `https://${loopback}:${ports[names.indexOf(name)]}`, "--secure-port", "0"],
      ...["--service-cluster-ip-range", options.serviceClusterIpRange, "--pod-cidr", options.podCidr],
      ...["--local-pod-cidr", localPodCidrOf(options)],
      ...["--node-monitor-grace-period", String(options.nodeMonitorGracePeriod)],
      ...apiArguments(options),
    ],
  });
  try {
    await processes.ready;
    const targets = () =>
      processes.members.flatMap(({ endpoints }) => (endpoints ? [addressOf(endpoints.apiUrl)] : []));
    const front = await listenOrFree(
      { host: loopback, ...wanted(options.port, defaults.apiPort) },
      (address) => startForwarder(platform, address, targets),
    );
    const apiUrl = `https://${loopback}:${front.port}`;
    const transport = undiciTransport(adminConnection(pki, apiUrl));
    const client = (userAgent: string) => createClient({ transport, userAgent });
    const nodes = await startNodes(platform, options, { ...place, client });
    return {
      apiUrl,
      client,
      etcdUrls: names.map((_, position) => `https://${loopback}:${ports[position]}`),
      members: processes.members,
      failed: new Promise<never>(() => {}),
      async close() {
        await nodes.close();
        await transport.close();
        await front.close();
        await processes.stop();
      },
    };
  } catch (error) {
    await processes.stop();
    throw error;
  }
}

function instructions(
  { apiUrl, etcdUrls, members }: Running,
  at: { kubeconfig: string; certs: string; dataDir: string; temporary: boolean; traffic: readonly string[] },
): string {
  const tls = `--cacert ${at.certs}/ca.crt --cert ${at.certs}/client.crt --key ${at.certs}/client.key`;
  const lines = [
    `${paint("bold", "Resource API")}  ${apiUrl}`,
    `  export KUBECONFIG=${at.kubeconfig}`,
    "  kubectl get nodes",
    `${paint("bold", "etcd API")}      ${etcdUrls.join(",")}`,
    `  ETCDCTL_API=3 etcdctl --endpoints ${etcdUrls.join(",")} ${tls} get / --prefix --keys-only`,
    ...at.traffic,
    `${paint("bold", "Data")}          ${at.dataDir}${at.temporary ? " (removed at the end)" : ""}`,
    ...members.map(({ name, pid, logFile }) => `  member ${name}: pid ${pid}, log ${logFile}`),
    "Ctrl-C ends it.",
  ];
  return `${lines.join("\n")}\n`;
}

/** What was asked for, or the usual port and a free one where that is taken. */
function wanted(asked: number | undefined, usual: number): Omit<Address, "host"> {
  return asked === undefined ? { port: usual, orFree: true } : { port: asked };
}

function addressOf(url: string): Address {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** Ports that were free a moment ago; the first as wanted, none of `taken`. */
async function freePorts(
  platform: Platform,
  count: number,
  first: Omit<Address, "host">,
  taken: readonly number[] = [],
): Promise<number[]> {
  const listeners: Listener[] = [];
  const listen = (address: Address) => platform.network.listen(address, ({ stream }) => stream.destroy());
  try {
    for (const ports: number[] = []; ; ) {
      const wish = ports.length === 0 ? first : { port: 0 };
      const listener = await listenOrFree({ host: loopback, ...wish }, listen);
      listeners.push(listener);
      if (!taken.includes(listener.port)) ports.push(listener.port);
      if (ports.length === count) return ports;
    }
  } finally {
    await Promise.all(listeners.map((listener) => listener.close()));
  }
}
