import { join } from "node:path";
import { writeKubeconfig } from "../../client/index.ts";
import {
  type Address,
  adminKubeconfig,
  type ExternalStore,
  ensurePki,
  firstAddress,
  type MemberStore,
  type ServerConfig,
  startServer,
} from "../../main/index.ts";
import { nodePlatform } from "../../platform/index.ts";
import { settingsOf } from "../api-flags/options.ts";
import { requestHeaderOf } from "../api-flags/request-header.ts";
import { servedAs } from "../api-flags/served.ts";
import type { ApiSettings } from "../api-flags/settings.ts";
import { giveMemoryBack } from "../give-back.ts";
import { tuneHeap } from "../heap.ts";
import { frozenObjects } from "../mutation-detector.ts";
import { seedFile } from "../seed-file.ts";
import { standardErrorLog } from "../standard-error-log.ts";
import { stopSignal } from "../stop-signal.ts";
import { autoCompaction } from "../store-values.ts";

export interface ServeOptions {
  readonly name: string;
  readonly dataDir?: string;
  readonly certsDir?: string;
  readonly initialCluster?: string;
  readonly initialClusterToken: string;
  readonly initialClusterState: "new" | "existing";
  readonly listenPeerUrls: string;
  readonly listenClientUrls: string;
  readonly advertiseClientUrls?: string;
  readonly initialAdvertisePeerUrls?: string;
  readonly bindAddress: string;
  readonly securePort: number;
  readonly tlsSan: string;
  readonly heartbeatInterval: number;
  readonly electionTimeout: number;
  readonly snapshotCount: number;
  readonly quotaBackendBytes?: number;
  readonly autoCompactionMode: "periodic" | "revision";
  readonly autoCompactionRetention: string;
  readonly etcdPrefix: string;
  readonly etcdServers?: string;
  readonly etcdCafile?: string;
  readonly etcdCertfile?: string;
  readonly etcdKeyfile?: string;
  readonly etcdCompactionInterval: number;
  readonly serviceClusterIpRange: string;
  readonly podCidr: string;
  readonly localPodCidr?: string;
  readonly controllers: string;
  readonly nodeMonitorGracePeriod: number;
  readonly terminatedPodGcThreshold: number;
  readonly nodes: number;
  readonly kubeconfig?: string;
}

export async function serve(options: ServeOptions): Promise<void> {
  const settings = settingsOf(options);
  const config = configOf(options, settings);
  const platform = nodePlatform();
  const log = standardErrorLog(platform.clock);
  const stop = stopSignal();
  const serviceAddress = firstAddress(config.serviceClusterIpRange);
  const pki = await ensurePki(platform, config.certsDir, { hosts: config.hosts, serviceAddress });
  const requestHeader = await requestHeaderOf(settings, platform.disk, pki.requestHeader);
  const server = await startServer(platform, config, log, { ...pki, requestHeader });
  if (options.kubeconfig !== undefined) {
    await writeKubeconfig(platform.disk, options.kubeconfig, adminKubeconfig(server.pki, server.apiUrl));
  }
  await Promise.race([server.ready, stop.promise, server.failed]);
  if (!stop.stopped()) {
    // `up` reads the second line; people read the first.
    process.stdout.write(
      "servers" in config.store
        ? `ready: ${config.name} serves the resource API on ${server.apiUrl}, its store is etcd on ${server.etcdUrl}\n`
        : `ready: ${config.name} serves the resource API on ${server.apiUrl} and etcd's on ${server.etcdUrl}\n`,
    );
    tuneHeap();
    giveMemoryBack(platform.clock);
    process.send?.({ ready: { name: config.name, apiUrl: server.apiUrl, etcdUrl: server.etcdUrl } });
  }
  await Promise.race([stop.promise, server.failed]);
  await server.close();
}

/** @throws Error that names the flag */
function configOf(options: ServeOptions, settings: ApiSettings): ServerConfig {
  const dataDir = options.dataDir ?? `${options.name}.raftsman`;
  return {
    name: options.name,
    dataDir,
    certsDir: options.certsDir ?? join(dataDir, "pki"),
    hosts: options.tlsSan.split(",").filter((host) => host !== ""),
    store:
      options.etcdServers === undefined ? memberStore(options) : externalStore(options, options.etcdServers),
    api: { host: options.bindAddress, port: options.securePort },
    etcdPrefix: options.etcdPrefix,
    serviceClusterIpRange: options.serviceClusterIpRange,
    podCidr: options.podCidr,
    ...(options.localPodCidr === undefined ? {} : { localPodCidr: options.localPodCidr }),
    controllers: options.controllers,
    nodeMonitorGraceMs: options.nodeMonitorGracePeriod * 1000,
    terminatedPodThreshold: options.terminatedPodGcThreshold,
    frozenObjects,
    ...servedAs(settings),
    hollowNodes: options.nodes,
    seedFile: seedFile(),
  };
}

