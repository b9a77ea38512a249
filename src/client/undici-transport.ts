import type { Agent } from "undici";
import type { Transport, TransportRequest, TransportResponse } from "./ports.ts";

/** How to reach and trust a server, and who asks. */
export interface UndiciTransportOptions {
  /** `https://127.0.0.1:6443`; a path in it stands before every request's. */
  readonly server: string;
  /** PEM of the authorities that may have signed the server's certificate; the system's when left out. */
  readonly ca?: string;
  /** PEM; with `key`. */
  readonly cert?: string;
  readonly key?: string;
  /** Bearer token. */
  readonly token?: string;
  /** The name to check in the server's certificate instead of the host. */
  readonly serverName?: string;
  /** Accepts any certificate of the server. */
  readonly insecureSkipTlsVerify?: boolean;
  /** HTTP/1.1 even where the server offers HTTP/2: there undici makes one header of those that stand several times. */
  readonly http1?: boolean;
  /** Milliseconds until a connection stands and until the head of an answer has come. 30,000 by default. */
  readonly timeoutMs?: number;
}

/**
 * HTTPS by undici: kept-alive connections, HTTP/2 where the server offers it, streamed answers. undici (over 20 MB of
 * memory) is loaded with the first request.
 */
export function undiciTransport(options: UndiciTransportOptions): Transport & { close(): Promise<void> } {
  const base = new URL(options.server);
  const prefix = base.pathname.replace(/\/+$/, "");
  let agent: Promise<Agent> | undefined;

  async function open(): Promise<Agent> {
    // The default export is there in a bundle too, where names of a CommonJS package are not.
    const { Agent } = (await import("undici")).default;
    const timeoutMs = options.timeoutMs ?? 30_000;
    return new Agent({
      allowH2: options.http1 !== true,
      // A watch is silent for as long as nothing changes.
      bodyTimeout: 0,
      headersTimeout: timeoutMs,
      keepAliveTimeout: 30_000,
      connect: {
        timeout: timeoutMs,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
        ...(options.cert === undefined ? {} : { cert: options.cert }),
        ...(options.key === undefined ? {} : { key: options.key }),
        ...(options.serverName === undefined ? {} : { servername: options.serverName }),
        ...(options.insecureSkipTlsVerify === true ? { rejectUnauthorized: false } : {}),
      },
    });
  }

  return {
    async request(request: TransportRequest): Promise<TransportResponse> {
      agent ??= open();
      const dispatcher = await agent;
      const response = await dispatcher.request({
        origin: base.origin,
        path: prefix + request.path,
        method: request.method as "GET",
        headers: {
          ...request.headers,
          ...mutable(request.repeatedHeaders),
          ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        },
        ...(request.body === undefined ? {} : { body: request.body }),
        ...(request.signal === undefined ? {} : { signal: request.signal }),
      });
      return { status: response.statusCode, headers: plainHeaders(response.headers), body: response.body };
    },
    async close() {
      if (agent !== undefined) await (await agent).destroy();
      agent = undefined;
    },
  };
}

function mutable(headers: TransportRequest["repeatedHeaders"] = {}): Record<string, string[]> {
  return Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]]));
}

function plainHeaders(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) plain[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return plain;
}
