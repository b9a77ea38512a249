import type { IncomingMessage, ServerResponse } from "node:http";
import http2, { type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Clock, Connection } from "../platform/index.ts";
import { rememberConnection } from "./connection-of.ts";
import type { ServerLimits } from "./limits.ts";
import {
  type HeaderFields,
  type HttpHandlers,
  type IncomingStream,
  resetCode,
  type StreamReceiver,
} from "./ports.ts";

/** What a server needs of a connection it serves, whatever the protocol. */
export interface ServedConnection {
  /** No more requests; resolves by itself when those under way are done. */
  close(): void;
  destroy(): void;
}

/** Serves HTTP/2 on a connection by node:http2. */
export function serveHttp2(
  connection: Connection,
  handlers: HttpHandlers,
  limits: ServerLimits,
  clock: Clock,
): ServedConnection {
  const session = http2.performServerHandshake(connection.stream, {
    maxSessionMemory: limits.sessionMegabytesMax,
    maxHeaderListPairs: limits.headerFieldsMax,
    settings: {
      maxConcurrentStreams: limits.streamsMax,
      maxHeaderListSize: limits.headerBytesMax,
      initialWindowSize: limits.streamWindowBytes,
      enablePush: false,
    },
  });
  const firstSettings = clock.after(limits.firstRequestMs, () => session.destroy(), { background: true });
  session.setLocalWindowSize(limits.connectionWindowBytes);
  session.once("remoteSettings", () => firstSettings.cancel());
  session.once("close", () => {
    firstSettings.cancel();
    connection.stream.destroy();
  });
  // A broken peer ends its own session; the 'close' that follows is all we need.
  session.on("error", ignore);
  session.on("stream", (stream: ServerHttp2Stream, headers, _flags, rawHeaders) => {
    // An 'error' is followed by 'close', which receivers and node's own request objects see.
    stream.on("error", ignore);
    if (headers[":method"] === "CONNECT") {
      stream.close(http2.constants.NGHTTP2_REFUSED_STREAM);
      return;
    }
    if (headerBytes(rawHeaders as unknown as string[]) > limits.headerBytesMax) {
      // RFC 6585, section 5; node holds clients to the SETTINGS value only loosely.
      stream.respond({ ":status": 431 }, { endStream: true });
      return;
    }
    if (handlers.onStream?.(new NodeStream(stream, headers, connection))) return;
    serveClassic(stream, headers, rawHeaders as unknown as string[], connection, handlers);
  });
  return {
    close: () => session.close(),
    destroy: () => session.destroy(),
  };
}

/** The size of a header list as RFC 9113, section 6.5.2 counts it: 32 bytes a field on top. */
function headerBytes(namesAndValues: readonly string[]): number {
  let bytes = namesAndValues.length * 16;
  for (const text of namesAndValues) bytes += text.length;
  return bytes;
}

/** Node's compatibility objects, made only for streams that want them. */
function serveClassic(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  rawHeaders: string[],
  connection: Connection,
  handlers: HttpHandlers,
): void {
  const request = new http2.Http2ServerRequest(stream, headers, {}, rawHeaders);
  const response = new http2.Http2ServerResponse(stream);
  rememberConnection(request, connection);
  if (headers.expect === "100-continue") response.writeContinue();
  handlers.onRequest(request as unknown as IncomingMessage, response as unknown as ServerResponse);
}

class NodeStream implements IncomingStream {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly connection: Connection;
  readonly #stream: ServerHttp2Stream;
  readonly #rawHeaders: IncomingHttpHeaders;
  #headers: HeaderFields | undefined;
  #trailers: Readonly<Record<string, string>> = {};

  constructor(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, connection: Connection) {
    this.#stream = stream;
    this.#rawHeaders = headers;
    this.connection = connection;
    this.method = String(headers[":method"] ?? "");
    this.path = String(headers[":path"] ?? "");
    this.authority = String(headers[":authority"] ?? headers.host ?? "");
  }

  get headers(): HeaderFields {
    if (this.#headers === undefined) {
      const fields: Record<string, string> = Object.create(null);
      for (const [name, value] of Object.entries(this.#rawHeaders)) {
        if (value !== undefined && !name.startsWith(":")) {
          fields[name] = Array.isArray(value) ? value.join(", ") : value;
        }
      }
      this.#headers = fields;
    }
    return this.#headers;
  }

  get closed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  receive(receiver: StreamReceiver): void {
    const stream = this.#stream;
    stream.on("data", (chunk: Buffer) => receiver.data(chunk));
    stream.on("end", () => receiver.end());
    stream.on("drain", () => receiver.drain?.());
    stream.on("close", () => receiver.closed(stream.rstCode ?? resetCode.noError));
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  respond(headers: Readonly<Record<string, string>>, options: { end?: boolean } = {}): void {
    const stream = this.#stream;
    if (this.closed || stream.headersSent) return;
    if (options.end) {
      stream.respond(headers, { endStream: true });
      return;
    }
    stream.respond(headers, { waitForTrailers: true });
    stream.once("wantTrailers", () => {
      if (!this.closed) stream.sendTrailers(this.#trailers);
    });
  }

  write(chunk: Uint8Array): boolean {
    return this.closed || this.#stream.writableEnded ? true : this.#stream.write(chunk);
  }

  end(trailers: Readonly<Record<string, string>> = {}): void {
    this.#trailers = trailers;
    if (!this.closed) this.#stream.end();
  }

  reset(code: number): void {
    if (!this.closed) this.#stream.close(code);
  }
}

function ignore(): void {}
