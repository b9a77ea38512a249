import type { IncomingMessage, ServerResponse } from "node:http";
import { concatBytes, utf8 } from "../../base/index.ts";
import { type Draft, decode, encode } from "../../wire/index.ts";
import type { CallMetrics } from "../call-metrics.ts";
import { type Endpoint, tokenOf, withCaller } from "../callers.ts";
import { code, expectedError, RpcError } from "../errors.ts";
import { type Method, neverAborted, type Reply, type StreamMethod, type UnaryMethod } from "../method.ts";
import type { StoreAccess } from "../ports.ts";
import { fromJson } from "./from-json.ts";
import { JsonSplitter } from "./split.ts";
import { toJson } from "./to-json.ts";

/** JSON around bytes in base64, and room for names. */
const jsonPerByte = 1.5;

/** https://github.com/grpc-ecosystem/grpc-gateway: which HTTP status a gRPC status is shown as. */
const httpStatus: Readonly<Record<number, number>> = {
  [code.canceled]: 499,
  [code.unknown]: 500,
  [code.invalidArgument]: 400,
  [code.deadlineExceeded]: 504,
  [code.notFound]: 404,
  [code.permissionDenied]: 403,
  [code.resourceExhausted]: 429,
  [code.failedPrecondition]: 400,
  [code.outOfRange]: 400,
  [code.unimplemented]: 501,
  [code.internal]: 500,
  [code.unavailable]: 503,
  [code.dataLoss]: 500,
  [code.unauthenticated]: 401,
};

export interface Gateway {
  /** False: the path is not the gateway's. */
  handle(request: IncomingMessage, response: ServerResponse, path: string): boolean;
}

interface GatewayContext {
  /** Bytes of one message, were it protobuf. */
  readonly messageBytesMax: number;
  readonly onInternalError: OnInternalError;
  readonly access: StoreAccess | undefined;
  readonly calls: CallMetrics;
}

type OnInternalError = (error: unknown, path: string) => void;

/** The methods again, as JSON over POST: one object for a unary method, a line `{"result":…}` for each message of a stream. */
export function createGateway(endpoints: readonly Endpoint[], context: GatewayContext): Gateway {
  const byPath = new Map<string, Endpoint>();
  for (const endpoint of endpoints)
    for (const path of endpoint.method.info.gatewayPaths) byPath.set(path, endpoint);
  return {
    handle(request, response, path) {
      // The prefix of etcd 3.3 is still served.
      const current = path.startsWith("/v3beta/") ? `/v3/${path.slice("/v3beta/".length)}` : path;
      if (!current.startsWith("/v3/")) return false;
      const endpoint = byPath.get(current);
      if (endpoint === undefined) {
        request.resume();
        sendJson(response, 404, { code: code.notFound, message: "Not Found" });
      } else if (request.method !== "POST") {
        request.resume();
        sendJson(response, 501, { code: code.unimplemented, message: "Method Not Allowed" });
      } else {
        // A certificate's name does not count here: in etcd the gateway is a client of its own.
        const credentials = () => ({ token: tokenOf(request.headers), commonName: undefined });
        // In etcd the gateway is a client that does not say its version.
        context.calls.called(endpoint.method.kind);
        withCaller(endpoint, context.access, credentials, (method) => {
          if (method.kind === "unary") serveUnary(method, request, response, context);
          else serveStream(method, request, response, context);
        });
      }
      return true;
    },
  };
}

function serveUnary(
  method: UnaryMethod<unknown, unknown>,
  request: IncomingMessage,
  response: ServerResponse,
  { messageBytesMax, onInternalError }: GatewayContext,
): void {
  const bodyBytesMax = Math.ceil(messageBytesMax * jsonPerByte);
  const chunks: Buffer[] = [];
  let bytes = 0;
  let refused = false;
  request.on("data", (chunk: Buffer) => {
    bytes += chunk.length;
    if (refused) return;
    if (bytes > bodyBytesMax) {
      refused = true;
      chunks.length = 0;
      fail(
        new RpcError(
          code.resourceExhausted,
          `grpc: received message larger than max (${bytes} vs. ${bodyBytesMax})`,
        ),
      );
    } else {
      chunks.push(chunk);
    }
  });
  request.on("end", () => {
    if (!refused) void answer(Buffer.concat(chunks).toString());
  });

  async function answer(text: string): Promise<void> {
    try {
      // An empty body is an empty message.
      const draft = text.trim() === "" ? {} : fromJson(method.info.request, text);
      const result = await method.handle(withDefaults(method, draft), signal());
      sendJson(response, 200, toJson(method.info.response, result));
    } catch (thrown) {
      fail(thrown);
    }
  }

  function signal(): AbortSignal {
    if (!method.waits) return neverAborted;
    const abort = new AbortController();
    response.on("close", () => abort.abort());
    if (response.destroyed) abort.abort();
    return abort.signal;
  }

  function fail(thrown: unknown): void {
    const { status, body } = errorBody(thrown, method, onInternalError);
    sendJson(response, status, body);
  }
}

