/**
 * What makes Services reachable on this machine: DNS, the proxy behind the cluster IPs, the router for host names. All look at the same
 * informers. `up` runs them beside a server, `raftsman dns|proxy|router` alone.
 */
import { createCatalog } from "../../catalog/index.ts";
import { type Client, createEventSink, createInformerFactory } from "../../client/index.ts";
import type { Address } from "../../member/index.ts";
import type { Machine } from "../../platform/index.ts";
import type { RouterAddresses } from "../../router/index.ts";
import type { Log, Metrics } from "../../telemetry/index.ts";
import { type RouterConfig, startConfiguredRouter } from "./router.ts";

export interface TrafficConfig {
  readonly dns?: {
    readonly listen: Address;
    readonly zone: string;
    readonly upstreams: readonly { readonly host: string; readonly port: number }[];
  };
  readonly proxy?: {
    /** Nodes that are this machine; left out: all are. */
    readonly nodeNames?: readonly string[];
    readonly nodePortHosts: readonly string[];
    /** Where the API is: behind `default/kubernetes` while that has no endpoints. */
    readonly apiServer?: { readonly host: string; readonly port: number };
  };
  readonly router?: RouterConfig;
}

/** Milliseconds that connections through the proxy may go on once it is told to end. */
const proxyGraceMs = 1000;

export interface RunningTraffic {
  /** Where DNS is served. */
  readonly dns: { readonly host: string; readonly port: number } | undefined;
  /** Where host names are routed, and by what. */
  readonly router: (RouterAddresses & { readonly driver: string }) | undefined;
  /** Everything is served from what the API holds. */
  readonly ready: Promise<void>;
  close(): Promise<void>;
}

/** @throws Error where an address is taken */
export async function startTraffic(options: {
  client: Client;
  platform: Machine;
  config: TrafficConfig;
  log: Log;
  metrics?: Metrics;
}): Promise<RunningTraffic> {
  const { client, platform, config, log } = options;
  const { clock, random, loop } = platform;
  const informers = createInformerFactory({ client, clock, random, log: log.channel("informers") });
  const catalog = createCatalog({ informers, loop });
  const stopping = new AbortController();
  const closing: (() => Promise<void> | void)[] = [() => stopping.abort()];
  const closeAll = async () => {
    for (const close of closing.splice(0).reverse()) await close();
  };
  const events = createEventSink({
    client,
    clock,
    log: log.channel("events"),
    hostName: "raftsman",
    signal: stopping.signal,
  });
  const parts = {
    platform,
    catalog,
    informers,
    ...(options.metrics === undefined ? {} : { metrics: options.metrics }),
  };
  try {
    let dns: RunningTraffic["dns"];
    if (config.dns !== undefined) {
      const { startDnsServer } = await import("../../dns/index.ts");
      const { zone, upstreams, listen } = config.dns;
      const server = await startDnsServer({ ...parts, log: log.channel("dns"), zone, upstreams, listen });
      closing.push(() => server.close());
      dns = server;
    }
    let proxyReady = Promise.resolve();
    if (config.proxy !== undefined) {
      const { startProxy } = await import("../../proxy/index.ts");
      const proxy = startProxy({
        ...parts,
        ...config.proxy,
        log: log.channel("proxy"),
        recorder: events.recorder("raftsman-proxy"),
      });
      closing.push(() => proxy.close({ graceMs: proxyGraceMs }));
      proxyReady = proxy.ready;
    }
    const router =
      config.router === undefined
        ? undefined
        : await startConfiguredRouter(config.router, {
            ...parts,
            client,
            machine: platform,
            log: log.channel("router"),
            recorder: events.recorder("raftsman-router"),
            signal: stopping.signal,
          });
    if (router !== undefined) closing.push(() => router.close());
    informers.start(stopping.signal);
    const at = router && { http: router.driver.http, https: router.driver.https, driver: router.driver.name };
    return {
      dns,
      router: at,
      ready: Promise.all([informers.synced(), proxyReady, router?.ready]).then(() => {}),
      close: closeAll,
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
