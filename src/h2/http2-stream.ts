import { assert } from "../base/index.ts";
import type { Connection } from "../platform/index.ts";
import { errorCode, framePayloadBytesMax } from "./frames.ts";
import type { OutgoingFields } from "./header-encoder.ts";
import { type Output, sharedPayloadBytesMin } from "./output.ts";
import type { HeaderFields, IncomingStream, StreamReceiver } from "./ports.ts";
import type { RequestHead } from "./request-head.ts";

/** What waits in a stream for its client; above it `write` answers false. */
const queuedBytesHigh = 65_536;

/** Sent before another stream gets its turn. */
const turnBytes = 65_536;

/** Part of a chunk that may well be answered by a WINDOW_UPDATE or two. */
const usefulBytesMin = 1024;

/** Chunks kept while the receiver pauses, before they are made one: small ones would take more than their bytes. */
const waitingChunksMax = 256;

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

/** A receiver that also wants to know when our whole answer has been handed over. */
export interface AnsweringReceiver extends StreamReceiver {
  sent?(): void;
}

/**
 * One stream (RFC 9113, section 5.1): it comes into being with a request, so it is open or half-closed and at last closed. Both
 * windows and what waits for them are here; who may send next is the connection's decision. The same on a client's side, where `respond`
 * sends the request's fields.
 */
export class Http2Stream implements IncomingStream {
  readonly id: number;
  readonly head: RequestHead;
  /** Bytes the other side may still send (section 6.9). */
  receiveWindow: number;
  /** Bytes taken of it that no WINDOW_UPDATE has given back yet. */
  takenBytes = 0;
  /** Bytes the client lets us send; negative after it made its initial window smaller (section 6.9.2). */
  sendWindow: number;
  /** END_STREAM has come, or gone. */
  remoteEnded = false;
  localEnded = false;
  /** Set once it is closed. */
  closeCode: number | undefined;
  readonly #host: StreamHost;
  #receiver: AnsweringReceiver | undefined;
  #bodyBytes = 0;
  #paused = false;
  /** Most streams never have anything in it, nor in the queue. */
  #waiting: Uint8Array[] = none;
  #smallChunks = 0;
  #endDelivered = false;
  #deliveryScheduled = false;
  #headersSent = false;
  #queue: Uint8Array[] = none;
  #queueOffset = 0;
  #queuedBytes = 0;
  #ending = false;
  #trailers: OutgoingFields | undefined;
  #needsDrain = false;
  #sentTold = false;
  #closedTold = false;

