import { assert } from "../base/index.ts";
import type { Connection } from "../platform/index.ts";
import type { BodyFailed, BodySource } from "./body-source.ts";
import { errorCode, framePayloadBytesMax } from "./frames.ts";
import type { OutgoingFields } from "./header-encoder.ts";
import { type Output, sharedPayloadBytesMin } from "./output.ts";
import type { HeaderFields, IncomingStream } from "./ports.ts";
import { ReceivingStream } from "./receiving-stream.ts";
import type { RequestHead } from "./request-head.ts";

/** What waits in a stream for its client; above it `write` answers false. */
const queuedBytesHigh = 65_536;

/** Sent before another stream gets its turn. */
const turnBytes = 65_536;

/** Part of a chunk that may well be answered by a WINDOW_UPDATE or two. */
const usefulBytesMin = 1024;

/** The connection, as its streams see it. */
export interface StreamHost {
  readonly connection: Connection;
  /** A client wants the answer after all is said; a server that has answered listens no more. */
  readonly hearsAfterEnd: boolean;
  readonly output: Output;
  /** What the peer lets us send on all streams together (RFC 9113, section 6.9.1). */
  sendWindow: number;
  /** Bytes that wait in the streams. */
  queuedBytes: number;
  sendHeaders(streamId: number, fields: OutgoingFields, endStream: boolean): void;
  /** The stream has something to send and no room. */
  waitForRoom(stream: Http2Stream): void;
  /** The receiver has taken so many bytes: the client may send as many more. */
  taken(stream: Http2Stream, bytes: number): void;
  /** DATA went out that is worth a WINDOW_UPDATE or PING in answer. */
  sentUseful(): void;
  /** Our side ended. */
  ended(stream: Http2Stream): void;
  resetStream(stream: Http2Stream, code: number): void;
}

/** Bytes that are there, or are made as they leave. */
type Body = Uint8Array | BodySource;

/**
 * One stream (RFC 9113, section 5.1): it comes into being with a request, so it is open or half-closed and at last closed. Both
 * windows and what waits for them are here; who may send next is the connection's decision. The same on a client's side, where `respond`
 * sends the request's fields.
 */
export class Http2Stream extends ReceivingStream implements IncomingStream {
  /** Bytes the client lets us send; negative after it made its initial window smaller (section 6.9.2). */
  sendWindow: number;
  readonly #host: StreamHost;
  #headersSent = false;
  /** Most streams never have anything in it. A source is the last. */
  #queue: Body[] = none;
  /** Of the first in the queue: so much has left. */
  #queueOffset = 0;
  #queuedBytes = 0;
  #ending = false;
  #trailers: OutgoingFields | undefined;
  #failed: BodyFailed | undefined;
  #needsDrain = false;
  #sentTold = false;

  constructor(host: StreamHost, id: number, head: RequestHead, receiveWindow: number, sendWindow: number) {
    super(id, head, receiveWindow);
    this.#host = host;
    this.sendWindow = sendWindow;
  }

  get method(): string {
    return this.head.method;
  }

  get path(): string {
    return this.head.path;
  }

  get authority(): string {
    return this.head.authority;
  }

  get headers(): HeaderFields {
    return this.head.headers;
  }

  get connection(): Connection {
    return this.#host.connection;
  }

  get headersSent(): boolean {
    return this.#headersSent;
  }

  get needsDrain(): boolean {
    return this.#needsDrain;
  }

  protected override get hearsNoMore(): boolean {
    return this.localEnded && !this.#host.hearsAfterEnd;
  }

  protected override taken(bytes: number): void {
    this.#host.taken(this, bytes);
  }

