import { once } from "node:events";
import { readBody } from "../body.ts";
import { type MaybeUpgrade, forward as passOn, takeConnection } from "../connect/forward.ts";
import { type ApiContext, type Layer, type Reply, toldOfRequest } from "../state.ts";
import type { Aggregation } from "./aggregation.ts";
import { type RemoteApi, RemoteFailure } from "./remote-api.ts";

/** Of one connection, or ours to say: neither goes further (RFC 9110, section 7.6.1). Nobody but this server says who asks. */
const notForwarded =
  /^(:.*|connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|host|content-length|authorization|x-remote-.*|impersonate-.*)$/;

/** Requests for a version of a group that another server has go there, whole, under the name of who asks. */
export function proxy(aggregation: Aggregation): Layer {
  return (context, next) => {
    const { path } = context.state.info;
    if (!path.startsWith("/apis/")) return next(context);
    const [, , group = "", version = ""] = path.split("/");
    const remote = version === "" ? undefined : aggregation.remote(group, version);
    if (remote === undefined) return next(context);
    if (remote.isAvailable)
      return asksForUpgrade(context.req) ? upgrade(context, remote) : forward(context, remote);
    context.state.reply = unavailable;
    return Promise.resolve();
  };
}

const asksForUpgrade = (request: MaybeUpgrade): boolean => request[takeConnection] !== undefined;

/** Exec, attach and the like of another server: a connection of their own, which becomes whatever both sides agree on. */
async function upgrade(context: ApiContext, remote: RemoteApi): Promise<void> {
  const { req, state } = context;
  const dialled = await remote.dial(state.user).catch((error: Error) => error);
  if (dialled instanceof Error) {
    state.reply = failed(dialled, "error dialing backend");
    return;
  }
  await passOn(context, {
    ...dialled,
    method: req.method ?? "GET",
    path: req.url ?? "/",
    headers: { ...dialled.headers, ...toldOfOwn(context) },
    isKept: (name) => !notForwarded.test(name),
  });
}

const failed = (error: Error, what: string): Reply =>
  error instanceof RemoteFailure ? { ...unavailable, body: `${what}: ${error.message}\n` } : unavailable;

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

/** What this server says of a request by itself. */
const toldOfOwn = ({ req, state }: ApiContext): Record<string, string> => ({
  "audit-id": state.id,
  "x-forwarded-for": String(req.socket.remoteAddress ?? ""),
});

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
      headers: { ...forwarded(req.headers), ...toldOfOwn(context) },
      body,
      signal: aborted.signal,
    })
    .catch((error: Error) => error);
  if (response instanceof Error) {
    state.reply = failed(response, "error trying to reach service");
    return;
  }
  state.streaming = true;
  res.writeHead(response.status, { ...forwarded(response.headers), ...toldOfRequest(state) });
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
