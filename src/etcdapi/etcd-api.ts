import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpHandlers } from "../h2/index.ts";
import { anonymous, type Kv } from "../kv/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Log, Metrics } from "../telemetry/index.ts";
import { ProtobufWriter } from "../wire/index.ts";
import { apiVersion } from "./api-version.ts";
import { CallMetrics } from "./call-metrics.ts";
import type { Endpoint } from "./callers.ts";
import { allowOrigin } from "./cross-origin.ts";
import { sendDebugVars } from "./debug-vars.ts";
import { rpcErrorOf } from "./errors.ts";
import { addForeignMetrics } from "./foreign-metrics.ts";
import { createGateway } from "./gateway/gateway.ts";
import { messagesIn } from "./grpc/decompress.ts";
import { LeaderWatch } from "./grpc/require-leader.ts";
import { createGrpcServer } from "./grpc/server.ts";
import { TurnTime } from "./grpc/turn-time.ts";
import { createHealth, sendText } from "./health.ts";
import { refusedByLearners } from "./learner.ts";
import {
  requestBytesMaxDefault,
  requestOverheadBytes,
  slowCallMsDefault,
  txnOpsMaxDefault,
} from "./limits.ts";
import type { Method } from "./method.ts";
import { makers } from "./methods.ts";
import type { ClusterInfo, Who } from "./ports.ts";

export interface EtcdApiOptions {
  readonly kv: Kv;
  readonly cluster: ClusterInfo;
  readonly clock: Clock;
  /** Told of mistakes of our own; the client hears nothing but "internal error". */
  readonly log: Log;
  /** What /metrics shows, in Prometheus' text format, and where calls are counted; without it the path is not served. */
  readonly metrics?: Metrics;
  /** etcd's feature gates, which metrics show: name, stage, whether it is on. */
  readonly features?: readonly (readonly [name: string, stage: string, enabled: boolean])[];
  /** Origins of pages whose scripts may call, `*` for all; none when left out. */
  readonly allowedOrigins?: readonly string[];
  /** Bytes of one request, as the store bounds them; 1.5 MiB when left out. */
  readonly requestBytesMax?: number | undefined;
  /** Operations of one level of a transaction; 128 when left out. */
  readonly txnOpsMax?: number | undefined;
  /** Milliseconds from which on a call of gRPC is logged as slow; 300 when left out (etcd's --warning-unary-request-duration). */
  readonly slowCallMs?: number | undefined;
  /** The name in a client's certificate says who it is, where it has to say so and shows no token. */
  readonly trustCommonNames?: boolean;
}

/** To be given to `createHttpServer`. */
export interface EtcdApi extends HttpHandlers {
  onStream: NonNullable<HttpHandlers["onStream"]>;
  /** Ends all calls with "server stopped"; watches would never end by themselves. */
  close(): void;
}

/**
 * etcd's v3 API on a Kv: gRPC on HTTP/2, the same methods as JSON over POST, and the health and version endpoints.
 *
 *     stream, application/grpc ─▶ grpc/   ─┐
 *                                          ├─▶ one file a verb ─▶ kv, cluster
 *     POST /v3/…               ─▶ gateway/ ─┘
 *     GET /health, /livez, /readyz, /version, /metrics, /debug/vars
 *
 * What a client sees of an error stands in `errors.ts`, who may call what in `methods.ts`.
 */
