/**
 * The router without HAProxy: HTTP/1.1 and HTTP/2 in by our own server, requests on by undici with connections kept to every endpoint. The table is
 * an argument that changes; a request is decided by the one that is there when it comes.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent } from "undici";
import type { Endpoint } from "../../catalog/index.ts";
import type { Log } from "../../client/index.ts";
import { connectionOf, createHttpServer, type TakeConnection } from "../../h2/index.ts";
import type { Listener, Platform } from "../../platform/index.ts";
import {
  Balancer,
  type Claim,
  dialEndpoint,
  endpointKey,
  joinConnections,
  reset,
} from "../../proxy/index.ts";
import type { Counter, Metrics } from "../../telemetry/index.ts";
import type { WeightedEndpoint } from "../backends.ts";
import type { Driver, EndpointsOf, RouterAddresses } from "../driver.ts";
import {
  answerTimeoutMs,
  closeGraceMs,
  connectionsEach,
  connectTimeoutMs,
  connectTriesMax,
  keepAliveMs,
  sendTriesMax,
} from "../limits.ts";
import { RouteMatcher } from "../match.ts";
import type { Certificate, RouteEntry, RouteTable } from "../types.ts";
import { type ForwardResult, forward, requestFields } from "./forward.ts";
import { sendPage } from "./pages.ts";
import { passThrough, passThroughEntries } from "./pass-through.ts";
import { cookieName, cookieValue, readCookie } from "./sticky.ts";

export interface EmbeddedOptions {
  readonly platform: Platform;
  readonly log: Log;
  readonly listen: RouterAddresses;
  readonly endpointsOf: EndpointsOf;
  /** For connections that ask for no host with a certificate of its own. */
  readonly defaultCertificate: Certificate;
  /** A line for each request. */
  readonly accessLog: boolean;
  readonly metrics?: Metrics;
}

/** Methods that may be sent twice (RFC 9110, section 9.2.2). */
const idempotent: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"]);

