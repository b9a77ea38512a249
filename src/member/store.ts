/** One member that is nothing but the store: etcd's API in front, the other members behind. */
import { createEtcdApi, type EtcdApi, type EtcdApiOptions } from "../etcdapi/index.ts";
import type { HttpHandlers } from "../h2/index.ts";
import type { ListenOptions, Platform } from "../platform/index.ts";
import {
  type AutoCompactionPolicy,
  openReplica,
  type Replica,
  type ReplicaConfig,
} from "../replica/index.ts";
import { createMetrics, type Log, type Metrics } from "../telemetry/index.ts";
import type { Address } from "./address.ts";
import type { DiscoveryConfig } from "./discovery.ts";
import { compactBehind, publish } from "./duties.ts";
import { withDiscovered } from "./initial-members.ts";
import { serveHttp } from "./serve-http.ts";
import { takeOver } from "./take-over.ts";

/** What is served at an address: gRPC, everything else that HTTP carries, both, or only what watches over the member. */
export type Traffic = "grpc" | "http" | "grpc+http" | "metrics";

export interface StoreAddress extends Pick<Address, "host" | "port" | "path"> {
  readonly traffic: Traffic;
  readonly tls: ListenOptions["tls"] | undefined;
}

export interface StoreConfig {
  readonly replica: ReplicaConfig;
  /** Where the other members of a new cluster are found. */
  readonly discovery?: DiscoveryConfig;
  readonly listen: readonly StoreAddress[];
  readonly advertiseClientUrls: readonly string[];
  readonly autoCompaction: AutoCompactionPolicy | undefined;
  /** Compare this member's data with the others' first. */
  readonly checkBeforeServing: boolean;
  /** Milliseconds from which on a call is logged as slow. */
  readonly slowCallMs?: number;
  /** A client's certificate says who it is. */
  readonly trustCommonNames: boolean;
  /** Origins of pages whose scripts may call, `*` for all. */
  readonly allowedOrigins: readonly string[];
  readonly features: NonNullable<EtcdApiOptions["features"]>;
}

export interface Store {
  /** Where it listens, as it turned out. */
  readonly addresses: readonly {
    readonly address: string;
    readonly traffic: Traffic;
    /** With TLS, without, or either: at least one of them. */
    readonly secure: boolean;
    readonly insecure: boolean;
  }[];
  /** This member has heard from a leader, and the cluster knows how clients reach it. */
  readonly ready: Promise<void>;
  /** Rejects when this member cannot go on. */
  readonly failed: Promise<never>;
  /** Ends cleanly. */
  close(): Promise<void>;
}

export async function startStore(
  platform: Platform,
  config: StoreConfig,
  log: Log,
  metrics: Metrics = createMetrics(),
): Promise<Store> {
  const replicaConfig = await withDiscovered(platform, config, log);
  await takeOver(platform, replicaConfig, log);
  const replica = await openReplica({ platform, config: replicaConfig, log, metrics });
  const closing: (() => Promise<void> | void)[] = [() => replica.close()];
  const close = async () => {
    for (const one of closing.splice(0).reverse()) await one();
  };
  try {
    if (config.checkBeforeServing) await replica.checkCorruption();
    if (config.autoCompaction) closing.push(compactBehind(replica, config.autoCompaction, platform, log));
    const api = createEtcdApi({
      kv: replica,
      cluster: replica,
      clock: platform.clock,
      log,
      metrics,
      allowedOrigins: config.allowedOrigins,
      features: config.features,
      requestBytesMax: config.replica.requestBytesMax,
      txnOpsMax: config.replica.txnOpsMax,
      trustCommonNames: config.trustCommonNames,
      slowCallMs: config.slowCallMs,
    });
    closing.push(() => api.close());
    const addresses = [];
    for (const { traffic, tls, ...address } of config.listen) {
      const onRejected = (from: string, error: string) =>
        log.warn("rejected connection on client endpoint", { "remote-addr": from, error });
      const secure = tls && { ...tls, onRejected };
      const listener = await serveHttp(platform, address, handlersFor(api, traffic), secure);
      closing.push(() => listener.close());
      const shown = listener.host.includes(":") ? `[${listener.host}]` : listener.host;
      addresses.push({
        address: address.path ?? `${shown}:${listener.port}`,
        traffic,
        secure: tls !== undefined,
        insecure: tls === undefined || tls.plainToo === true,
      });
    }
    const published = publish(
      replica,
      platform,
      { name: config.replica.name, clientUrls: config.advertiseClientUrls },
      log,
    );
    closing.push(() => published.stop());
    return { addresses, ready: readyOf(replica, published.done), failed: replica.failed, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function readyOf(replica: Replica, published: Promise<void>): Promise<void> {
  await replica.ready;
  await published;
}

const watching = /^\/(metrics|health|livez|readyz)(\/|\?|$)/;

function handlersFor(api: EtcdApi, traffic: Traffic): HttpHandlers {
  const notFound: HttpHandlers["onRequest"] = (request, response) => {
    request.resume();
    response.writeHead(404, { "content-type": "text/plain; charset=utf-8" });
    response.end("404 page not found\n");
  };
  switch (traffic) {
    case "grpc+http":
      return api;
    case "grpc":
      return { onStream: api.onStream, onRequest: notFound };
    case "http":
      return { onRequest: api.onRequest };
    default:
      return {
        onRequest: (request, response) =>
          watching.test(request.url ?? "") ? api.onRequest(request, response) : notFound(request, response),
      };
  }
}
