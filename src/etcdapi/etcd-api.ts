import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpHandlers } from "../h2/index.ts";
import { anonymous, type Kv } from "../kv/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import { ProtobufWriter } from "../wire/index.ts";
import { apiVersion } from "./api-version.ts";
import type { Endpoint } from "./callers.ts";
import { rpcErrorOf } from "./errors.ts";
import { createGateway } from "./gateway/gateway.ts";
import { LeaderWatch } from "./grpc/require-leader.ts";
import { createGrpcServer } from "./grpc/server.ts";
import { createHealth, sendText } from "./health.ts";
import { refusedByLearners } from "./learner.ts";
import { requestBytesMaxDefault, requestOverheadBytes, txnOpsMaxDefault } from "./limits.ts";
import type { Method } from "./method.ts";
import { makers } from "./methods.ts";
import type { ClusterInfo, Who } from "./ports.ts";

export interface EtcdApiOptions {
  readonly kv: Kv;
  readonly cluster: ClusterInfo;
  readonly clock: Clock;
  /** Told of mistakes of our own; the client hears nothing but "internal error". */
  readonly log: Log;
  /** What /metrics answers, in Prometheus' text format; without it the path is not served. */
  readonly metrics?: () => string;
  /** Bytes of one request, as the store bounds them; 1.5 MiB when left out. */
  readonly requestBytesMax?: number | undefined;
  /** Operations of one level of a transaction; 128 when left out. */
  readonly txnOpsMax?: number | undefined;
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
 *     GET /health, /livez, /readyz, /version, /metrics
 *
 * What a client sees of an error stands in `errors.ts`, who may call what in `methods.ts`.
 */
export function createEtcdApi(options: EtcdApiOptions): EtcdApi {
  const { kv, cluster, clock, log } = options;
  const onInternalError = (error: unknown, path: string): void =>
    log.error("a call failed unexpectedly", {
      path,
      error: error instanceof Error ? error.stack : String(error),
    });
  const messageBytesMax = (options.requestBytesMax ?? requestBytesMaxDefault) + requestOverheadBytes;
  const endpoints = endpointsOf(options);
  const grpc = createGrpcServer(
    endpoints,
    {
      clock,
      writer: new ProtobufWriter(),
      messageBytesMax,
      onInternalError,
      access: cluster.access,
      trustCommonNames: options.trustCommonNames === true,
    },
    new LeaderWatch(cluster, clock),
  );
  const gateway = createGateway(endpoints, { messageBytesMax, onInternalError, access: cluster.access });
  const health = createHealth(kv, cluster);

  function onRequest(request: IncomingMessage, response: ServerResponse): void {
    // A client that goes away in the middle is no error of ours.
    response.on("error", ignore);
    const [path = "/", query = ""] = (request.url ?? "/").split(/\?(.*)/s);
    if (gateway.handle(request, response, path)) return;
    request.resume();
    if (path === "/version" && isRead(request)) sendVersion(response);
    else if (path === "/metrics" && isRead(request) && options.metrics)
      sendMetrics(response, options.metrics());
    else if (isRead(request) && health.handle(path, new URLSearchParams(query), response)) return;
    else sendText(response, 404, "404 page not found\n");
  }

  return {
    onStream: (stream) => grpc.onStream(stream),
    onRequest,
    close: () => grpc.close(rpcErrorOf("STOPPED")),
  };
}

function endpointsOf({ kv, cluster, txnOpsMax = txnOpsMaxDefault }: EtcdApiOptions): Endpoint[] {
  const parts = (who: Who) => ({ kv: cluster.as?.(who) ?? kv, cluster, who, txnOpsMax });
  const unnamed = parts(() => anonymous);
  return makers.flatMap((make) => {
    const method = make(unnamed);
    if (method === undefined) return [];
    const as = (who: Who) => refusedByLearners(make(parts(who)) as Method, cluster);
    return [{ method: refusedByLearners(method, cluster), as }];
  });
}

function isRead(request: IncomingMessage): boolean {
  return request.method === "GET" || request.method === "HEAD";
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
  response.writeHead(200, { "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  response.end(text);
}

function ignore(): void {}