export async function startEmbeddedDriver(options: EmbeddedOptions): Promise<Driver> {
  const { platform, log, endpointsOf } = options;
  let matcher = new RouteMatcher([]);
  let certificates: RouteTable["certificates"] = new Map();
  let passedThrough = passThroughEntries([]);
  const balancers = new Map<string, Balancer>();
  const agentOptions = {
    connections: connectionsEach,
    pipelining: 1,
    keepAliveTimeout: keepAliveMs,
    keepAliveMaxTimeout: answerTimeoutMs,
  };
  const plainAgent = new Agent({ ...agentOptions, connect: { timeout: connectTimeoutMs } });
  /** By authority of the endpoints' certificates. */
  const secureAgents = new Map<string, Agent>();
  const requests = options.metrics?.counter(
    "raftsman_router_requests_total",
    "Requests answered, by route and by the first digit of the status.",
    ["route", "class"],
  );

  function agentFor({ termination, destinationCa }: RouteEntry): Agent {
    if (termination !== "reencrypt") return plainAgent;
    const ca = destinationCa ?? "";
    let agent = secureAgents.get(ca);
    if (agent === undefined) {
      // Endpoints are addresses: their names cannot be checked, their authority can where the route names it.
      const trust = ca === "" ? { rejectUnauthorized: false } : { ca, checkServerIdentity: () => undefined };
      agent = new Agent({ ...agentOptions, connect: { timeout: connectTimeoutMs, ...trust } });
      secureAgents.set(ca, agent);
    }
    return agent;
  }

  /** Series by entry and class: made once, for counting is on every request's way. */
  const series = new Map<string, Counter[]>();
  function count(entry: RouteEntry | undefined, status: number): void {
    if (requests === undefined) return;
    const id = entry?.id ?? "none";
    let known = series.get(id);
    if (known === undefined) {
      known = [];
      series.set(id, known);
    }
    const first = Math.floor(status / 100);
    known[first] ??= requests.with(id, `${first}xx`);
    known[first]?.add();
  }

  function balancerOf({ id }: RouteEntry): Balancer {
    let balancer = balancers.get(id);
    if (balancer === undefined) {
      balancer = new Balancer(platform);
      balancers.set(id, balancer);
    }
    return balancer;
  }

  /** The endpoint the client's cookie names, else one by weight and load. */
  function claimFor(
    entry: RouteEntry,
    cookies: string | undefined,
    tried: ReadonlySet<string>,
  ): Claim | undefined {
    const weighted = endpointsOf(entry);
    const balancer = balancerOf(entry);
    if (entry.sticky && tried.size === 0) {
      const wanted = readCookie(cookies, cookieName(entry));
      const known =
        wanted === undefined ? undefined : weighted.find(({ endpoint }) => cookieValue(endpoint) === wanted);
      if (known !== undefined) return balancer.pick([known.endpoint], "");
    }
    const equal = equalEndpoints(weighted);
    if (equal !== undefined) return balancer.pick(equal, "", tried);
    const left = weighted.filter(({ endpoint }) => !tried.has(endpointKey(endpoint)));
    let at = platform.random.number() * left.reduce((sum, { weight }) => sum + weight, 0);
    const drawn = left.find(({ weight }) => {
      at -= weight;
      return at < 0;
    });
    return drawn === undefined ? undefined : balancer.pick([drawn.endpoint], "");
  }

  async function handle(request: IncomingMessage, response: ServerResponse, secure: boolean): Promise<void> {
    const began = options.accessLog ? platform.clock.monotonic() : 0;
    const entry = matcher.find(request.headers.host ?? "", request.url ?? "/");
    response.once("close", () => {
      count(entry, response.statusCode);
      if (!options.accessLog) return;
      log.info(`${request.method} ${request.headers.host ?? "-"}${request.url}`, {
        status: response.statusCode,
        ms: Math.round(platform.clock.monotonic() - began),
        route: entry?.id ?? null,
        client: clientOf(request),
      });
    });
    // Two hosts could be read by us in one way and by the endpoint in another (RFC 9112, section 3.2).
    if (hasTwoHosts(request)) {
      response.shouldKeepAlive = false;
      return sendPage(response, 400, "Bad request", "The request names two hosts.");
    }
    // What cannot be passed on as an absolute path is no request for us: "*", and proxies' absolute forms.
    if (!request.url?.startsWith("/") || entry === undefined)
      return sendPage(response, 503, "No such route", "No route has this host and path.");
    if (!secure && entry.insecure === "redirect") return redirect(request, response);
    // Nobody here can read a request that was meant to pass through.
    if (entry.termination === "passthrough")
      return sendPage(response, 503, "No such route", "This host's TLS does not end here.");
    if (!secure && entry.insecure === "none")
      return sendPage(response, 503, "No such route", "This host is served over TLS only.");
    if (secure && entry.termination === "none")
      return sendPage(response, 503, "No such route", "This host is not served over TLS.");
    await answer(entry, request, response, secure);
  }

  async function answer(
    entry: RouteEntry,
    request: IncomingMessage,
    response: ServerResponse,
    secure: boolean,
  ): Promise<void> {
    const { method = "GET", headers } = request;
    const hasBody =
      headers["transfer-encoding"] !== undefined ||
      Number(headers["content-length"] ?? 0) > 0 ||
      (request.httpVersionMajor === 2 && !idempotent.has(method) && headers["content-length"] !== "0");
    const fields = requestFields(request, { address: clientOf(request), secure });
    const tried = new Set<string>();
    let sent = 0;
    let last: ForwardResult | undefined;
    while (sent < sendTriesMax && tried.size < connectTriesMax && !response.destroyed) {
      const claim = claimFor(entry, request.headers.cookie, tried);
      if (claim === undefined) break;
      const value = entry.sticky ? cookieValue(claim.endpoint) : undefined;
      const isKnown = value !== undefined && readCookie(headers.cookie, cookieName(entry)) === value;
      const setCookie =
        value === undefined || isKnown
          ? undefined
          : `${cookieName(entry)}=${value}; path=/; HttpOnly${secure ? "; Secure" : ""}`;
      const dispatcher = agentFor(entry);
      last = await forward({
        dispatcher,
        claim,
        request,
        response,
        fields,
        hasBody,
        setCookie,
        secureEndpoint: entry.termination === "reencrypt",
      });
      claim.release();
      if (last.kind === "done") return;
      tried.add(endpointKey(claim.endpoint));
      if (last.sent) sent++;
      else claim.failed();
      log.debug("an endpoint failed", {
        route: entry.id,
        endpoint: endpointKey(claim.endpoint),
        error: last.error.message,
      });
      const mayRepeat =
        !hasBody && (!last.sent || idempotent.has(method)) && last.error.code !== "UND_ERR_HEADERS_TIMEOUT";
      if (!mayRepeat && !(hasBody && !last.sent && !request.readableDidRead)) break;
    }
    if (last === undefined)
      return sendPage(response, 503, "Not available", "The application has no endpoint that is ready.");
    if (last.kind === "failed" && last.error.code === "UND_ERR_HEADERS_TIMEOUT")
      return sendPage(response, 504, "No answer in time", "The application did not answer in time.");
    sendPage(response, 502, "No answer", "The application did not answer.");
  }

  /** Another protocol, a WebSocket mostly: the request goes on as it is, then bytes in both directions. */
  async function upgrade(
    request: IncomingMessage,
    response: ServerResponse,
    take: TakeConnection,
    secure: boolean,
  ): Promise<void> {
    const entry = matcher.find(request.headers.host ?? "", request.url ?? "/");
    if (
      hasTwoHosts(request) ||
      entry === undefined ||
      entry.termination === "passthrough" ||
      !request.url?.startsWith("/") ||
      (secure ? entry.termination === "none" : entry.insecure !== "allow")
    )
      return sendPage(response, 503, "No such route", "No route has this host and path.");
    const tls =
      entry.termination === "reencrypt"
        ? {
            tls: {
              unverified: entry.destinationCa === undefined,
              ...(entry.destinationCa === undefined ? {} : { ca: entry.destinationCa }),
            },
          }
        : {};
    const dialled = await dialEndpoint(platform, {
      claimNext: (tried) => claimFor(entry, request.headers.cookie, tried),
      wanted: () => !response.destroyed,
      ...tls,
    });
    if (typeof dialled === "string")
      return sendPage(response, 503, "Not available", "The application has no endpoint that is ready.");
    const { claim, connection } = dialled;
    const outbound = connection.stream;
    const fields = requestFields(request, { address: clientOf(request), secure, keepUpgrade: true });
    let text = `${request.method} ${request.url} HTTP/1.1\r\n`;
    for (let at = 0; at < fields.length; at += 2) text += `${fields[at]}: ${fields[at + 1]}\r\n`;
    outbound.write(`${text}\r\n`, "latin1");
    const { socket: stream, head } = take();
    if (head.length > 0) outbound.write(head);
    joinConnections(stream, outbound, platform.clock, () => claim.release());
    if (!stream.destroyed) return;
    reset(outbound);
    claim.release();
  }

  const serverFor = (secure: boolean) =>
    createHttpServer({
      clock: platform.clock,
      onRequest: (request, response) => void handle(request, response, secure),
      onUpgrade: (request, response, take) => void upgrade(request, response, take, secure),
    });
  const http = serverFor(false);
  const https = serverFor(true);
  const listeners: Listener[] = [];
  const httpListener = await platform.network.listen(options.listen.http, (connection) =>
    http.serve(connection),
  );
  listeners.push(httpListener);
  let httpsListener: Listener;
  try {
    httpsListener = await platform.network.listen(
      {
        ...options.listen.https,
        tls: {
          ...options.defaultCertificate,
          clientCertificate: "none",
          protocols: ["h2", "http/1.1"],
          passOn: (name) => {
            const entry = passedThrough(name);
            if (entry === undefined) return undefined;
            return (connection) =>
              void passThrough(connection, (tried) => claimFor(entry, undefined, tried), platform);
          },
          certificateFor: (name) => {
            const host = name.toLowerCase();
            return (
              certificates.get(host) ??
              certificates.get(`*.${host.split(".").slice(1).join(".")}`) ??
              certificates.get("")
            );
          },
        },
      },
      (connection) => https.serve(connection),
    );
    listeners.push(httpsListener);
  } catch (error) {
    await httpListener.close();
    throw error;
  }

  return {
    name: "embedded",
    http: httpListener,
    https: httpsListener,
    async setTable(table) {
      matcher = new RouteMatcher(table.entries);
      certificates = table.certificates;
      passedThrough = passThroughEntries(table.entries);
      const ids = new Set(table.entries.map(({ id }) => id));
      for (const id of balancers.keys()) if (!ids.has(id)) balancers.delete(id);
      return new Map();
    },
    // Endpoints are looked up for every request.
    async endpointsChanged() {},
    async resync() {},
    async close() {
      for (const listener of listeners) listener.stopAccepting();
      await Promise.all([http.close({ graceMs: closeGraceMs }), https.close({ graceMs: closeGraceMs })]);
      await Promise.all(listeners.map((listener) => listener.close()));
      await Promise.all([plainAgent, ...secureAgents.values()].map((agent) => agent.destroy()));
    },
  };
}

