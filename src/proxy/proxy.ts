/**
 * Cluster IPs made real on one machine: every address and port of a Service is listened on, and each connection goes to one of its
 * endpoints. There is no table in the kernel and no privilege: with cluster IPs out of 127/8, all of which is local on Linux, any program
 * can connect.
 *
 *     Services, EndpointSlices ─▶ frontendsOf ─▶ desired addresses ─▶ (one at a time, each address) listen or let go
 *     connection ─▶ Balancer.pick(selectEndpoints now) ─▶ connect, the next one where that fails ─▶ joined
 *
 * An endpoint that is taken away keeps the connections it has, until they end; from the moment the informers know, it gets no more.
 */
import type { KubeObject } from "../apimachinery/index.ts";
import { type Catalog, type Endpoint, keyOfService } from "../catalog/index.ts";
import {
  createWorkqueue,
  type EventRecorder,
  errorText,
  type InformerFactory,
  type Log,
} from "../client/index.ts";
import type { Listener, Platform } from "../platform/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import { type Frontend, frontendKey, frontendsOf } from "./frontends.ts";
import { serveHealthCheck } from "./health-check.ts";
import { reset } from "./join.ts";
import { connectionsMax, listenRetryMaxMs, listenRetryMinMs } from "./limits.ts";
import { ServicePorts } from "./ports.ts";
import type { Place } from "./selection.ts";
import { serveTcp } from "./tcp.ts";
import { UdpFrontend } from "./udp.ts";

export interface ProxyOptions {
  readonly platform: Platform;
  readonly catalog: Catalog;
  readonly informers: InformerFactory;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Tells people why a Service cannot be reached. */
  readonly recorder?: EventRecorder;
  /** Nodes that are this machine, the first being the one whose zone counts; left out: all of them are. */
  readonly nodeNames?: readonly string[];
  /** Where node ports are listened on. */
  readonly nodePortHosts: readonly string[];
  /** Where the API is served: what the Service `default/kubernetes` leads to while it has no endpoints. */
  readonly apiServer?: { readonly host: string; readonly port: number };
}

export interface ServiceProxy {
  /** Every address that can be listened on is, for what the informers knew when they had synced. */
  readonly ready: Promise<void>;
  /** Addresses listened on, as `TCP 127.96.0.1:443`. */
  listening(): string[];
  /** Takes no more connections, and breaks those off that are left after so many milliseconds. */
  close(options: { graceMs: number }): Promise<void>;
}

interface Open {
  readonly frontend: Frontend;
  readonly listener?: Listener;
  readonly udp?: UdpFrontend;
  readonly health?: { close(): Promise<void> };
}

const nodes = { group: "", version: "v1", resource: "nodes" };

