import type { Catalog } from "../catalog/index.ts";
import type { InformerFactory, Log } from "../client/index.ts";
import type { DatagramAddress, DatagramSocket, Listener, Platform } from "../platform/index.ts";
import type { Metrics } from "../telemetry/index.ts";
import { createForwarder } from "./forwarder.ts";
import { tcpConnectionsMax } from "./limits.ts";
import { createResolver } from "./resolver.ts";
import { createResponder } from "./responder.ts";
import { serveConnection } from "./tcp.ts";

export interface DnsServerOptions {
  readonly platform: Platform;
  readonly catalog: Catalog;
  readonly informers: InformerFactory;
  readonly log: Log;
  readonly metrics?: Metrics;
  /** Without dots at the ends. `cluster.local` */
  readonly zone: string;
  /** Port 0 takes a free one, the same for UDP and TCP. */
  readonly listen: DatagramAddress & {
    /** Take a free port where this one is taken. */
    readonly orFree?: boolean;
  };
  /** Who is asked about other names; nobody: such questions are refused. */
  readonly upstreams: readonly DatagramAddress[];
}

export interface DnsServer extends DatagramAddress {
  close(): Promise<void>;
}

const namespaces = { group: "", version: "v1", resource: "namespaces" };
const codeNames = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
/** UDP ports that TCP has given away already, until one is free for both. */
const portTriesMax = 20;

/**
 * The cluster's DNS server (Kubernetes DNS specification 1.1). It listens at once; what it is asked about the cluster fails until the
 * informers have their first lists, and afterwards is answered from them, whether the API is there or not.
 */
export async function startDnsServer(options: DnsServerOptions): Promise<DnsServer> {
  const { platform, catalog, log, upstreams } = options;
  const zone = options.zone.toLowerCase().replace(/^\.+|\.+$/g, "");
  if (!/^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$/.test(zone))
    throw new Error(`not a DNS zone: "${options.zone}"`);
  const namespaceInformer = options.informers.informer(namespaces);
  const counters = options.metrics?.counter(
    "raftsman_dns_responses_total",
    "Answers given, by code and by where they came from.",
    ["rcode", "from"],
  );
  const hasSynced = () => catalog.hasSynced && namespaceInformer.hasSynced;
  const responder = createResponder({
    resolve: createResolver({
      view: {
        catalog,
        zone,
        serverAddress: options.listen.host,
        hasNamespace: (name) => namespaceInformer.lister.get(undefined, name) !== undefined,
      },
      hasSynced,
      forwards: upstreams.length > 0,
    }),
    forwarder: upstreams.length === 0 ? undefined : createForwarder({ platform, upstreams, log }),
    count: (code, from) => counters?.with(codeNames[code] ?? String(code), from).add(),
  });
  const stopFollowing = catalog.onChange(() => responder.forget());
  const stopNamespaces = namespaceInformer.addHandler({
    add: () => responder.forget(),
    delete: () => responder.forget(),
  });
  const sockets = await listenOnBoth(options, responder).catch((error: { code?: string }) => {
    const { host, port, orFree = false } = options.listen;
    if (error.code !== "EADDRINUSE") throw error;
    if (orFree) return listenOnBoth({ ...options, listen: { host, port: 0 } }, responder);
    throw new Error(`${host}:${port} is taken by another program: stop that, or choose another port`);
  });
  log.info("serving DNS", { zone, host: sockets.udp.host, port: sockets.udp.port });
  return {
    host: sockets.udp.host,
    port: sockets.udp.port,
    async close() {
      stopFollowing();
      stopNamespaces();
      await Promise.all([sockets.udp.close(), sockets.tcp.close()]);
    },
  };
}

async function listenOnBoth(
  { platform, listen, log }: DnsServerOptions,
  responder: ReturnType<typeof createResponder>,
): Promise<{ udp: DatagramSocket; tcp: Listener }> {
  const { network, clock } = platform;
  for (let tries = 1; ; tries++) {
    const udp: DatagramSocket = await network.bindDatagrams(listen, (message, from) => {
      const answer = responder.respond(message as Buffer, "udp");
      if (answer === undefined) return;
      if (answer instanceof Uint8Array) udp.send(answer, from);
      else void answer.then((bytes) => bytes !== undefined && udp.send(bytes, from));
    });
    let connections = 0;
    try {
      const tcp = await network.listen(
        { host: listen.host, port: udp.port, halfOpen: true },
        (connection) => {
          if (connections >= tcpConnectionsMax) {
            connection.stream.destroy();
            return;
          }
          connections++;
          connection.stream.once("close", () => connections--);
          serveConnection(connection, responder, clock);
        },
      );
      return { udp, tcp };
    } catch (error) {
      await udp.close();
      const taken = (error as { code?: string }).code === "EADDRINUSE";
      if (!taken || listen.port !== 0 || tries === portTriesMax) throw error;
      log.debug("the port is taken for TCP", { port: udp.port });
    }
  }
}
