/**
 * The kubelet's API over HTTPS: /containerLogs, /exec, /attach, /portForward, /stats/summary, /metrics, /metrics/resource, /pods, /healthz. Served to
 * whom the API server lets (`access.ts`).
 */
import { createHash, X509Certificate } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createAuthority } from "../../auth/index.ts";
import { errorText, type Log } from "../../client/index.ts";
import { connectionOf, createHttpServer, type Upgrade } from "../../h2/index.ts";
import type { Listener, Platform } from "../../platform/index.ts";
import { acceptPortForward } from "../streaming/port-forward.ts";
import { acceptCommand } from "../streaming/remote-command.ts";
import type { AgentAccess } from "./access.ts";
import { parseLogQuery } from "./log-query.ts";
import { HostError, type PodHost } from "./pod-host.ts";
import { podMetrics } from "./pod-metrics.ts";
import { metricsContentType, resourceMetrics } from "./resource-metrics.ts";

export interface KubeletServer {
  readonly port: number;
  /** Of its certificate, for whoever has to know it is the right one. */
  readonly certificateSha256: string;
  close(): Promise<void>;
}

export interface KubeletServerOptions {
  readonly platform: Platform;
  readonly log: Log;
  readonly address: string;
  readonly port: number;
  readonly clientCa: string;
  readonly access: AgentAccess;
  /** Undefined until the agent is there. */
  host(): PodHost | undefined;
}

const closeGraceMs = 500;

export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const { platform, address, port, clientCa } = options;
  // Whoever connects is told its fingerprint by the Node, so it needs no authority above it.
  const own = createAuthority("raftsman-node", platform);
  const http = createHttpServer({
    clock: platform.clock,
    onRequest: (request, response) => void serve(options, request, response),
    onUpgrade: (request, response, take) => void upgrade(options, request, response, take),
  });
  const tls = { ...own, ca: clientCa, clientCertificate: "request" as const, protocols: ["http/1.1"] };
  const listener: Listener = await platform.network.listen({ host: address, port, tls }, (connection) =>
    http.serve(connection),
  );
  return {
    port: listener.port,
    certificateSha256: createHash("sha256").update(new X509Certificate(own.cert).raw).digest("hex"),
    async close() {
      await http.close({ graceMs: closeGraceMs });
      await listener.close();
    },
  };
}

/** What a request is for, which whoever sent it may have. @throws HostError */
async function target(
  options: KubeletServerOptions,
  request: IncomingMessage,
): Promise<{ host: PodHost; url: URL; parts: string[] }> {
  const url = new URL(request.url ?? "/", "https://node");
  await options.access.check({
    certificate: connectionOf(request)?.peerCertificate,
    authorization: request.headers.authorization,
    method: request.method ?? "GET",
    path: url.pathname,
  });
  const host = options.host();
  if (host === undefined) throw new HostError(503, "the node is starting");
  let parts: string[];
  try {
    parts = url.pathname.split("/").slice(1).map(decodeURIComponent);
  } catch {
    throw new HostError(400, "the path is not valid");
  }
  return { host, url, parts };
}

async function serve(
  options: KubeletServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    if (request.url === "/healthz") return text(response, 200, "ok");
    const { host, url, parts } = await target(options, request);
    const [verb, namespace = "", pod = "", container = ""] = parts;
    if (request.method !== "GET") throw new HostError(405, "method not allowed");
    if (verb === "containerLogs" && container !== "") {
      const query = parseLogQuery(url.searchParams, options.platform.clock.now());
      if (query === undefined) throw new HostError(400, '{"message": "Unable to decode query."}');
      const ending = new AbortController();
      response.once("close", () => ending.abort());
      const lines = host.logs({ namespace, pod, container }, query, ending.signal);
      return await stream(lines, response);
    }
    if (verb === "pods")
      return json(response, { kind: "PodList", apiVersion: "v1", metadata: {}, items: host.pods() });
    if (verb === "stats" && namespace === "summary") return json(response, await host.summary());
    if (verb === "metrics" && parts.length <= 2) {
      const summary = await host.summary();
      if (namespace === "resource") return text(response, 200, resourceMetrics(summary), metricsContentType);
      if (namespace === "")
        return text(response, 200, podMetrics(summary.node.nodeName, host.pods()), metricsContentType);
    }
    if (verb === "exec" || verb === "attach" || verb === "portForward")
      throw new HostError(
        400,
        "you must specify at least 1 of stdin, stdout, stderr, over an upgraded connection",
      );
    throw new HostError(404, "404 page not found\n");
  } catch (error) {
    refuse(options.log, response, error);
  }
}

/** The head goes out with the first piece: until then a refusal can still be told. */
async function stream(pieces: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<void> {
  const iterator = pieces[Symbol.asyncIterator]();
  const first = await iterator.next();
  response.writeHead(200, { "content-type": "text/plain" });
  response.flushHeaders();
  if (first.done === true) return void response.end();
  const rest = async function* (): AsyncGenerator<Uint8Array> {
    if (first.value.length > 0) yield first.value;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) yield next.value;
  };
  await pipeline(Readable.from(rest(), { objectMode: true }), response).catch(() => {});
}

async function upgrade(
  options: KubeletServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  take: () => Pick<Upgrade, "socket" | "head">,
): Promise<void> {
  let refusable = true;
  try {
    const { host, url, parts } = await target(options, request);
    const [verb, namespace = "", pod = "", ...rest] = parts;
    // The uid may stand before the container.
    const name = { namespace, pod, container: rest.at(-1) ?? "" };
    const { clock } = options.platform;
    const { searchParams: query } = url;
    if (verb === "portForward") {
      const ports = query
        .getAll("port")
        .concat(query.getAll("ports"))
        .flatMap((list) => list.split(","))
        .map(Number);
      refusable = false;
      return await acceptPortForward({ request, ...take() }, ports.filter(isPort), (port) =>
        host.dial(name, port),
      );
    }
    if (verb !== "exec" && verb !== "attach") throw new HostError(404, "404 page not found\n");
    host.requireContainer(name);
    const flag = (...names: string[]): boolean =>
      names.some((one) => /^(1|true)$/.test(query.get(one) ?? ""));
    const command = {
      stdin: flag("input", "stdin"),
      stdout: flag("output", "stdout"),
      stderr: flag("error", "stderr"),
      tty: flag("tty"),
    };
    refusable = false;
    const streams = await acceptCommand({ request, ...take() }, command, clock);
    if (streams === undefined) return;
    if (verb === "exec") await host.exec(name, query.getAll("command"), command, streams);
    else await host.attach(name, command, streams);
  } catch (error) {
    if (refusable) refuse(options.log, response, error);
    else options.log.debug("a stream failed", { path: request.url, error: errorText(error) });
  }
}

const isPort = (port: number): boolean => Number.isInteger(port) && port > 0 && port < 65_536;

function refuse(log: Log, response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (!(error instanceof HostError)) log.warn("a request to the node failed", { error: errorText(error) });
  text(response, error instanceof HostError ? error.code : 500, errorText(error));
}

function text(
  response: ServerResponse,
  status: number,
  body: string,
  contentType = "text/plain; charset=utf-8",
): void {
  response.writeHead(status, { "content-type": contentType });
  response.end(body);
}

function json(response: ServerResponse, value: object): void {
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify(value));
}
