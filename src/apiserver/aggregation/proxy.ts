import { once } from "node:events";
import { readBody } from "../body.ts";
import type { ApiContext, Layer, Reply } from "../state.ts";
import type { Aggregation } from "./aggregation.ts";
import { type RemoteApi, RemoteFailure } from "./remote-api.ts";

/** Of one connection, or ours to say: neither goes further (RFC 9110, section 7.6.1). Nobody but this server says who asks. */
const notForwarded =
  /^(:.*|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|authorization|x-remote-.*|impersonate-.*)$/;

/** Requests for a version of a group that another server has go there, whole, under the name of who asks. */
export function proxy(aggregation: Aggregation): Layer {
  return (context, next) => {
    const { path } = context.state.info;
    if (!path.startsWith("/apis/")) return next();
    const [, , group = "", version = ""] = path.split("/");
    const remote = version === "" ? undefined : aggregation.remote(group, version);
    if (remote === undefined) return next();
    if (remote.isAvailable) return forward(context, remote);
    context.state.reply = unavailable;
    return Promise.resolve();
  };
}

const unavailable: Reply = {
  status: 503,
  headers: { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" },
  body: "service unavailable\n",
};

function forwarded(headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !notForwarded.test(name))
      kept[name] = Array.isArray(value) ? value.join(", ") : value;
  }
  return kept;
}

/** Sends the request on, and the answer back as it comes. */
export async function forward(context: ApiContext, remote: RemoteApi): Promise<void> {
  const { req, res, state } = context;
  const body = await readBody(req);
  const aborted = new AbortController();
  res.once("close", () => aborted.abort());
  const response = await remote
    .request({
      method: req.method ?? "GET",
      path: req.url ?? "/",
      user: state.user,
      headers: { ...forwarded(req.headers), "x-forwarded-for": String(req.socket.remoteAddress ?? "") },
      body,
      signal: aborted.signal,
    })
    .catch((error: Error) => error);
  if (response instanceof Error) {
    state.reply =
      response instanceof RemoteFailure
        ? { ...unavailable, body: `error trying to reach service: ${response.message}\n` }
        : unavailable;
    return;
  }
  state.streaming = true;
  res.writeHead(response.status, { ...forwarded(response.headers), "audit-id": state.id });
  res.flushHeaders();
  try {
    for await (const chunk of response.body) {
      if (!res.write(chunk)) await Promise.race([once(res, "drain"), once(res, "close")]);
      if (res.destroyed) break;
    }
    res.end();
  } catch {
    // Its server broke off in the middle, and so does ours.
    res.destroy();
  }
}
