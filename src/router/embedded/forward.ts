/** One request on its way to an endpoint and its answer back, streaming both ways. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Dispatcher } from "undici";
import type { Claim } from "../../proxy/index.ts";
import { answerTimeoutMs } from "../limits.ts";

/** Fields that are about one connection (RFC 9110, section 7.6.1), and what Node's server has answered already. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "expect",
  "http2-settings",
]);

/** Field names and values in turn, as they go to the endpoint: without what is about the client's connection, with where it comes from. */
export function requestFields(
  request: IncomingMessage,
  from: { address: string; secure: boolean; keepUpgrade?: boolean },
): string[] {
  const { headers } = request;
  const named = new Set((headers.connection ?? "").toLowerCase().split(/\s*,\s*/));
  const fields: string[] = [];
  for (const name in headers) {
    if (name.startsWith(":") || name === "host" || name.startsWith("x-forwarded-")) continue;
    if (hopByHop.has(name) || named.has(name)) continue;
    const value = headers[name];
    if (value === undefined) continue;
    for (const one of typeof value === "string" ? [value] : value) fields.push(name, one);
  }
  const host = headers.host ?? "";
  const earlier = headers["x-forwarded-for"];
  fields.unshift("host", host);
  fields.push("x-forwarded-for", earlier === undefined ? from.address : `${earlier}, ${from.address}`);
  fields.push("x-forwarded-host", host, "x-forwarded-proto", from.secure ? "https" : "http");
  if (from.keepUpgrade) fields.push("connection", "Upgrade", "upgrade", headers.upgrade ?? "");
  return fields;
}

export type ForwardResult =
  /** The answer was passed on, or the client went away. */
  | { readonly kind: "done"; readonly status: number }
  /** Nothing of an answer came; `sent`: the endpoint may have seen the request. */
  | { readonly kind: "failed"; readonly sent: boolean; readonly error: Error & { code?: string } };

/** Codes of failures before anything was sent. */
const unsent: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "UND_ERR_CONNECT_TIMEOUT",
  "ETIMEDOUT",
]);

export function forward(options: {
  dispatcher: Dispatcher;
  claim: Claim;
  secureEndpoint: boolean;
  request: IncomingMessage;
  response: ServerResponse;
  fields: string[];
  hasBody: boolean;
  setCookie: string | undefined;
}): Promise<ForwardResult> {
  const { dispatcher, claim, request, response, fields, hasBody, setCookie } = options;
  const { address, port } = claim.endpoint;
  const host = address.includes(":") ? `[${address}]` : address;
  return new Promise((resolve) => {
    let status = 0;
    let settled = false;
    const settle = (result: ForwardResult): void => {
      if (settled) return;
      settled = true;
      resolve(result);
    };
    let abort: (() => void) | undefined;
    const gone = (): void => {
      if (!response.writableEnded) abort?.();
      settle({ kind: "done", status });
    };
    response.once("close", gone);
    dispatcher.dispatch(
      {
        origin: `${options.secureEndpoint ? "https" : "http"}://${host}:${port}`,
        path: request.url ?? "/",
        method: request.method as Dispatcher.HttpMethod,
        headers: fields,
        body: hasBody ? request : null,
        headersTimeout: answerTimeoutMs,
        bodyTimeout: answerTimeoutMs,
      },
      {
        onRequestStart(controller) {
          abort = () => controller.abort(new Error("the client has gone away"));
          if (response.destroyed) abort();
        },
        onResponseStart(_controller, statusCode, headers) {
          // Interim answers are the connection's affair.
          if (statusCode < 200) return;
          status = statusCode;
          const fields: Record<string, string | string[]> = Object.create(null);
          for (const name in headers) {
            const value = headers[name];
            if (value !== undefined && !hopByHop.has(name)) fields[name] = value;
          }
          if (setCookie !== undefined) fields["set-cookie"] = [fields["set-cookie"] ?? [], setCookie].flat();
          response.writeHead(statusCode, fields);
        },
        onResponseData(controller, chunk) {
          if (response.write(chunk)) return;
          controller.pause();
          response.once("drain", () => controller.resume());
        },
        onResponseEnd() {
          response.end();
          settle({ kind: "done", status });
        },
        onResponseError(_controller, error: Error & { code?: string }) {
          if (settled) return;
          response.off("close", gone);
          if (response.headersSent) {
            // Half an answer must not look like a whole one.
            response.destroy();
            settle({ kind: "done", status });
          } else settle({ kind: "failed", sent: !unsent.has(error.code ?? ""), error });
        },
      },
    );
  });
}
