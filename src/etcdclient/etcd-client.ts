import { type Kv, KvError } from "../kv/index.ts";
import type { ConnectOptions, Platform } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import { etcdserverpb } from "../wire/index.ts";
import { Cluster } from "./cluster.ts";
import { parseEndpoint } from "./endpoint-address.ts";
import { leasesOf } from "./leases.ts";
import { range } from "./range.ts";
import { txnRequest } from "./requests.ts";
import { headerOf, txnResult } from "./responses.ts";
import { Watch } from "./watch.ts";

export interface EtcdClientOptions {
  readonly platform: Pick<Platform, "clock" | "random" | "network">;
  /** `https://host:port` of the members of one cluster. */
  readonly endpoints: readonly string[];
  /** Authority that signed the members' certificates, and who we are. Of `https:` endpoints. */
  readonly tls?: NonNullable<ConnectOptions["tls"]>;
  readonly log: Log;
  /** Milliseconds that a call may take with all its tries; 10,000 by default. */
  readonly requestTimeoutMs?: number;
}

/** The port over an etcd cluster. */
export interface EtcdClient extends Kv {
  readonly answersProgress: boolean;
  /** Why no member can be asked anything at the moment; undefined when one can. */
  problem(): string | undefined;
  close(): void;
}

/**
 * Connects to all endpoints at once and again whenever one is lost; calls take turns among those that stand. A call waits for a
 * connection as long as it may take at all, so nothing need be waited for here.
 * @throws Error for endpoints that are none
 */
export function createEtcdClient(options: EtcdClientOptions): EtcdClient {
  const { tls } = options;
  if (options.endpoints.length === 0) throw new Error("no etcd endpoint was named");
  const cluster = new Cluster({
    platform: options.platform,
    endpoints: options.endpoints.map(parseEndpoint),
    log: options.log,
    ...(tls === undefined ? {} : { tls }),
    ...(options.requestTimeoutMs === undefined ? {} : { requestTimeoutMs: options.requestTimeoutMs }),
  });
  const leases = leasesOf(cluster);
  const watches = new Set<Watch>();
  const { KVService } = etcdserverpb;
  return {
    get answersProgress() {
      return cluster.answersProgress;
    },
    range: (query) => range(cluster, query),
    txn: async (txn) => txnResult(await cluster.unary(KVService.Txn, txnRequest(txn), "write")),
    compact: async (revision, { physical = false } = {}) =>
      headerOf(await cluster.unary(KVService.Compact, { revision, physical }, "write")),
    watch(query, observer) {
      const watch: Watch = new Watch(cluster, query, observer, () => watches.delete(watch));
      watches.add(watch);
      return watch;
    },
    leases,
    problem: () => cluster.problem(),
    close() {
      cluster.close();
      leases.close();
      const stopped = new KvError("STOPPED", "etcdserver: server stopped");
      for (const watch of [...watches]) watch.stop(stopped);
    },
  };
}
