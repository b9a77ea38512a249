import Router from "@koa/router";
import Koa from "koa";
import { type AdmissionSelection, createAdmission } from "../admission/index.ts";
import type { UserInfo } from "../apimachinery/index.ts";
import type { Auditor } from "../audit/index.ts";
import type { Transport } from "../client/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import type { Registry } from "../registry/index.ts";
import { createMetrics, type Metrics } from "../telemetry/index.ts";
import type { KubernetesCodec } from "../wire/index.ts";
import type { AccessControl } from "./access/access-control.ts";
import { kindLookup, registryReader } from "./admission-reader.ts";
import { AdmissionViews } from "./admission-views.ts";
import { registryWriter } from "./admission-writer.ts";
import { Aggregation } from "./aggregation/aggregation.ts";
import { proxy } from "./aggregation/proxy.ts";
import type { FrontProxyCertificate } from "./aggregation/remote-api.ts";
import { type MaybeUpgrade, takeConnection } from "./connect/forward.ts";
import { createConnect, type Outbound } from "./connect/index.ts";
import { createEncoder } from "./encode/encoder.ts";
import { SharedFrames } from "./encode/watch-frames.ts";
import { WatchTurns } from "./encode/watch-turns.ts";
import { FlowClassifier } from "./flow-control/flow-classifier.ts";
import { inProcessTransport } from "./in-process.ts";
import { answer } from "./layers/answer.ts";
import { audit, auditRefusals } from "./layers/audit.ts";
import { authenticate } from "./layers/authenticate.ts";
import { authorize } from "./layers/authorize.ts";
import { flowControl } from "./layers/flow-control.ts";
import { identify } from "./layers/identify.ts";
import { impersonate } from "./layers/impersonate.ts";
import { type InFlightLimits, maxInFlight, standardLimits } from "./layers/max-in-flight.ts";
import { requestTimeout } from "./layers/request-timeout.ts";
import { resources } from "./layers/resources.ts";
import { unknownPaths } from "./layers/unknown-paths.ts";
import { watchSecondsMin } from "./limits.ts";
import type { ServerLog } from "./log.ts";
import { RequestMetrics } from "./metrics.ts";
import { metricsGroup, metricsVersion, withNodeMetrics } from "./node-metrics/index.ts";
import { OpenWatches } from "./open-watches.ts";
import { conversionWebhook } from "./outgoing/conversion-webhook.ts";
import { Peers } from "./outgoing/peers.ts";
import { webhookClient } from "./outgoing/webhook-client.ts";
import type { ApiServer } from "./ports.ts";
import { createDiscovery } from "./routes/discovery.ts";
import { healthRoutes } from "./routes/health.ts";
import { indexRoutes, metricsRoutes } from "./routes/index-page.ts";
import { openApiRoutes } from "./routes/openapi.ts";
import { openIdRoutes } from "./routes/openid.ts";
import { versionRoutes } from "./routes/version.ts";
import { type ApiContext, onion } from "./state.ts";

export interface ApiServerOptions {
  readonly registry: Registry;
  readonly access: Pick<AccessControl, "authenticator" | "authorizer" | "keys">;
  /** Which admission plugins look at writes; `standardAdmission` when left out. */
  readonly admission?: AdmissionSelection | undefined;
  /** The way to nodes and pods; without it logs, commands and proxies are refused. */
  readonly outbound?: Outbound;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: ServerLog;
  /** What `/metrics` shows; requests are counted there, too. One of its own when left out. */
  readonly metrics?: Metrics;
  /** Keeps a record of who did what; nothing is kept without it. */
  readonly auditor?: Auditor | undefined;
  /** `--max-requests-inflight` and `--max-mutating-requests-inflight`; upstream's defaults when left out. */
  readonly inFlight?: InFlightLimits | undefined;
  /** `--min-request-timeout`; upstream's default when left out. */
  readonly watchSeconds?: number | undefined;
  /** Without it this server cannot say to aggregated ones who it is. */
  readonly frontProxy?: FrontProxyCertificate | undefined;
  /** Asked for when a client first speaks protobuf: compiling its messages takes a while. */
  readonly protobuf: () => KubernetesCodec;
}

