import type { IncomingMessage, ServerResponse } from "node:http";
import type { HttpHandlers } from "../h2/index.ts";
import type { Kv } from "../kv/index.ts";
import type { Clock } from "../platform/index.ts";
import type { Log } from "../telemetry/index.ts";
import { ProtobufWriter } from "../wire/index.ts";
import { apiVersion } from "./api-version.ts";
import { memberAddMethod } from "./cluster/member-add.ts";
import { memberListMethod } from "./cluster/member-list.ts";
import { memberPromoteMethod } from "./cluster/member-promote.ts";
import { memberRemoveMethod } from "./cluster/member-remove.ts";
import { memberUpdateMethod } from "./cluster/member-update.ts";
import { campaignMethod } from "./election/campaign.ts";
import { leaderMethod } from "./election/leader.ts";
import { observeMethod } from "./election/observe.ts";
import { proclaimMethod } from "./election/proclaim.ts";
import { resignMethod } from "./election/resign.ts";
import { rpcErrorOf } from "./errors.ts";
import { createGateway } from "./gateway/gateway.ts";
import { LeaderWatch } from "./grpc/require-leader.ts";
import { createGrpcServer } from "./grpc/server.ts";
import { createHealth, sendText } from "./health.ts";
import { compactMethod } from "./kv/compact.ts";
import { deleteRangeMethod } from "./kv/delete-range.ts";
import { putMethod } from "./kv/put.ts";
import { rangeMethod } from "./kv/range.ts";
import { txnMethod } from "./kv/txn.ts";
import { refusedByLearners } from "./learner.ts";
import { grantMethod } from "./lease/grant.ts";
import { keepAliveMethod } from "./lease/keep-alive.ts";
import { leasesMethod } from "./lease/leases.ts";
import { revokeMethod } from "./lease/revoke.ts";
import { timeToLiveMethod } from "./lease/time-to-live.ts";
import { lockMethod } from "./lock/lock.ts";
import { unlockMethod } from "./lock/unlock.ts";
import { alarmMethod } from "./maintenance/alarm.ts";
import { defragmentMethod } from "./maintenance/defragment.ts";
import { downgradeMethod } from "./maintenance/downgrade.ts";
import { hashKvMethod, hashMethod } from "./maintenance/hash.ts";
import { moveLeaderMethod } from "./maintenance/move-leader.ts";
import { statusMethod } from "./maintenance/status.ts";
import type { Method } from "./method.ts";
import type { ClusterInfo } from "./ports.ts";
import { watchMethod } from "./watch/watch.ts";

export interface EtcdApiOptions {
  readonly kv: Kv;
  readonly cluster: ClusterInfo;
  readonly clock: Clock;
  /** Told of mistakes of our own; the client hears nothing but "internal error". */
  readonly log: Log;
  /** What /metrics answers, in Prometheus' text format; without it the path is not served. */
  readonly metrics?: () => string;
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
 * What a client sees of an error stands in `errors.ts`; methods that are not listed below answer Unimplemented.
 */
export function createEtcdApi(options: EtcdApiOptions): EtcdApi {
  const { kv, cluster, clock, log } = options;
  const onInternalError = (error: unknown, path: string): void =>
    log.error("a call failed unexpectedly", {
      path,
      error: error instanceof Error ? error.stack : String(error),
    });
  const methods = methodsOf(kv, cluster);
  const context = { clock, writer: new ProtobufWriter(), onInternalError };
  const grpc = createGrpcServer(methods, context, new LeaderWatch(cluster, clock));
  const gateway = createGateway(methods, onInternalError);
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

function methodsOf(kv: Kv, cluster: ClusterInfo): Method[] {
  const methods = [
    rangeMethod(kv),
    putMethod(kv),
    deleteRangeMethod(kv),
    txnMethod(kv),
    compactMethod(kv),
    watchMethod(kv, cluster),
    grantMethod(kv),
    revokeMethod(kv),
    keepAliveMethod(kv),
    timeToLiveMethod(kv),
    leasesMethod(kv),
    lockMethod(kv),
    unlockMethod(kv),
    campaignMethod(kv),
    proclaimMethod(kv),
    leaderMethod(kv),
    observeMethod(kv, cluster),
    resignMethod(kv),
    memberListMethod(cluster),
    statusMethod(cluster),
    alarmMethod(cluster),
    downgradeMethod(cluster),
  ];
  if (cluster.addMember) methods.push(memberAddMethod(cluster, cluster.addMember.bind(cluster)));
  if (cluster.removeMember) methods.push(memberRemoveMethod(cluster, cluster.removeMember.bind(cluster)));
  if (cluster.updateMember) methods.push(memberUpdateMethod(cluster, cluster.updateMember.bind(cluster)));
  if (cluster.promoteMember) methods.push(memberPromoteMethod(cluster, cluster.promoteMember.bind(cluster)));
  if (cluster.moveLeader) methods.push(moveLeaderMethod(cluster.moveLeader.bind(cluster)));
  if (cluster.hashKv) {
    const hashKv = cluster.hashKv.bind(cluster);
    methods.push(hashMethod(cluster, hashKv), hashKvMethod(cluster, hashKv));
  }
  if (cluster.defragment) methods.push(defragmentMethod(cluster.defragment.bind(cluster)));
  return methods.map((method) => refusedByLearners(method, cluster));
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
