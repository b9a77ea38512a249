import { EventEmitter } from "node:events";
import type { BodyFailed, BodySource, TakesSource } from "./body-source.ts";
import type { ClassicRequest } from "./classic-request.ts";
import { errorCode } from "./frames.ts";
import type { HttpDate } from "./http-date.ts";
import type { Http2Stream } from "./http2-stream.ts";

type HeaderValue = number | string | readonly string[];
type Chunk = Uint8Array | string;
type Callback = (error?: Error | null) => void;

/** Fields of HTTP/1 that say nothing here (RFC 9113, section 8.2.2). */
const connectionNames: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** Stands for fields that nothing was added to; never to be added to itself. */
const none: Record<string, string | readonly string[]> = Object.freeze(Object.create(null));

/** Answers without a body (RFC 9110, sections 9.3.2, 15.3.5 and 15.4.5). */
const hasNoBody = (method: string, status: number): boolean =>
  method === "HEAD" || status === 204 || status === 304;

/**
 * The part of http.ServerResponse that handlers use, koa among them. Nothing is kept here: what is written goes to the stream at once,
 * and a body that is given as a whole leaves with its header.
 */
export class ClassicResponse extends EventEmitter implements TakesSource {
  statusCode = 200;
  statusMessage = "";
  sendDate = true;
  headersSent = false;
  /** `end` was called. */
  writableEnded = false;
  /** Everything has been handed over to the connection. */
  writableFinished = false;
  readonly req: ClassicRequest;
  /** As with node:http once an answer is over: nobody should look for a socket below a stream. */
  readonly socket = null;
  readonly #stream: Http2Stream;
  readonly #date: HttpDate;
  #headers: Record<string, string | readonly string[]> = none;
  #noBody = false;

  constructor(stream: Http2Stream, request: ClassicRequest, date: HttpDate) {
    super();
    this.#stream = stream;
    this.#date = date;
    this.req = request;
  }

  get finished(): boolean {
    return this.writableEnded;
  }

  get destroyed(): boolean {
    return this.#stream.closed;
  }

  get closed(): boolean {
    return this.#stream.closed;
  }

  get writable(): boolean {
    return !this.writableEnded && !this.destroyed;
  }

  get writableNeedDrain(): boolean {
    return this.#stream.needsDrain;
  }

  setHeader(name: string, value: HeaderValue): this {
    if (this.headersSent) throw alreadySent("set");
    const key = name.toLowerCase();
    if (connectionNames.has(key)) return this;
    if (this.#headers === none) this.#headers = Object.create(null);
    this.#headers[key] = textOf(value);
    return this;
  }

  appendHeader(name: string, value: string | readonly string[]): this {
    const before = this.getHeader(name);
    return this.setHeader(name, before === undefined ? value : [before, value].flat());
  }

  getHeader(name: string): string | readonly string[] | undefined {
    return this.#headers[name.toLowerCase()];
  }

  getHeaders(): Record<string, string | readonly string[]> {
    return Object.assign(Object.create(null), this.#headers);
  }

  getHeaderNames(): string[] {
    return Object.keys(this.#headers);
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined;
  }

  removeHeader(name: string): void {
    if (this.headersSent) throw alreadySent("remove");
    delete this.#headers[name.toLowerCase()];
  }

  /** As of node:http, fields given here are sent and not kept. */
  writeHead(
    status: number,
    message?: string | Readonly<Record<string, HeaderValue>>,
    fields?: Readonly<Record<string, HeaderValue>>,
  ): this {
    if (this.headersSent) throw alreadySent("write");
    this.statusCode = status;
    this.#sendHeaders(false, typeof message === "object" ? message : fields);
    return this;
  }

  flushHeaders(): void {
    if (!this.headersSent) this.#sendHeaders(false);
  }

  writeContinue(): void {
    this.#stream.inform("100");
  }

  /** False: wait for 'drain'. */
  write(chunk: Chunk, encoding?: BufferEncoding | Callback, callback?: Callback): boolean {
    const done = typeof encoding === "function" ? encoding : callback;
    if (this.writableEnded) {
      const error = Object.assign(new Error("write after end"), { code: "ERR_STREAM_WRITE_AFTER_END" });
      if (done) queueMicrotask(() => done(error));
      else this.emit("error", error);
      return false;
    }
    this.flushHeaders();
    const room = this.#noBody || this.#stream.write(bytesOf(chunk, encoding));
    if (done) queueMicrotask(done);
    return room;
  }

  end(chunk?: Chunk | Callback | null, encoding?: BufferEncoding | Callback, callback?: Callback): this {
    const done = [chunk, encoding, callback].find((one) => typeof one === "function");
    if (done) this.once("finish", done as Callback);
    if (this.writableEnded) return this;
    const last =
      chunk === undefined || chunk === null || typeof chunk === "function"
        ? undefined
        : bytesOf(chunk, encoding);
    if (this.#endHeaders(last?.length ?? 0)) this.#stream.endWith(this.#noBody ? undefined : last);
    return this;
  }

  endWith(source: BodySource, failed: BodyFailed): void {
    if (this.writableEnded || !this.#endHeaders(source.length)) return;
    if (this.#noBody) this.#stream.end();
    else this.#stream.endWithSource(source, failed);
  }

  /** Nothing but `bytes` of the body will follow. False where the header said that it is all there is. */
  #endHeaders(bytes: number): boolean {
    this.writableEnded = true;
    if (this.headersSent) return true;
    const isAll = bytes === 0 || hasNoBody(this.req.method, this.statusCode);
    this.#sendHeaders(isAll);
    return !isAll;
  }

  /** Breaks the answer off. */
  destroy(_error?: Error): this {
    this.#stream.reset(errorCode.internalError);
    return this;
  }

  setTimeout(): this {
    return this;
  }

  cork(): void {}

  uncork(): void {}

  #sendHeaders(end: boolean, more?: Readonly<Record<string, HeaderValue>>): void {
    const fields: Record<string, string | readonly string[]> = { ":status": String(this.statusCode) };
    const headers = this.#headers;
    for (const name in headers) fields[name] = headers[name] as string | readonly string[];
    for (const name in more) {
      const key = name.toLowerCase();
      if (!connectionNames.has(key)) fields[key] = textOf(more[name] as HeaderValue);
    }
    if (this.sendDate && fields["date"] === undefined) fields["date"] = this.#date.text;
    this.#stream.respond(fields, { end });
    this.headersSent = true;
    this.#noBody = hasNoBody(this.req.method, this.statusCode);
  }

  /** The stream's side: all of it is on its way. */
  sent(): void {
    this.writableEnded = true;
    this.writableFinished = true;
    this.emit("finish");
  }

  /** The stream's side: it is gone. */
  closedByStream(): void {
    this.emit("close");
  }
}

const textOf = (value: HeaderValue): string | readonly string[] =>
  typeof value === "string" ? value : typeof value === "number" ? String(value) : value.map(String);

function bytesOf(chunk: Chunk, encoding: BufferEncoding | Callback | undefined): Uint8Array {
  if (typeof chunk !== "string") return chunk;
  return Buffer.from(chunk, typeof encoding === "string" ? encoding : "utf8");
}

function alreadySent(verb: string): Error {
  const error = new Error(`Cannot ${verb} headers after they are sent to the client`);
  return Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}