export function startProxy(options: ProxyOptions): ServiceProxy {
  const { platform, catalog, log } = options;
  const ports = new ServicePorts(catalog, platform, placeOf(options), standInOf(options));
  const desired = new Map<string, Frontend>();
  const desiredOf = new Map<string, Set<string>>();
  const open = new Map<string, Open>();
  /** Listeners that were let go while connections through them go on. */
  const leaving = new Set<Listener>();
  const complained = new Set<string>();
  let connections = 0;
  let emptied: (() => void) | undefined;

  const outcomes = options.metrics?.counter(
    "raftsman_proxy_connections_total",
    "Connections to Services, by what became of them.",
    ["outcome"],
  );
  options.metrics?.gauge("raftsman_proxy_connections", "Connections under way.", () => connections);

  const queue = createWorkqueue({
    name: "frontends",
    clock: platform.clock,
    log,
    retryBaseMs: listenRetryMinMs,
    retryMaxMs: listenRetryMaxMs,
    concurrency: 16,
    process: bringUpToDate,
  });

  /** Listens where that is wanted, lets go where it is not. Never twice at once for one address. */
  async function bringUpToDate(key: string): Promise<void> {
    const wanted = desired.get(key);
    const have = open.get(key);
    if (have !== undefined && wanted !== undefined && sameFrontend(have.frontend, wanted)) return;
    if (have !== undefined) {
      open.delete(key);
      await letGo(have);
    }
    if (wanted === undefined) {
      complained.delete(key);
      return;
    }
    try {
      open.set(key, await listen(wanted));
      if (complained.delete(key)) log.info("listening at last", { address: key, service: wanted.serviceKey });
    } catch (error) {
      complain(key, wanted, error);
      throw error;
    }
  }

  async function listen(frontend: Frontend): Promise<Open> {
    const { host, port } = frontend;
    if (frontend.kind === "health") {
      const [namespace = "", name = ""] = frontend.serviceKey.split("/");
      const report = () => {
        const service = catalog.services.getByKey(frontend.serviceKey);
        return { namespace, name, localEndpoints: service === undefined ? 0 : ports.localPods(service) };
      };
      return { frontend, health: await serveHealthCheck(platform, { host, port }, report) };
    }
    const backend = {
      // Looked up for every connection: the Service may have been made anew meanwhile.
      get balancer() {
        return ports.balancer(frontend);
      },
      endpoints: () => ports.endpoints(frontend),
    };
    if (frontend.protocol === "UDP")
      return { frontend, udp: await UdpFrontend.open({ host, port }, backend, platform) };
    const listener = await platform.network.listen({ host, port, halfOpen: true }, (connection) => {
      if (connections >= connectionsMax) {
        reset(connection.stream);
        outcomes?.with("too many").add();
        return;
      }
      connections++;
      const ended = (): void => {
        connections--;
        if (connections === 0) emptied?.();
      };
      void serveTcp(connection, backend, platform, ended).then((outcome) => outcomes?.with(outcome).add());
    });
    return { frontend, listener };
  }

  async function letGo({ listener, udp, health }: Open): Promise<void> {
    await Promise.all([udp?.close(), health?.close()]);
    if (listener === undefined) return;
    listener.stopAccepting();
    leaving.add(listener);
  }

  /** Once for each address, as long as it cannot be had. */
  function complain(key: string, frontend: Frontend, error: unknown): void {
    if (complained.has(key)) return;
    complained.add(key);
    const message = reasonOf(frontend, key, error);
    log.warn("a Service cannot be reached", { service: frontend.serviceKey, reason: message });
    const service = catalog.services.getByKey(frontend.serviceKey);
    if (service !== undefined)
      options.recorder?.event(
        { ...(service as KubeObject), kind: "Service", apiVersion: "v1" },
        "Warning",
        "FailedToListen",
        message,
      );
  }

  function serviceChanged(serviceKey: string): void {
    const service = catalog.services.getByKey(serviceKey);
    ports.changed(serviceKey, service);
    const next = new Map(
      (service === undefined ? [] : frontendsOf(service, options.nodePortHosts)).map((frontend) => [
        frontendKey(frontend),
        frontend,
      ]),
    );
    for (const key of desiredOf.get(serviceKey) ?? []) {
      if (next.has(key)) continue;
      desired.delete(key);
      queue.add(key);
    }
    const mine = new Set<string>();
    for (const [key, frontend] of next) {
      const holder = desired.get(key);
      if (holder !== undefined && holder.serviceKey !== serviceKey) {
        log.warn("two Services want one address", {
          address: key,
          holder: holder.serviceKey,
          refused: serviceKey,
        });
        continue;
      }
      mine.add(key);
      desired.set(key, frontend);
      queue.add(key);
      open.get(key)?.udp?.endpointsChanged();
    }
    if (mine.size === 0) desiredOf.delete(serviceKey);
    else desiredOf.set(serviceKey, mine);
  }

  const stopFollowing = catalog.onChange((keys) => {
    for (const key of keys) serviceChanged(key);
  });
  queue.start();

  return {
    ready: catalog.synced.then(async () => {
      for (const service of catalog.services.list()) serviceChanged(keyOfService(service));
      while (!queue.idle) await new Promise<void>((resolve) => platform.loop.soon(resolve));
    }),
    listening: () => [...open.keys()].sort(),
    async close({ graceMs }) {
      stopFollowing();
      await queue.stop();
      const all = [...open.values()];
      open.clear();
      for (const one of all) await letGo(one);
      if (connections > 0) {
        await new Promise<void>((resolve) => {
          emptied = resolve;
          platform.clock.after(graceMs, resolve, { background: true });
        });
      }
      await Promise.all([...leaving].map((listener) => listener.close()));
    },
  };
}

const sameFrontend = (a: Frontend, b: Frontend): boolean =>
  a.serviceKey === b.serviceKey && a.portName === b.portName && a.policy === b.policy && a.kind === b.kind;

function placeOf({ nodeNames, informers }: ProxyOptions): () => Place {
  if (nodeNames === undefined) return () => ({ isLocal: () => true, nodeName: undefined, zone: undefined });
  const local = new Set(nodeNames);
  const [nodeName] = nodeNames;
  const { lister } = informers.informer(nodes);
  return () => ({
    isLocal: (name) => name !== undefined && local.has(name),
    nodeName,
    zone:
      nodeName === undefined
        ? undefined
        : lister.get(undefined, nodeName)?.metadata.labels?.["topology.kubernetes.io/zone"],
  });
}

/** The API's own Service has no endpoints where the API listens on loopback; from here it can be reached all the same. */
function standInOf({ apiServer }: ProxyOptions): (serviceKey: string) => readonly Endpoint[] {
  const endpoint: Endpoint[] =
    apiServer === undefined
      ? []
      : [
          {
            address: apiServer.host,
            port: apiServer.port,
            ready: true,
            serving: true,
            terminating: false,
            nodeName: undefined,
            forZones: [],
            forNodes: [],
            podName: undefined,
          },
        ];
  return (serviceKey) => (serviceKey === "default/kubernetes" ? endpoint : []);
}

/** Why an address cannot be listened on, and what would help. */
function reasonOf({ host, port }: Frontend, address: string, error: unknown): string {
  switch ((error as { code?: string }).code) {
    case "EADDRINUSE":
      return `another program listens on ${address}: stop it, or change the Service's port`;
    case "EACCES":
      return `port ${port} needs privileges: use a port from 1024 on, or allow it (sysctl net.ipv4.ip_unprivileged_port_start)`;
    case "EADDRNOTAVAIL":
      return `${host} is no address of this machine: with --service-cluster-ip-range in 127.0.0.0/8 every cluster IP is`;
    default:
      return `cannot listen on ${address}: ${errorText(error)}`;
  }
}
