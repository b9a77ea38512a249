import { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { PassThrough } from "node:stream";
import type { UserInfo } from "../apimachinery/index.ts";
import type { Transport, TransportRequest, TransportResponse } from "../client/index.ts";
import { type BodySource, type TakesSource, wholeBody } from "../h2/index.ts";
import { inlineBody } from "./body.ts";
import type { EventQueue } from "./event-queue.ts";
import { inProcessUser } from "./layers/authenticate.ts";

type Callback = (request: IncomingMessage, response: ServerResponse) => void;

/**
 * The same onion without a socket: a request and a response that look like Node's as far as this server uses them. An answer that is
 * there as a whole is handed over as the very bytes that a socket would get; a stream goes chunk by chunk and holds its writer
 * back while the reader does not read.
 */
export function inProcessTransport(callback: Callback, user: UserInfo): Transport {
  return {
    request: (request) =>
      new Promise((resolve, reject) => {
        const { signal } = request;
        if (signal?.aborted) return reject(abortReason(signal));
        const response = new InProcessResponse(resolve, reject);
        if (signal !== undefined) {
          const abort = (): void => response.abort(abortReason(signal));
          signal.addEventListener("abort", abort, { once: true });
          response.once("close", () => signal.removeEventListener("abort", abort));
        }
        callback(incoming(request, user), response as unknown as ServerResponse);
      }),
  };
}

const abortReason = (signal: AbortSignal): Error =>
  signal.reason instanceof Error ? signal.reason : new Error("the request was given up");

const noBody = Buffer.alloc(0);

/** On a request of this process whose sender takes the events of a watch as objects. */
export const takesEvents: unique symbol = Symbol("takesEvents");

function incoming(
  { method, path, headers, body, takesEvents: asObjects = false }: TransportRequest,
  user: UserInfo,
): IncomingMessage {
  const lowerCase: Record<string, string> = { host: "in-process" };
  for (const name of Object.keys(headers)) lowerCase[name.toLowerCase()] = headers[name] as string;
  const bytes =
    body === undefined ? noBody : typeof body === "string" ? Buffer.from(body) : Buffer.from(body);
  const request = {
    method,
    url: path,
    headers: lowerCase,
    get rawHeaders() {
      return Object.entries(lowerCase).flat();
    },
    httpVersionMajor: 2,
    socket: { encrypted: true, remoteAddress: "in-process" },
    [inlineBody]: bytes,
    [inProcessUser]: user,
    [takesEvents]: asObjects,
  };
  return request as unknown as IncomingMessage;
}

type HeaderValue = string | number | readonly string[];

/** The part of http.ServerResponse that the server and koa use, and a way around bytes. */
export class InProcessResponse extends EventEmitter implements TakesSource {
  statusCode = 200;
  headersSent = false;
  finished = false;
  destroyed = false;
  readonly socket = null;
  readonly #resolve: (response: TransportResponse) => void;
  readonly #reject: (error: Error) => void;
  #headers: Record<string, string> = {};
  #stream: PassThrough | undefined;
  #events: EventQueue | undefined;

  constructor(resolve: (response: TransportResponse) => void, reject: (error: Error) => void) {
    super();
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get writableEnded(): boolean {
    return this.finished;
  }

  get writableNeedDrain(): boolean {
    return this.#stream?.writableNeedDrain ?? false;
  }

  setHeader(name: string, value: HeaderValue): this {
    this.#headers[name.toLowerCase()] = headerText(value);
    return this;
  }

  getHeader(name: string): string | undefined {
    return this.#headers[name.toLowerCase()];
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined;
  }

  removeHeader(name: string): void {
    delete this.#headers[name.toLowerCase()];
  }

  getHeaderNames(): string[] {
    return Object.keys(this.#headers);
  }

  writeHead(status: number, headers: Readonly<Record<string, HeaderValue>> = {}): this {
    this.statusCode = status;
    for (const name of Object.keys(headers)) this.setHeader(name, headers[name] as HeaderValue);
    this.headersSent = true;
    return this;
  }

  flushHeaders(): void {
    this.#open();
  }

  write(chunk: Uint8Array): boolean {
    if (this.finished) return false;
    return this.#open().write(chunk);
  }

  /** Answers a watch with its events, to those who take them. */
  openEvents(events: EventQueue): void {
    this.#events = events;
    this.statusCode = 200;
    this.#answer(oneChunk(undefined), events);
  }

  end(chunk?: Uint8Array | string): this {
    if (this.finished) return this;
    this.finished = true;
    if (this.#stream !== undefined) this.#stream.end(chunk);
    else if (this.#events === undefined) this.#answer(oneChunk(chunk));
    this.emit("finish");
    if (this.#stream === undefined) this.#close();
    return this;
  }

  /** Who reads in this process takes it as a whole. */
  endWith(source: BodySource): void {
    this.end(wholeBody(source));
  }

  destroy(error?: Error): this {
    this.abort(error ?? new Error("the server broke the answer off"));
    return this;
  }

  /** The reader went away, or the writer cannot go on. */
  abort(error: Error): void {
    if (this.destroyed) return;
    this.finished = true;
    this.#reject(error);
    this.#stream?.destroy(error);
    this.#events?.end(error);
    this.#close();
  }

  #open(): PassThrough {
    if (this.#stream === undefined) {
      this.headersSent = true;
      const stream = new PassThrough();
      stream.on("drain", () => this.emit("drain"));
      stream.on("close", () => this.#close());
      // A reader that stops reading ends the stream; what is still written is nobody's.
      stream.on("error", () => {});
      this.#stream = stream;
      this.#answer(stream);
    }
    return this.#stream;
  }

  #answer(body: AsyncIterable<Uint8Array>, events?: EventQueue): void {
    this.headersSent = true;
    const { statusCode: status } = this;
    this.#resolve({ status, headers: this.#headers, body, ...(events === undefined ? {} : { events }) });
  }

  #close(): void {
    if (this.destroyed) return;
    this.destroyed = true;
    this.finished = true;
    this.emit("close");
  }
}

const headerText = (value: HeaderValue): string =>
  typeof value === "object" ? value.join(", ") : String(value);

/** One chunk, without the machinery of a stream. */
function oneChunk(chunk: Uint8Array | string | undefined): AsyncIterable<Uint8Array> {
  const bytes = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  let read = bytes === undefined || bytes.length === 0;
  const iterator: AsyncIterator<Uint8Array> = {
    async next() {
      if (read) return { done: true, value: undefined };
      read = true;
      return { done: false, value: bytes as Uint8Array };
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