  respond(fields: OutgoingFields, options: { end?: boolean } = {}): void {
    if (this.closed || this.#headersSent) return;
    this.#host.sendHeaders(this.id, fields, options.end === true);
    this.#headersSent = true;
    if (options.end === true) {
      this.#ending = true;
      this.#endLocal();
    }
  }

  /** An interim answer such as 100 (RFC 9110, section 15.2). */
  inform(status: string): void {
    if (!this.closed && !this.#headersSent) this.#host.sendHeaders(this.id, { ":status": status }, false);
  }

  write(chunk: Uint8Array): boolean {
    return this.#write(chunk, false);
  }

  writeCopy(chunk: Uint8Array): boolean {
    // So much would be shared with the connection's output.
    return chunk.length < sharedPayloadBytesMin
      ? this.#write(chunk, true)
      : this.write(new Uint8Array(chunk));
  }

  #write(chunk: Uint8Array, lent: boolean): boolean {
    if (this.closed || this.#ending) return true;
    assert(this.#headersSent, "a body before its header");
    if (chunk.length > 0) this.#send(chunk, lent);
    if (this.#queuedBytes <= queuedBytesHigh && !this.#host.output.full) return true;
    this.#needsDrain = true;
    this.#host.waitForRoom(this);
    return false;
  }

  end(trailers?: OutgoingFields): void {
    this.endWith(undefined, trailers);
  }

  /** `chunk`: the last one. */
  endWith(chunk: Uint8Array | undefined, trailers?: OutgoingFields): void {
    if (this.closed || this.#ending) return;
    for (const _ in trailers) {
      this.#trailers = trailers;
      break;
    }
    this.#end(chunk);
  }

  /** The rest of the body is made as windows and output let it leave; the stream is broken off where that fails. */
  endWithSource(source: BodySource, failed: BodyFailed): void {
    if (this.closed || this.#ending) return;
    this.#failed = failed;
    this.#end(source);
  }

  #end(body: Body | undefined): void {
    assert(this.#headersSent, "an end before its header");
    this.#ending = true;
    if (body !== undefined && body.length > 0) this.#send(body, false);
    if (!this.localEnded && !this.closed && this.#queue.length === 0) this.#sendEnd();
  }

  reset(code: number): void {
    if (!this.closed) this.#host.resetStream(this, code);
  }

  /** There may be room. Sends what it can, a turn at most; true: there is more and still room for this stream. */
  sendQueued(): boolean {
    let turn = turnBytes;
    while (this.#queue.length > 0 && turn > 0) {
      const body = this.#queue[0] as Body;
      const start = this.#queueOffset;
      const stop = Math.min(body.length, start + turn);
      const sent = this.#sendPart(body, start, stop, this.#queue.length === 1);
      if (this.closed) return false;
      turn -= sent - start;
      this.#waits(heldBytes(body, sent) - heldBytes(body, start));
      this.#queueOffset = sent;
      if (sent < stop) break;
      if (sent === body.length) {
        this.#queue.shift();
        this.#queueOffset = 0;
      }
    }
    if (this.#queue.length > 0) return this.sendWindow > 0;
    if (this.localEnded) this.#host.ended(this);
    else if (this.#ending && !this.closed) this.#sendEnd();
    if (this.#needsDrain && !this.#host.output.full) {
      this.#needsDrain = false;
      if (!this.closed && !this.#ending) this.receiver?.drain?.();
    }
    return this.#needsDrain;
  }

  /** `lent`: what has to wait is copied. */
  #send(body: Body, lent: boolean): void {
    const sent = this.#queue.length > 0 ? 0 : this.#sendPart(body, 0, body.length, true);
    if (this.localEnded) this.#host.ended(this);
    if (sent === body.length || this.closed) return;
    if (this.#queue.length === 0) this.#queueOffset = sent;
    if (this.#queue === none) this.#queue = [];
    this.#queue.push(lent ? new Uint8Array(body as Uint8Array) : body);
    this.#waits(heldBytes(body, sent));
    this.#host.waitForRoom(this);
  }

  #waits(bytes: number): void {
    this.#queuedBytes += bytes;
    this.#host.queuedBytes += bytes;
  }

  /** Sends of `body` from `start`, up to `stop`, what windows and output let through; answers how far it came. */
  #sendPart(body: Body, start: number, stop: number, last: boolean): number {
    const host = this.#host;
    let at = start;
    while (at < stop && !host.output.full) {
      const length = Math.min(stop - at, framePayloadBytesMax, this.sendWindow, host.sendWindow);
      if (length <= 0) break;
      const end = last && this.#ending && this.#trailers === undefined && at + length === body.length;
      if (body instanceof Uint8Array) host.output.data(this.id, body, at, at + length, end);
      else if (!this.#make(body, length, end)) return at;
      this.sendWindow -= length;
      host.sendWindow -= length;
      at += length;
      if (end) this.localEnded = true;
    }
    // Not where the client lets it out drop by drop (CVE-2019-9511).
    if (at > start && (at === body.length || at - start >= usefulBytesMin)) host.sentUseful();
    return at;
  }

  /** Sends what comes next of a source. False: it failed, and with it the stream. */
  #make(source: BodySource, length: number, end: boolean): boolean {
    try {
      this.#host.output.made(this.id, source, length, end);
      return true;
    } catch (error) {
      this.reset(errorCode.internalError);
      this.#failed?.(error);
      return false;
    }
  }

  #sendEnd(): void {
    if (this.#trailers !== undefined) this.#host.sendHeaders(this.id, this.#trailers, true);
    else this.#host.output.data(this.id, noBytes, 0, 0, true);
    this.#endLocal();
  }

  #endLocal(): void {
    this.localEnded = true;
    this.#host.ended(this);
  }

  // The end.

  /** Something waits for room. */
  get wantsRoom(): boolean {
    return this.#queue.length > 0 || this.#needsDrain;
  }

  /** Drops what waits in either direction. */
  close(code: number): void {
    this.closeCode = code;
    this.#waits(-this.#queuedBytes);
    this.#queue = none;
    this.discard();
  }

  /** After a flush: what the receiver should know by now. */
  tell(): void {
    if (this.localEnded && !this.#sentTold) {
      this.#sentTold = true;
      this.receiver?.sent?.();
    }
    this.tellClosed();
  }
}

/** What is kept of a body that has left up to `offset`. */
function heldBytes(body: Body, offset: number): number {
  if (body instanceof Uint8Array) return body.length - offset;
  return offset < body.length ? body.heldBytes : 0;
}

const noBytes = new Uint8Array(0);

/** Stands for a list that nothing was added to; never to be added to itself. */
const none: Body[] = [];