/**
 * The resource API over HTTP, as kube-apiserver serves it. A request passes these layers from the outside in, and its answer from the
 * inside out; each has one concern:
 *
 *   answer        one answer for whatever happens, errors as Status; warnings, compression
 *   metrics       counts and latencies
 *   identify      Audit-Id; what the URL means
 *   timeout       whether the time the client gives it is one
 *   authenticate  who asks
 *   audit         a record of it, where one is kept
 *   impersonate   as whom they act
 *   flowControl   which FlowSchema it belongs to
 *   authorize     whether they may
 *   maxInFlight   whether there is room
 *   proxy         what other servers have goes to them
 *   resources     the verbs of resources: decode, admit, store, encode
 *   discovery     what is served at this moment
 *   routes        OpenAPI, health, version, metrics
 *   unknownPaths  everything else
 */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { registry, clock, random, log, metrics = createMetrics(), inFlight = standardLimits } = options;
  const { authenticator, authorizer, keys } = options.access;
  const watches = new OpenWatches();
  const requests = new RequestMetrics(metrics, watches);
  const encoder = createEncoder(options.protobuf);
  const reader = registryReader(registry, clock);
  const views = new AdmissionViews({ registry, clock, log });
  const writer = registryWriter(registry, clock);
  const flows = new FlowClassifier({ registry, clock, log });
  metrics.read(
    "apiserver_flowcontrol_nominal_limit_seats",
    "What a priority level's shares come to, of the requests that are answered at once.",
    { type: "gauge", labels: ["priority_level"] },
    () => flows.nominalSeats(inFlight.reads + inFlight.writes).map(([level, seats]) => [[level], seats]),
  );
  const peers = new Peers();
  const webhooks = webhookClient({ peers, reader, random });
  const admission = createAdmission({
    reader,
    writer,
    views,
    authorizer,
    kinds: kindLookup(registry),
    client: webhooks,
    clock,
    random,
    selection: options.admission,
  });
  const aggregation = new Aggregation(registry, clock, {
    peers,
    reader,
    random,
    certificate: options.frontProxy,
    connect: options.outbound?.connect,
  });

  const router = new Router();
  const health = healthRoutes(router);
  versionRoutes(router);
  const { outbound } = options;
  const elsewhere = () => aggregation.remote(metricsGroup, metricsVersion) !== undefined;
  const served =
    outbound === undefined ? registry : withNodeMetrics(registry, { outbound, elsewhere, clock, log });
  const discovery = createDiscovery(served, aggregation, encoder);
  openApiRoutes(router, registry, { aggregation, clock });
  indexRoutes(router, served, health);
  openIdRoutes(router, keys);
  metricsRoutes(router, metrics);

  const connect = createConnect({ registry, authorizer, admission, outbound, clock, random });
  const routes = router.routes() as unknown as (
    context: ApiContext,
    next: () => Promise<void>,
  ) => Promise<void>;
  const handle = onion([
    answer({ encoder, log }),
    requests.layer(() => clock.monotonic()),
    identify(random),
    requestTimeout(clock),
    ...(options.auditor === undefined ? [] : [auditRefusals(options.auditor)]),
    authenticate(authenticator),
    ...(options.auditor === undefined ? [] : [audit(options.auditor, options.protobuf)]),
    impersonate(authorizer),
    flowControl(flows),
    authorize(authorizer),
    maxInFlight(inFlight),
    proxy(aggregation),
    resources(
      served,
      {
        admission,
        authorizer,
        encoder,
        protobuf: options.protobuf,
        clock,
        random,
        watches,
        frames: new SharedFrames(),
        turns: new WatchTurns(),
        watchSeconds: options.watchSeconds ?? watchSecondsMin,
      },
      connect,
    ),
    discovery.layer,
    (context, next) => routes(context, () => next(context)),
    unknownPaths(router, discovery, served),
  ]);
  const app = new Koa();
  // Koa's own callback would compose the layers for every request anew, and listen for the end of each answer to write one of its own.
  const callback: ApiServer["callback"] = (request, response) => {
    void handle(app.createContext(request, response) as unknown as ApiContext);
  };

  return {
    callback,
    upgrade(request, response, take) {
      (request as MaybeUpgrade)[takeConnection] = take;
      callback(request, response);
    },
    transport: (user: UserInfo): Transport => inProcessTransport(callback, user),
    addLivenessCheck: (name, check) => health.addLiveness(name, check),
    addReadinessCheck: (name, check) => health.addReadiness(name, check),
    addStartHook: (name, done) => health.addStartHook(name, done),
    aggregate: () => aggregation.start(),
    convert: conversionWebhook(webhooks),
    async close() {
      health.shutDown();
      views.close();
      flows.close();
      watches.closeAll();
      aggregation.close();
      if (served !== registry) await served.close();
      await peers.close();
      await options.auditor?.close();
    },
  };
}