const plainLists = new WeakMap<readonly WeightedEndpoint[], readonly Endpoint[] | undefined>();

/** The endpoints where all weigh the same; worked out once for a list. */
function equalEndpoints(weighted: readonly WeightedEndpoint[]): readonly Endpoint[] | undefined {
  if (plainLists.has(weighted)) return plainLists.get(weighted);
  const first = weighted[0]?.weight;
  const equal = weighted.every(({ weight }) => weight === first)
    ? weighted.map(({ endpoint }) => endpoint)
    : undefined;
  plainLists.set(weighted, equal);
  return equal;
}

/** Node keeps the first of several and says nothing. */
function hasTwoHosts({ rawHeaders, httpVersionMajor }: IncomingMessage): boolean {
  if (httpVersionMajor !== 1) return false;
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2)
    if (rawHeaders[at]?.length === 4 && rawHeaders[at]?.toLowerCase() === "host") hosts++;
  return hosts > 1;
}

function redirect(request: IncomingMessage, response: ServerResponse): void {
  const host = (request.headers.host ?? "").replace(/:\d*$/, "");
  response.statusCode = 302;
  response.setHeader("location", `https://${host}${request.url}`);
  response.end();
}

function clientOf(request: IncomingMessage): string {
  const address = connectionOf(request)?.remoteAddress ?? "";
  return address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
}