  constructor(host: StreamHost, id: number, head: RequestHead, receiveWindow: number, sendWindow: number) {
    this.#host = host;
    this.id = id;
    this.head = head;
    this.receiveWindow = receiveWindow;
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

  get closed(): boolean {
    return this.closeCode !== undefined;
  }

  get headersSent(): boolean {
    return this.#headersSent;
  }

  get needsDrain(): boolean {
    return this.#needsDrain;
  }

  // Receiving.

  receive(receiver: AnsweringReceiver): void {
    this.#receiver = receiver;
    if (this.#waiting.length > 0 || this.remoteEnded) this.#deliverSoon();
    if (this.#closedTold) queueMicrotask(() => receiver.closed(this.closeCode ?? errorCode.noError));
  }

  pause(): void {
    this.#paused = true;
  }

  resume(): void {
    if (!this.#paused || this.closed) return;
    this.#paused = false;
    this.#deliverSoon();
  }

  /** Bytes of DATA from the client. False: more than, or at the end less than, its content-length (section 8.1.1). */
  takeData(chunk: Uint8Array, end: boolean): boolean {
    const { contentLength } = this.head;
    this.#bodyBytes += chunk.length;
    if (contentLength !== undefined) {
      if (this.#bodyBytes > contentLength || (end && this.#bodyBytes < contentLength)) return false;
    }
    if (end) this.remoteEnded = true;
    if (this.localEnded && !this.#host.hearsAfterEnd) {
      // Nobody listens any more, but the connection's window must not shut.
      this.#host.taken(this, chunk.length);
      return true;
    }
    if (chunk.length > 0) this.#offer(chunk);
    if (end && !this.closed) this.#offerEnd();
    return true;
  }

  /** The client's side ends without DATA: with its HEADERS, or with trailers. */
  takeEnd(): boolean {
    const { contentLength } = this.head;
    if (contentLength !== undefined && contentLength !== this.#bodyBytes) return false;
    this.remoteEnded = true;
    this.#offerEnd();
    return true;
  }

  #offer(chunk: Uint8Array): void {
    if (this.#receiver !== undefined && !this.#paused && this.#waiting.length === 0) {
      this.#receiver.data(chunk);
      this.#host.taken(this, chunk.length);
      return;
    }
    if (this.#waiting === none) this.#waiting = [];
    this.#waiting.push(chunk);
    if (++this.#smallChunks < waitingChunksMax) return;
    this.#waiting.push(Buffer.concat(this.#waiting.splice(-waitingChunksMax)));
    this.#smallChunks = 0;
  }

  #offerEnd(): void {
    if (this.#endDelivered || this.#receiver === undefined || this.#paused || this.#waiting.length > 0)
      return;
    this.#endDelivered = true;
    this.#receiver.ended();
  }

  /** Never from within a call of the receiver's own. */
  #deliverSoon(): void {
    if (this.#deliveryScheduled) return;
    this.#deliveryScheduled = true;
    queueMicrotask(() => {
      this.#deliveryScheduled = false;
      this.#deliver();
    });
  }

  #deliver(): void {
    if (this.#receiver === undefined) return;
    while (this.#waiting.length > 0 && !this.#paused) {
      const chunk = this.#waiting.shift() as Uint8Array;
      this.#smallChunks = Math.min(this.#smallChunks, this.#waiting.length);
      this.#receiver.data(chunk);
      this.#host.taken(this, chunk.length);
    }
    if (!this.remoteEnded || this.closed) return;
    if (!this.localEnded || this.#host.hearsAfterEnd) this.#offerEnd();
  }

  // Sending.

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
    assert(this.#headersSent, "an end before its header");
    this.#ending = true;
    for (const _ in trailers) {
      this.#trailers = trailers;
      break;
    }
    if (chunk !== undefined && chunk.length > 0) this.#send(chunk, false);
    if (!this.localEnded && this.#queue.length === 0) this.#sendEnd();
  }

  reset(code: number): void {
    if (!this.closed) this.#host.resetStream(this, code);
  }

  /** There may be room. Sends what it can, a turn at most; true: there is more and still room for this stream. */
  sendQueued(): boolean {
    let turn = turnBytes;
    while (this.#queue.length > 0 && turn > 0 && !this.closed) {
      const chunk = this.#queue[0] as Uint8Array;
      const stop = Math.min(chunk.length, this.#queueOffset + turn);
      const sent = this.#sendPart(chunk, this.#queueOffset, stop, this.#queue.length === 1);
      turn -= sent - this.#queueOffset;
      this.#host.queuedBytes -= sent - this.#queueOffset;
      this.#queuedBytes -= sent - this.#queueOffset;
      this.#queueOffset = sent;
      if (sent < stop) break;
      if (sent === chunk.length) {
        this.#queue.shift();
        this.#queueOffset = 0;
      }
    }
    if (this.#queue.length > 0) return this.sendWindow > 0;
    if (this.localEnded) this.#host.ended(this);
    else if (this.#ending && !this.closed) this.#sendEnd();
    if (this.#needsDrain && !this.#host.output.full) {
      this.#needsDrain = false;
      if (!this.closed && !this.#ending) this.#receiver?.drain?.();
    }
    return this.#needsDrain;
  }

  /** `lent`: what has to wait is copied. */
  #send(chunk: Uint8Array, lent: boolean): void {
    const sent = this.#queue.length > 0 ? 0 : this.#sendPart(chunk, 0, chunk.length, true);
    if (this.localEnded) this.#host.ended(this);
    if (sent === chunk.length) return;
    if (this.#queue.length === 0) this.#queueOffset = sent;
    if (this.#queue === none) this.#queue = [];
    this.#queue.push(lent ? new Uint8Array(chunk) : chunk);
    this.#queuedBytes += chunk.length - sent;
    this.#host.queuedBytes += chunk.length - sent;
    this.#host.waitForRoom(this);
  }

  /** Sends of `chunk` from `start`, up to `stop`, what windows and output let through; answers how far it came. */
  #sendPart(chunk: Uint8Array, start: number, stop: number, lastChunk: boolean): number {
    const host = this.#host;
    let at = start;
    while (at < stop && !host.output.full) {
      const length = Math.min(stop - at, framePayloadBytesMax, this.sendWindow, host.sendWindow);
      if (length <= 0) break;
      this.sendWindow -= length;
      host.sendWindow -= length;
      const end = lastChunk && this.#ending && this.#trailers === undefined && at + length === chunk.length;
      host.output.data(this.id, chunk, at, at + length, end);
      at += length;
      if (end) this.localEnded = true;
    }
    // Not where the client lets it out drop by drop (CVE-2019-9511).
    if (at > start && (at === chunk.length || at - start >= usefulBytesMin)) host.sentUseful();
    return at;
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
    this.#host.queuedBytes -= this.#queuedBytes;
    this.#queuedBytes = 0;
    this.#queue = none;
    this.#waiting = none;
  }

  /** Drops what has come and was not taken; answers how many bytes that was. */
  discard(): number {
    let bytes = 0;
    for (const chunk of this.#waiting) bytes += chunk.length;
    this.#waiting = none;
    return bytes;
  }

  /** After a flush: what the receiver should know by now. */
  tell(): void {
    if (this.localEnded && !this.#sentTold) {
      this.#sentTold = true;
      this.#receiver?.sent?.();
    }
    if (this.closeCode === undefined || this.#closedTold) return;
    this.#closedTold = true;
    this.#receiver?.closed(this.closeCode);
  }
}

const noBytes = new Uint8Array(0);

/** Stands for a list that nothing was added to; never to be added to itself. */
const none: Uint8Array[] = [];