export function createEtcdApi(options: EtcdApiOptions): EtcdApi {
  const { kv, cluster, clock, log, metrics, allowedOrigins = [] } = options;
  const onInternalError = (error: unknown, path: string): void =>
    log.error("a call failed unexpectedly", {
      path,
      error: error instanceof Error ? error.stack : String(error),
    });
  const messageBytesMax = (options.requestBytesMax ?? requestBytesMaxDefault) + requestOverheadBytes;
  const endpoints = endpointsOf(options, messageBytesMax);
  const calls = new CallMetrics(metrics);
  const grpc = createGrpcServer(
    endpoints,
    {
      clock,
      time: new TurnTime(clock),
      writer: new ProtobufWriter(),
      messageBytesMax,
      plainMessages: messagesIn("identity", messageBytesMax),
      slowMs: options.slowCallMs ?? slowCallMsDefault,
      onSlow: (path, remote, milliseconds) =>
        log.warn("request stats", { method: path, remote, "time spent": `${milliseconds.toFixed(3)}ms` }),
      onInternalError,
      access: cluster.access,
      trustCommonNames: options.trustCommonNames === true,
      calls,
    },
    new LeaderWatch(cluster, clock),
  );
  const gateway = createGateway(endpoints, {
    messageBytesMax,
    onInternalError,
    access: cluster.access,
    calls,
  });
  const health = createHealth(kv, cluster, metrics);
  if (metrics !== undefined) {
    addForeignMetrics(metrics);
    addVersions(metrics, cluster);
    const { features = [] } = options;
    metrics.read(
      "etcd_server_feature_enabled",
      "1: the feature gate is on.",
      { type: "gauge", labels: ["name", "stage"] },
      () => features.map(([name, stage, on]) => [[name, stage], on ? 1 : 0] as const),
    );
  }

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    // A client that goes away in the middle is no error of ours.
    response.on("error", ignore);
    const [path = "/", query = ""] = (request.url ?? "/").split(/\?(.*)/s);
    if (allowOrigin(request, response, allowedOrigins)) return;
    if (gateway.handle(request, response, path)) return;
    request.resume();
    if (path === "/metrics" && metrics !== undefined) sendMetrics(response, metrics.expose());
    else if (path === "/v3") redirect(request, response, "/v3/");
    else if (path !== "/version" && path !== "/debug/vars" && !health.has(path))
      sendText(response, 404, "404 page not found\n");
    else if (request.method !== "GET") refuseMethod(response);
    else if (path === "/version") sendVersion(response);
    else if (path === "/debug/vars") sendDebugVars(response, cluster);
    else health.handle(path, new URLSearchParams(query), response);
  }

  return {
    onStream: (stream) => grpc.onStream(stream),
    onRequest,
    close: () => grpc.close(rpcErrorOf("STOPPED")),
  };
}

function endpointsOf(options: EtcdApiOptions, messageBytesMax: number): Endpoint[] {
  const { kv, cluster, txnOpsMax = txnOpsMaxDefault } = options;
  const parts = (who: Who) => ({ kv: cluster.as?.(who) ?? kv, cluster, who, txnOpsMax, messageBytesMax });
  const unnamed = parts(() => anonymous);
  return makers.flatMap((make) => {
    const method = make(unnamed);
    if (method === undefined) return [];
    const as = (who: Who) => refusedByLearners(make(parts(who)) as Method, cluster);
    return [{ method: refusedByLearners(method, cluster), as }];
  });
}

function addVersions(metrics: Metrics, cluster: ClusterInfo): void {
  const one = (name: string, help: string, label: string, value: () => string) =>
    metrics.read(name, help, { type: "gauge", labels: [label] }, () => [[[value()], 1]]);
  one("etcd_cluster_version", "1 for the version of the cluster.", "cluster_version", () =>
    apiVersion.cluster.split(".").slice(0, 2).join("."),
  );
  one(
    "etcd_server_version",
    "1 for the version of etcd's that this is like.",
    "server_version",
    () => apiVersion.server,
  );
  one("etcd_server_go_version", "There is no Go in it.", "server_go_version", () => "none");
  one("etcd_server_id", "1 for this member's id.", "server_id", () => cluster.header().memberId.toString(16));
}

/** As Go's http.ServeMux. */
function redirect(request: IncomingMessage, response: ServerResponse, to: string): void {
  const shown = request.method === "GET" || request.method === "HEAD";
  response.writeHead(307, { location: to, ...(shown && { "content-type": "text/html; charset=utf-8" }) });
  response.end(shown ? `<a href="${to}">Temporary Redirect</a>.\n\n` : "");
}

function refuseMethod(response: ServerResponse): void {
  response.setHeader("allow", "GET");
  sendText(response, 405, "Method Not Allowed\n");
}

function sendVersion(response: ServerResponse): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      etcdserver: apiVersion.server,
      etcdcluster: apiVersion.cluster,
      storage: apiVersion.storage,
    }),
  );
}

function sendMetrics(response: ServerResponse, text: string): void {
  response.writeHead(200, {
    "content-type": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
  });
  response.end(text);
}

function ignore(): void {}