function serveStream(
  method: StreamMethod<unknown, unknown>,
  request: IncomingMessage,
  response: ServerResponse,
  { messageBytesMax, onInternalError }: GatewayContext,
): void {
  const splitter = new JsonSplitter(Math.ceil(messageBytesMax * jsonPerByte));
  let ended = false;
  const reply: Reply<unknown> = {
    send(message, tail) {
      if (ended) return true;
      const codec = method.info.response;
      const whole = tail === undefined ? message : decode(codec, concatBytes([encode(codec, message), tail]));
      return writeLine(response, { result: toJson(codec, whole) });
    },
    end(thrown) {
      if (ended) return;
      ended = true;
      if (thrown === undefined) {
        if (!response.headersSent) writeHead(response, 200);
      } else {
        const { status, body } = errorBody(thrown, method, onInternalError);
        if (!response.headersSent) writeHead(response, status);
        writeLine(response, { error: body });
      }
      response.end();
    },
    pause: () => void request.pause(),
    resume: () => void request.resume(),
  };
  const observer = method.open(reply);
  let messages = 0;
  let unreadable = false;
  /** What cannot be read never reaches the method. The first message is answered with an error; behind another one it only ends the requests. */
  const refuse = (thrown: unknown): void => {
    unreadable = true;
    if (messages > 0) return observer.requestsEnded();
    ended = true;
    const { status, body } = errorBody(thrown, method, onInternalError);
    sendJson(response, status, body);
  };
  const take = (text: string): void => {
    if (ended || unreadable) return;
    let message: unknown;
    try {
      message = withDefaults(method, fromJson(method.info.request, text));
    } catch (thrown) {
      return refuse(thrown);
    }
    messages++;
    observer.request(message);
  };
  const guarded = (work: () => void): void => {
    try {
      work();
    } catch (thrown) {
      reply.end(thrown);
    }
  };
  request.setEncoding("utf8");
  request.on("data", (piece: string) =>
    guarded(() => {
      if (ended || unreadable) return;
      const values = splitter.push(piece);
      if (values === undefined)
        refuse(new RpcError(code.resourceExhausted, "grpc: received message larger than max"));
      else values.forEach(take);
    }),
  );
  request.on("end", () =>
    guarded(() => {
      if (splitter.rest !== "") take(splitter.rest);
      if (!ended && !unreadable) observer.requestsEnded();
    }),
  );
  response.on("drain", () => observer.drain());
  response.on("close", () => {
    ended = true;
    observer.closed();
  });
}

/** Handlers expect every field; going through the binary form fills them in. */
function withDefaults(method: Method, draft: Draft<unknown>): unknown {
  return decode(method.info.request, encode(method.info.request, draft));
}

interface ErrorBody {
  readonly code: number;
  readonly message: string;
}

function errorBody(
  thrown: unknown,
  method: Method,
  onInternalError: OnInternalError,
): { status: number; body: ErrorBody } {
  const error = expectedError(thrown);
  if (error === undefined) onInternalError(thrown, method.info.path);
  const { code: status, message } = error ?? new RpcError(code.internal, "etcdserver: internal error");
  return { status: httpStatus[status] ?? 500, body: { code: status, message } };
}

function writeHead(response: ServerResponse, status: number, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.headersSent || response.destroyed) return;
  // etcd's gateway puts the error itself where a scheme belongs.
  const challenge = status === 401 ? { "www-authenticate": (body as ErrorBody).message } : {};
  writeHead(response, status, challenge);
  response.end(utf8(JSON.stringify(body)));
}

function writeLine(response: ServerResponse, body: unknown): boolean {
  if (response.destroyed) return true;
  if (!response.headersSent) writeHead(response, 200);
  return response.write(utf8(`${JSON.stringify(body)}\n`));
}
