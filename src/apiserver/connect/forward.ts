/** Passes a request on over a connection, and the answer back: bodies as they come, upgrades until both sides have ended. */
import {
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { type Duplex, finished } from "node:stream";
import { errors } from "../../apimachinery/index.ts";
import type { TakeConnection } from "../../h2/index.ts";
import type { Connection } from "../../platform/index.ts";
import { inlineBody } from "../body.ts";
import type { ApiContext } from "../state.ts";
import type { ProxyPlace } from "./links.ts";
import { hasLinks, proxiedHeaders, proxiedPage } from "./page.ts";

/** Where a request keeps how its connection can be taken, when it asks for another protocol. */
export const takeConnection: unique symbol = Symbol("takeConnection");

export type MaybeUpgrade = IncomingMessage & { [takeConnection]?: TakeConnection };

export interface ForwardTarget {
  readonly connection: Connection;
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly host: string;
  /** Besides what the client sent. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  /** Headers of the client that do not go there. */
  isKept?(name: string): boolean;
  /** Links of what is shown there have to lead to where it is shown. */
  readonly place?: ProxyPlace;
  /** Looks at the answer before the client does; may throw, with what it said. */
  check?(answer: IncomingMessage): Promise<void>;
}

/** Of one hop only (RFC 9110, section 7.6.1), or ours: the credentials were for this server. */
const notPassedOn: ReadonlySet<string> = new Set([
  "authorization",
  "connection",
  "host",
  "http2-settings",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Resolves when the answer is through. @throws StatusError while nothing has been answered */
export async function forward(context: ApiContext, target: ForwardTarget): Promise<void> {
  const take = (context.req as MaybeUpgrade)[takeConnection];
  const { answer, upgraded } = await ask(context, target, take);
  if (upgraded !== undefined && take !== undefined) {
    context.state.streaming = true;
    await join(take, answer, upgraded);
    return;
  }
  await target.check?.(answer);
  const { place } = target;
  const headers = answerHeaders(place === undefined ? answer.headers : proxiedHeaders(answer.headers, place));
  let page: Buffer | undefined;
  if (place !== undefined && context.req.method !== "HEAD" && hasLinks(answer.headers)) {
    page = await proxiedPage(answer, place).catch((error: Error) => {
      throw errors.serviceUnavailable(`error trying to reach service: ${error.message}`);
    });
    headers["content-length"] = String(page.length);
  }
  context.state.streaming = true;
  context.res.writeHead(answer.statusCode ?? 502, { "audit-id": context.state.id, ...headers });
  if (page !== undefined) {
    context.res.end(page);
    return;
  }
  context.res.flushHeaders();
  await pump(answer, context.res);
}

/** `take`: the client's connection, where the other side is asked for its upgrade too. @throws StatusError */
export async function ask(
  context: ApiContext,
  target: ForwardTarget,
  take: TakeConnection | undefined,
): Promise<{ answer: IncomingMessage; upgraded?: { socket: Duplex; head: Buffer } }> {
  const { stream } = target.connection;
  const request = httpRequest({
    createConnection: () => stream,
    method: target.method,
    path: target.path,
    headers: {
      ...passedOn(context.req.headers, target.isKept),
      ...(target.headers as Readonly<Record<string, string | string[]>>),
      host: target.host,
      ...(take === undefined
        ? { connection: "close" }
        : { connection: "Upgrade", upgrade: context.req.headers.upgrade ?? "" }),
    },
  });
  context.res.once("close", () => {
    if (!context.res.writableFinished && take === undefined) stream.destroy();
  });
  const answered = new Promise<{ answer: IncomingMessage; upgraded?: { socket: Duplex; head: Buffer } }>(
    (resolve, reject) => {
      request.on("response", (answer) => resolve({ answer }));
      request.on("upgrade", (answer, socket, head) => resolve({ answer, upgraded: { socket, head } }));
      request.on("error", (error) =>
        reject(errors.serviceUnavailable(`error trying to reach service: ${error.message}`)),
      );
    },
  );
  sendBody(context.req, request, take !== undefined);
  return answered;
}

/** A side that goes away in the middle is the other's end too. */
async function pump(answer: IncomingMessage, response: ServerResponse): Promise<void> {
  try {
    for await (const chunk of answer) {
      if (response.destroyed) break;
      if (!response.write(chunk)) await drained(response);
    }
    response.end();
  } catch {
    response.destroy();
  } finally {
    answer.destroy();
  }
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.removeListener("drain", done);
      response.removeListener("close", done);
      resolve();
    };
    response.once("drain", done);
    response.once("close", done);
  });
}

function sendBody(from: IncomingMessage, to: ReturnType<typeof httpRequest>, upgrade: boolean): void {
  const inline = (from as { [inlineBody]?: Buffer })[inlineBody];
  if (upgrade || from.method === "GET" || from.method === "HEAD") to.end();
  else if (inline !== undefined) to.end(inline);
  else from.pipe(to);
}

function passedOn(
  headers: IncomingHttpHeaders,
  isKept: (name: string) => boolean = () => true,
): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  // HTTP/2's own begin with a colon.
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !notPassedOn.has(name) && !/^(:|impersonate-)/.test(name) && isKept(name))
      kept[name] = value;
  return kept;
}

function answerHeaders(headers: IncomingHttpHeaders): Record<string, string | string[]> {
  const kept = passedOn(headers);
  // HTTP/2 has no such fields, and here the connection is ours.
  delete kept["upgrade"];
  return kept;
}

/** The client's connection and the target's become one. */
function join(
  take: TakeConnection,
  answer: IncomingMessage,
  { socket, head }: { socket: Duplex; head: Buffer },
): Promise<void> {
  const client = take();
  const lines = [`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`];
  for (let i = 0; i + 1 < answer.rawHeaders.length; i += 2)
    lines.push(`${answer.rawHeaders[i]}: ${answer.rawHeaders[i + 1]}`);
  client.socket.write(`${lines.join("\r\n")}\r\n\r\n`);
  if (head.length > 0) client.socket.write(head);
  if (client.head.length > 0) socket.write(client.head);
  for (const side of [client.socket, socket]) side.on("error", () => {});
  client.socket.on("close", () => socket.destroy());
  socket.on("close", () => client.socket.end());
  client.socket.pipe(socket);
  socket.pipe(client.socket);
  return new Promise((resolve) => finished(socket, () => resolve()));
}
