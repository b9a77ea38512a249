/** DNS, proxy and router inside of `raftsman up`. */
import { type Client, createEventSink } from "../client/index.ts";
import {
  type Address,
  type ClusterDns,
  claimServiceRange,
  createStatusServer,
  keepDnsService,
  loopbackServiceRanges,
  type RunningTraffic,
  routeHere,
  type ServiceRange,
  startTraffic,
  tenthAddress,
} from "../main/index.ts";
import type { Machine } from "../platform/index.ts";
import { createMetrics } from "../telemetry/index.ts";
import { hostAndPort, upstreamsOf } from "./addresses.ts";
import { defaults } from "./defaults.ts";
import { keptRange } from "./kept-range.ts";
import { paint } from "./paint.ts";
import { standardErrorLog } from "./standard-error-log.ts";

const loopback = "127.0.0.1";
/** What the Services of a kept cluster have their addresses out of. */
const rangeFile = "service-cluster-ip-range";

export interface UpTrafficOptions {
  readonly runtime: "hollow" | "process";
  readonly dataDir?: string;
  readonly images?: string;
  readonly serviceClusterIpRange?: string;
  /** By default as the pods are: on for processes; hollow ones have nothing that could be reached. */
  readonly proxy?: boolean;
  readonly dns?: boolean;
  readonly dnsListen?: string;
  readonly dnsUpstream: string;
  readonly clusterDomain: string;
  readonly nodeportAddresses: string;
  readonly router?: boolean;
  readonly routerDriver: "auto" | "haproxy" | "embedded";
  readonly routerHttpPort?: number;
  readonly routerHttpsPort?: number;
}

/**
 * The range of cluster IPs: out of 127/8 where the proxy is on, or where pods have networks of their own any that is routed to this machine.
 * The first that no other cluster on this machine serves; one that is kept goes on with what it had.
 */
export async function settleServiceRange(
  platform: Machine,
  options: UpTrafficOptions,
): Promise<{ range: string; claim: ServiceRange | undefined }> {
  const asked = options.serviceClusterIpRange;
  if (!(options.proxy ?? options.runtime === "process"))
    return { range: asked ?? defaults.serviceClusterIpRange, claim: undefined };
  if (options.images !== undefined) return routedRange(platform, asked ?? defaults.serviceClusterIpRange);
  const kept = await keptRange(platform, options.dataDir, rangeFile);
  const known = asked ?? kept.known;
  const claim = await claimServiceRange(
    platform.network,
    known === undefined ? loopbackServiceRanges : [known],
  );
  await kept.keep(claim.range);
  return { range: claim.range, claim };
}

/** Loopback is each pod's own: the range has to be one that they send here. */
async function routedRange(
  platform: Machine,
  range: string,
): Promise<{ range: string; claim: ServiceRange }> {
  const route = await routeHere(platform, range);
  const claim = await claimServiceRange(platform.network, [range]);
  return {
    range,
    claim: {
      ...claim,
      async release() {
        await claim.release();
        await route.remove();
      },
    },
  };
}

export interface UpTraffic {
  /** What to tell people. */
  readonly lines: readonly string[];
  readonly ready: Promise<void>;
  /** How pods' programs find names; undefined where no cluster IP leads to a server. */
  readonly dns: ClusterDns | undefined;
  close(): Promise<void>;
}

export async function startUpTraffic(
  platform: Machine,
  options: UpTrafficOptions,
  at: { client: Client; apiUrl: string; claim: ServiceRange | undefined },
): Promise<UpTraffic> {
  const { claim, client } = at;
  const processes = options.runtime === "process";
  const withDns = options.dns ?? processes;
  const withRouter = options.router ?? processes;
  if (!withDns && !withRouter && claim === undefined)
    return { lines: [], ready: Promise.resolve(), dns: undefined, close: async () => {} };
  const listen: Address =
    options.dnsListen === undefined
      ? { ...hostAndPort("--dns-listen", defaults.dnsListen), orFree: true }
      : hostAndPort("--dns-listen", options.dnsListen);
  const { hostname, port } = new URL(at.apiUrl);
  const metrics = createMetrics();
  const traffic = await startTraffic({
    client,
    platform,
    metrics,
    log: standardErrorLog(platform.clock, "warn"),
    config: {
      ...(withDns
        ? { dns: { listen, zone: options.clusterDomain, upstreams: upstreamsOf(options.dnsUpstream) } }
        : {}),
      ...(withRouter
        ? {
            router: {
              http: routerAddress(options.routerHttpPort, defaults.routerHttpPort),
              https: routerAddress(options.routerHttpsPort, defaults.routerHttpsPort),
              driver: options.routerDriver,
              accessLog: false,
            },
          }
        : {}),
      ...(claim === undefined
        ? {}
        : {
            proxy: {
              nodePortHosts: options.nodeportAddresses.split(",").filter((host) => host !== ""),
              apiServer: { host: hostname, port: Number(port) },
            },
          }),
    },
  });
  const stopping = new AbortController();
  const nameserver = claim === undefined ? undefined : tenthAddress(claim.range);
  let dns: ClusterDns | undefined;
  if (traffic.dns !== undefined && nameserver !== undefined) {
    const { host, port } = traffic.dns;
    dns = { nameserver, server: `${host}:${port}`, domain: options.clusterDomain };
    const log = standardErrorLog(platform.clock, "warn");
    const { clock } = platform;
    const { signal } = stopping;
    const { hostName } = await platform.host();
    keepDnsService({
      ...{ client, clock, log, signal },
      recorder: createEventSink({ client, clock, log, hostName, signal }).recorder("raftsman-dns"),
      clusterIp: nameserver,
      server: { host, port },
    });
  }
  let healthy = false;
  void traffic.ready.then(() => {
    healthy = true;
  });
  const status = createStatusServer(platform, { metrics, healthy: () => healthy });
  claim?.onConnection((connection) => status.serve(connection));
  return {
    lines: linesOf(traffic, claim),
    ready: traffic.ready,
    dns,
    async close() {
      stopping.abort();
      await traffic.close();
      await status.close();
      await claim?.release();
    },
  };
}

/** The usual port, or a free one where that is taken and none was asked for. */
function routerAddress(asked: number | undefined, usual: number): Address {
  return asked === undefined
    ? { host: loopback, port: usual, orFree: true }
    : { host: loopback, port: asked };
}

function linesOf({ dns, router }: RunningTraffic, claim: ServiceRange | undefined): string[] {
  return [
    ...(claim === undefined
      ? []
      : [
          `${paint("bold", "Services")}      ${claim.range}, metrics on http://${claim.statusAddress}/metrics`,
        ]),
    ...(dns === undefined
      ? []
      : [
          `${paint("bold", "DNS")}           ${dns.host}:${dns.port}`,
          `  dig @${dns.host} -p ${dns.port} kubernetes.default.svc.cluster.local`,
        ]),
    ...(router === undefined
      ? []
      : [
          `${paint("bold", "Router")}        http://${router.http.host}:${router.http.port}, https://${router.https.host}:${router.https.port} (${router.driver})`,
        ]),
  ];
}
