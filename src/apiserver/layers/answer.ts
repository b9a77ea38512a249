import type { ServerResponse } from "node:http";
import { promisify } from "node:util";
import { gzip, type ZlibOptions } from "node:zlib";
import { errors, StatusError } from "../../apimachinery/index.ts";
import { anonymous } from "../../auth/index.ts";
import { type BodySource, endWith, wholeBody } from "../../h2/index.ts";
import type { Encoder } from "../encode/encoder.ts";
import { compressBytesMin, compressionLevel } from "../limits.ts";
import type { ServerLog } from "../log.ts";
import { contentTypes, json, representationOfError } from "../media-types.ts";
import { wantsPretty } from "../pretty.ts";
import { requestInfo } from "../request-info.ts";
import { type ApiContext, type Layer, type Reply, toldOfRequest, Warnings } from "../state.ts";

// What holds until the inner layers know better.
const nowhere = requestInfo("GET", "/");

/** zlib is loaded with the first one. */
const compress = (body: Uint8Array | BodySource, options: ZlibOptions) =>
  promisify<Uint8Array, ZlibOptions, Buffer>(gzip)(wholeBody(body), options);

/**
 * The outermost layer: whatever the inner ones decided or threw becomes one answer. Expected failures are StatusErrors; anything else is
 * our mistake: it is logged, and the client gets a 500 that does not show it.
 */
export function answer(deps: { readonly encoder: Encoder; readonly log: ServerLog }): Layer {
  return async (context, next) => {
    context.state = {
      id: "",
      info: nowhere,
      user: anonymous,
      deadline: Number.POSITIVE_INFINITY,
      flow: undefined,
      handler: undefined,
      warnings: new Warnings(),
      reply: undefined,
      streaming: false,
      audit: undefined,
      refusedByAuthorizer: false,
    };
    try {
      await next(context);
    } catch (error) {
      if (context.state.streaming || context.res.headersSent) {
        deps.log.error("a stream failed", { path: context.url, error: textOf(error) });
        context.res.destroy();
        return;
      }
      context.state.reply = failure(context, error, deps);
    }
    if (context.state.streaming) return;
    const failed = (error: unknown): void =>
      deps.log.error("an answer could not be sent", { path: context.url, error: textOf(error) });
    try {
      await send(context, context.state.reply ?? pageNotFound, failed);
    } catch (error) {
      failed(error);
      context.res.destroy();
    }
  };
}

/** What unknown paths outside of the API get. */
export const pageNotFound: Reply = {
  status: 404,
  headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
  body: "404 page not found\n",
};

function failure(context: ApiContext, thrown: unknown, deps: { encoder: Encoder; log: ServerLog }): Reply {
  let error = thrown;
  if (!(error instanceof StatusError)) {
    deps.log.error("a request failed", { method: context.method, path: context.url, error: textOf(error) });
    error = errors.internalError("the server has met an unexpected condition; its log has more");
  }
  const { status } = error as StatusError;
  const accept = context.req.headers.accept ?? "";
  const asked = representationOfError(accept);
  const representation = asked ?? json;
  const retryAfter = status.details?.retryAfterSeconds;
  return {
    status: (error as StatusError).code,
    headers: {
      "content-type": contentTypes[representation.encoding],
      ...(retryAfter === undefined ? {} : { "retry-after": String(retryAfter) }),
      ...(context.state.refusedByAuthorizer ? { "x-content-type-options": "nosniff" } : {}),
    },
    body: deps.encoder.value(
      status,
      representation,
      asked === undefined || wantsPretty(context.state.info, context.req.headers["user-agent"]),
    ),
  };
}

const textOf = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);

async function send(context: ApiContext, reply: Reply, failed: (error: unknown) => void): Promise<void> {
  const response: ServerResponse = context.res;
  const headers: Record<string, string | string[]> = {
    ...toldOfRequest(context.state),
    "cache-control": "no-cache, private",
    ...reply.headers,
  };
  const warnings = context.state.warnings.headers();
  if (warnings.length > 0) headers["warning"] = warnings;
  let body = typeof reply.body === "string" ? Buffer.from(reply.body) : reply.body;
  if (body.length >= compressBytesMin && acceptsGzip(context) && headers["content-encoding"] === undefined) {
    body = await compress(body, { level: compressionLevel });
    headers["content-encoding"] = "gzip";
    headers["vary"] =
      headers["vary"] === undefined ? "Accept-Encoding" : `Accept-Encoding, ${headers["vary"]}`;
  }
  if (reply.status !== 204 && reply.status !== 304) headers["content-length"] = String(body.length);
  if (response.destroyed) return;
  response.writeHead(reply.status, headers);
  if (body instanceof Uint8Array) response.end(body);
  else endWith(response, body, failed);
}

const acceptsGzip = (context: ApiContext): boolean =>
  /(^|[,\s])gzip\b/.test(String(context.req.headers["accept-encoding"] ?? ""));
