import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Connection } from "../platform/index.ts";

/** Header fields: lower-case names, several values of one name joined by ", ". Has no prototype. */
export type HeaderFields = Readonly<Record<string, string>>;

/** HTTP/2 error codes (RFC 9113, section 7) that layers above use. */
export const resetCode = {
  noError: 0,
  internalError: 2,
  refusedStream: 7,
  cancel: 8,
  enhanceYourCalm: 11,
} as const;

/** Gets what the other side of a stream sends. */
export interface StreamReceiver {
  /** A chunk of the body, at most a frame or some; the receiver may keep it. */
  data(chunk: Uint8Array): void;
  /** The other side has finished; it still listens. */
  ended(): void;
  /** There is room again after `write` answered false. */
  drain?(): void;
  /** The last call, always: the stream is gone. `resetCode.noError` after both sides finished. */
  closed(code: number): void;
}

/** One request of a client, as a stream in both directions. Methods called after it closed do nothing. */
export interface IncomingStream {
  readonly method: string;
  /** With the query. */
  readonly path: string;
  readonly authority: string;
  readonly headers: HeaderFields;
  /** Who asks. */
  readonly connection: Connection;
  readonly closed: boolean;
  /** Begins to deliver. Nothing is read, and the client's window stays shut, before. */
  receive(receiver: StreamReceiver): void;
  /** Stops delivering; the client may send until its window is full. */
  pause(): void;
  resume(): void;
  /** Sends the header fields, `:status` among them; frozen ones are encoded once. `end`: they are all there is. */
  respond(headers: Readonly<Record<string, string>>, options?: { end?: boolean }): void;
  /** False when the chunk was taken but the client does not keep up: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  /** The same, and the chunk's memory is the caller's again. */
  writeCopy(chunk: Uint8Array): boolean;
  /** Ends our side, with trailers when given. */
  end(trailers?: Readonly<Record<string, string>>): void;
  /** Breaks the stream off. */
  reset(code: number): void;
}

/** Gets what a server answers on one stream. */
export interface AnswerReceiver extends StreamReceiver {
  /** The answer's fields, before any `data`; interim answers (1xx) are not told. */
  headers(status: number, fields: HeaderFields): void;
}

/** One request to a server, as a stream in both directions. Methods called after it closed do nothing. */
export interface OutgoingStream {
  readonly closed: boolean;
  /** What came behind the body; complete when `ended` is called. */
  readonly trailers: HeaderFields | undefined;
  /** Set when `closed` is called: the server has said that it did nothing about this request, so that it may be made again. */
  readonly unprocessed: boolean;
  /** Stops delivering; the server may send until its window is full. */
  pause(): void;
  resume(): void;
  /** False when the chunk was taken but the server does not keep up: wait for `drain`. */
  write(chunk: Uint8Array): boolean;
  /** Ends our side. */
  end(): void;
  /** `write` and `end` in one frame. */
  endWith(chunk: Uint8Array): void;
  /** Breaks the stream off. */
  reset(code: number): void;
}

/** A connection to a server that speaks HTTP/2. */
export interface HttpClient {
  /** Resolves with the server's first SETTINGS; rejects when the connection ends before. */
  readonly ready: Promise<void>;
  /** Resolves, with the reason, when the connection is gone; all its streams are closed then. */
  readonly gone: Promise<Error>;
  /** Another stream may be opened now. False for good after the server's GOAWAY, `close` or the connection's end. */
  readonly hasRoom: boolean;
  /** Takes no more streams, now or ever. */
  readonly closing: boolean;
  /**
   * Sends the fields of a request, frozen ones encoded once; its body follows. Only while `hasRoom`.
   * The receiver is never called within a call of its own.
   */
  open(fields: Readonly<Record<string, string>>, receiver: AnswerReceiver): OutgoingStream;
  /** Opens no more streams, and ends when those there are have ended. */
  close(): void;
  destroy(): void;
}

/** Node's classic request and response, whatever carries them; koa's callback takes them. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** Takes the connection from under a request that asks for another protocol: the answer is then written to the socket itself. */
export type TakeConnection = () => { readonly socket: Duplex; readonly head: Buffer };

export interface HttpHandlers {
  /** Asked first for every stream of HTTP/2; false leaves it to `onRequest`. */
  onStream?(stream: IncomingStream): boolean;
  /** HTTP/1.1, and HTTP/2 that `onStream` does not want. */
  onRequest: RequestHandler;
  /**
   * Of HTTP/1.1, requests that ask for WebSocket or SPDY/3.1. `response` answers them as any other, and ends the connection; `take`
   * hands the connection over instead. Left out: they are requests like others.
   */
  onUpgrade?(request: IncomingMessage, response: ServerResponse, take: TakeConnection): void;
}

export interface HttpServer {
  /** Connections being served. */
  readonly connections: number;
  /** Serves a connection until it ends: HTTP/2 where ALPN or, on cleartext, the first bytes say so, else HTTP/1.1. */
  serve(connection: Connection): void;
  /**
   * Takes no more requests (GOAWAY, Connection: close), lets those under way finish for at most `graceMs` milliseconds, then
   * destroys what is left. Resolves when every connection is gone.
   */
  close(options: { graceMs: number }): Promise<void>;
}