/** @throws Error that names the flag */
function memberStore(options: ServeOptions): MemberStore {
  const peer = parseUrl("--listen-peer-urls", options.listenPeerUrls);
  const client = parseUrl("--listen-client-urls", options.listenClientUrls);
  if (peer.plain !== client.plain)
    throw new Error("--listen-peer-urls and --listen-client-urls: both https, or both http");
  const advertised = (options.initialAdvertisePeerUrls ?? options.listenPeerUrls).split(",");
  const members = options.initialCluster ?? advertised.map((url) => `${options.name}=${url}`).join(",");
  const initialCluster = parseInitialCluster(members);
  if (!initialCluster.some(({ name }) => name === options.name)) {
    throw new Error(
      `--initial-cluster does not name this member: "${options.name}" (--name) is none of ${initialCluster.map(({ name }) => name).join(", ")}`,
    );
  }
  if (options.electionTimeout < 5 * options.heartbeatInterval) {
    throw new Error(
      `--election-timeout (${options.electionTimeout} ms) must be at least 5 times --heartbeat-interval (${options.heartbeatInterval} ms)`,
    );
  }
  const compaction = autoCompaction(options.autoCompactionMode, options.autoCompactionRetention);
  return {
    peer: peer.address,
    advertisePeerUrls: advertised,
    client: client.address,
    advertiseClientUrls: options.advertiseClientUrls?.split(",") ?? [],
    initialCluster,
    initialClusterToken: options.initialClusterToken,
    initialClusterState: options.initialClusterState,
    heartbeatMs: options.heartbeatInterval,
    electionMs: options.electionTimeout,
    snapshotCount: options.snapshotCount,
    ...(options.quotaBackendBytes === undefined ? {} : { quotaBytes: options.quotaBackendBytes }),
    ...(compaction === undefined ? {} : { autoCompaction: compaction }),
    plain: client.plain,
  };
}

/** @throws Error that names the flag */
function externalStore(options: ServeOptions, servers: string): ExternalStore {
  const given = [
    [options.initialCluster, "--initial-cluster"],
    [options.advertiseClientUrls, "--advertise-client-urls"],
    [options.initialAdvertisePeerUrls, "--initial-advertise-peer-urls"],
    [options.quotaBackendBytes, "--quota-backend-bytes"],
  ].find(([value]) => value !== undefined);
  if (given !== undefined) {
    throw new Error(
      `${given[1]}: a flag of a member of the store, and with --etcd-servers this server is none`,
    );
  }
  const { etcdCafile, etcdCertfile, etcdKeyfile } = options;
  return {
    servers: servers.split(",").filter((url) => url !== ""),
    ...(etcdCafile === undefined ? {} : { caFile: etcdCafile }),
    ...(etcdCertfile === undefined ? {} : { certFile: etcdCertfile }),
    ...(etcdKeyfile === undefined ? {} : { keyFile: etcdKeyfile }),
    compactionIntervalMs: options.etcdCompactionInterval,
  };
}

function parseUrl(flag: string, text: string): { address: Address; plain: boolean } {
  if (!URL.canParse(text)) throw new Error(`${flag}: not a URL: ${text}`);
  const { protocol, hostname, port } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:")
    throw new Error(`${flag}: http:// or https:// was expected: ${text}`);
  // URL drops a default port; nobody means 443 here.
  const explicit = /:(\d+)\/?$/.exec(text)?.[1] ?? port;
  if (explicit === "") throw new Error(`${flag}: the port is missing: ${text}`);
  return {
    address: { host: hostname.replace(/^\[|\]$/g, ""), port: Number(explicit) },
    plain: protocol === "http:",
  };
}

/** `a=https://1.2.3.4:2380,b=…`; a name that comes twice has two URLs. */
function parseInitialCluster(text: string): MemberStore["initialCluster"] {
  const urls = new Map<string, string[]>();
  for (const part of text.split(",")) {
    const [name = "", url = ""] = part.split(/=(.*)/s);
    if (name === "" || !URL.canParse(url))
      throw new Error(`--initial-cluster: name=peer-url was expected: "${part}"`);
    urls.set(name, [...(urls.get(name) ?? []), url]);
  }
  return [...urls].map(([name, peerUrls]) => ({ name, peerUrls }));
}
