import type { Duplex } from "node:stream";
import { assert, NumberMap } from "../base/index.ts";
import type { Clock, Connection, Timer } from "../platform/index.ts";
import { ClientStream } from "./client-stream.ts";
import { Conduct } from "./conduct.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  ConnectionError,
  errorCode,
  frameFlag,
  framePayloadBytesMax,
  frameType,
  initialWindowBytes,
  setting,
  streamIdMax,
  violation,
  windowBytesMax,
} from "./frames.ts";
import { type HeaderBlock, HeaderBlocks } from "./header-blocks.ts";
import type { HeaderEncoder, OutgoingFields } from "./header-encoder.ts";
import type { StreamHost } from "./http2-stream.ts";
import type { ClientLimits } from "./limits.ts";
import { Output } from "./output.ts";
import type { AnswerReceiver, HttpClient, OutgoingStream } from "./ports.ts";
import { preface } from "./preface.ts";
import { ResetStreams } from "./reset-streams.ts";
import { responseHead, trailerFields } from "./response-head.ts";

export interface ClientOptions {
  readonly limits: ClientLimits;
  readonly clock: Clock;
  /** Shared by all connections of a client. */
  readonly encoder: HeaderEncoder;
  /** There is room for another stream, or never will be again: `hasRoom` says which. */
  readonly onRoom: () => void;
}

const keepAlivePing = Buffer.from("alive?!\n", "latin1");

/** What is given back of a window at once (section 6.9.2). */
const giveBackShare = 0.5;

/**
 * The client's side of one HTTP/2 connection (RFC 9113; numbers of sections below are its), with the parts of the server's side:
 *
 *     open, write, end ─▶ ClientStream, whose turn it is ─▶ frames ─▶ Output ─▶ byte stream
 *     receiver ◀─ ClientStream ◀─ one method a frame type ◀─ FrameReader ◀─ byte stream
 *
 * A server is trusted no more than a client: what it can make us keep is bounded by windows (each stream has its own, so a receiver
 * that pauses holds up nobody else), by header limits and budgets. A server that breaks the rules gets a GOAWAY and is left. One that is
 * silent while streams are open is pinged; without an answer the connection is given up.
 */
export class ClientConnection implements HttpClient, StreamHost {
  readonly connection: Connection;
  readonly hearsAfterEnd = true;
  readonly output: Output;
  readonly ready: Promise<void>;
  readonly gone: Promise<Error>;
  sendWindow = initialWindowBytes;
  queuedBytes = 0;
  readonly #stream: Duplex;
  readonly #options: ClientOptions;
  readonly #reader: FrameReader;
  readonly #blocks: HeaderBlocks;
  readonly #streams = new NumberMap<ClientStream>();
  readonly #resetByUs = new ResetStreams();
  readonly #conduct: Conduct;
  /** Streams that have something to send and no room, in the order of their turns. */
  readonly #waiting = new Set<ClientStream>();
  /** Streams whose receivers are to be told after the next flush. */
  #untold: ClientStream[] = [];
  readonly #onReady = Promise.withResolvers<void>();
  readonly #onGone = Promise.withResolvers<Error>();
  /** The server's SETTINGS must come, or its answer to a ping. */
  #patience: Timer | undefined;
  #keepAlive: Timer | undefined;
  #heard = true;
  #settingsSeen = false;
  #headersSent = false;
  #initialSendWindow = initialWindowBytes;
  #streamsMax: number;
  #receiveWindow: number;
  #takenBytes = 0;
  #lastStreamId = -1;
  #closing = false;
  #over = false;
  #reason: Error | undefined;

  constructor(connection: Connection, options: ClientOptions) {
    const { limits, clock } = options;
    this.connection = connection;
    this.#options = options;
    this.#stream = connection.stream;
    this.#streamsMax = limits.streamsMax;
    this.#receiveWindow = limits.connectionWindowBytes;
    this.ready = this.#onReady.promise;
    this.gone = this.#onGone.promise;
    // Whoever does not wait for it hears of the end.
    this.ready.catch(() => {});
    this.output = new Output(connection.stream, {
      flushed: () => this.#flushed(),
      drained: () => this.#sendWaiting(),
    });
    this.#reader = new FrameReader((...frame) => this.#frame(...frame));
    this.#blocks = new HeaderBlocks(limits);
    this.#conduct = new Conduct(limits, clock);
    this.#stream.write(preface);
    this.output.settings([
      [setting.enablePush, 0],
      [setting.initialWindowSize, limits.streamWindowBytes],
      [setting.headerListBytesMax, limits.headerBytesMax],
    ]);
    this.output.numbers(frameType.windowUpdate, 0, limits.connectionWindowBytes - initialWindowBytes);
    this.#patience = clock.after(limits.settingsMs, () => this.#giveUp("no SETTINGS"), { background: true });
    this.#stream.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#stream.on("error", (error: Error) => {
      this.#reason ??= error;
    });
    this.#stream.once("end", () => this.destroy());
    this.#stream.once("close", () => this.#gone());
  }

  get closing(): boolean {
    return this.#closing || this.#over;
  }

  get hasRoom(): boolean {
    return (
      !this.closing &&
      this.#settingsSeen &&
      this.#streams.size < this.#streamsMax &&
      this.queuedBytes <= this.#options.limits.queuedBytesMax
    );
  }

  open(fields: Readonly<Record<string, string>>, receiver: AnswerReceiver): OutgoingStream {
    assert(this.hasRoom, "a stream was opened where there is no room");
    this.#lastStreamId += 2;
    const stream = new ClientStream(this, this.#lastStreamId, receiver, {
      receive: this.#options.limits.streamWindowBytes,
      send: this.#initialSendWindow,
    });
    this.#streams.set(stream.id, stream);
    stream.receive({
      data: (chunk) => receiver.data(chunk),
      ended: () => {
        receiver.ended();
        // A server that has said all need not hear the rest (section 8.1).
        if (stream.localEnded) this.#closeStream(stream, errorCode.noError);
        else this.#reset(stream, errorCode.noError);
      },
      drain: () => receiver.drain?.(),
      closed: (code) => receiver.closed(code),
    });
    this.#conduct.usefulFrame();
    stream.respond(fields);
    // Section 5.1.1: identifiers are used up after a billion requests; the next ones need another connection.
    if (this.#lastStreamId >= streamIdMax - 2) this.#closing = true;
    this.#keepAlive ??= this.#watchOver();
    return stream;
  }

  close(): void {
    if (this.closing) return;
    this.#closing = true;
    if (this.#streams.size === 0) this.#finish();
  }

  destroy(): void {
    this.#stream.destroy();
  }

  // Called by streams.

  sendHeaders(streamId: number, fields: OutgoingFields, endStream: boolean): void {
    const block = this.#options.encoder.encode(fields, !this.#headersSent);
    this.#headersSent = true;
    this.output.headers(streamId, block, endStream);
  }

  waitForRoom(stream: ClientStream): void {
    this.#waiting.add(stream);
  }

  /** Section 6.9: the receiver has taken so much; the stream's window opens again, half of it at a time. */
  taken(stream: ClientStream, bytes: number): void {
    const { streamWindowBytes } = this.#options.limits;
    if (stream.remoteEnded || stream.closed) return;
    stream.takenBytes += bytes;
    if (stream.takenBytes < streamWindowBytes * giveBackShare) return;
    this.output.numbers(frameType.windowUpdate, stream.id, stream.takenBytes);
    stream.receiveWindow += stream.takenBytes;
    stream.takenBytes = 0;
  }

  sentUseful(): void {
    this.#conduct.usefulFrame();
  }

  /** Our side ended; the answer is what we wait for. */
  ended(): void {}

  resetStream(stream: ClientStream, code: number): void {
    this.#reset(stream, code);
  }

  // What comes in.

  #read(chunk: Buffer): void {
    if (this.#over) return;
    this.#heard = true;
    try {
      this.#reader.push(chunk);
    } catch (thrown) {
      if (!(thrown instanceof ConnectionError)) throw thrown;
      this.#fail(thrown);
    }
  }

  #frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): boolean {
    // Section 6.10: nothing comes between the frames of a header block.
    const { openStreamId } = this.#blocks;
    if (openStreamId !== 0 && (type !== frameType.continuation || id !== openStreamId)) {
      throw violation("a header block was interrupted");
    }
    if (!this.#settingsSeen && (type !== frameType.settings || (flags & frameFlag.ack) !== 0)) {
      throw violation("the first frame must be SETTINGS");
    }
    switch (type) {
      case frameType.data:
        this.#data(flags, id, bytes, start, end);
        break;
      case frameType.headers:
        this.#fields(this.#blocks.begin(flags, id, bytes, start, end));
        break;
      case frameType.rstStream:
        this.#rstStream(id, bytes, start, end);
        break;
      case frameType.settings:
        this.#settings(flags, id, bytes, start, end);
        break;
      case frameType.pushPromise:
        // Section 6.6: we have said that we take none.
        throw violation("PUSH_PROMISE");
      case frameType.ping:
        this.#ping(flags, id, bytes, start, end);
        break;
      case frameType.goAway:
        this.#goAway(id, bytes, start, end);
        break;
      case frameType.windowUpdate:
        this.#windowUpdate(id, bytes, start, end);
        break;
      case frameType.continuation:
        this.#conduct.idleFrame();
        this.#fields(this.#blocks.goOn(flags, bytes, start, end));
        break;
      default:
        // Sections 4.1 and 5.3.2: unknown types, and priorities, are ignored.
        this.#conduct.idleFrame();
    }
    return !this.#over;
  }

  /** Section 6.1. */
  #data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const flowBytes = end - start;
    let [from, to] = [start, end];
    if ((flags & frameFlag.padded) !== 0) {
      from++;
      to -= start < end ? (bytes[start] as number) : 0;
      if (from > to) throw violation("more padding than DATA");
    }
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) {
      throw new ConnectionError(errorCode.flowControlError, "DATA beyond the connection's window");
    }
    // The streams' windows bound what we keep; this one only what is on its way.
    this.#takenFromConnection(flowBytes);
    const endStream = (flags & frameFlag.endStream) !== 0;
    if (from < to) this.#conduct.usefulFrame();
    else if (!endStream) this.#conduct.idleFrame();
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#checkClosed(id);
      return;
    }
    stream.receiveWindow -= flowBytes;
    if (stream.remoteEnded || !stream.answered) {
      this.#refuse(stream, stream.remoteEnded ? errorCode.streamClosed : errorCode.protocolError);
    } else if (stream.receiveWindow < 0) {
      this.#refuse(stream, errorCode.flowControlError);
    } else {
      if (to - from < flowBytes) this.taken(stream, flowBytes - (to - from));
      stream.takeData(bytes.subarray(from, to), endStream);
    }
  }

  /** A header block is complete, or not yet: an interim answer, the answer, or trailers (section 8.1). */
  #fields(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const { streamId, endStream, list } = block;
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#checkClosed(streamId);
      return;
    }
    if (stream.remoteEnded || list.tooLarge || block.selfDependent) {
      this.#refuse(stream, stream.remoteEnded ? errorCode.streamClosed : errorCode.protocolError);
      return;
    }
    if (stream.answered) {
      stream.trailers = trailerFields(list);
      if (!endStream || stream.trailers === undefined) this.#refuse(stream, errorCode.protocolError);
      else stream.takeEnd();
      return;
    }
    const head = responseHead(list);
    const interim = head !== undefined && head.status < 200;
    if (head === undefined || (interim && endStream)) {
      this.#refuse(stream, errorCode.protocolError);
      return;
    }
    if (interim) {
      this.#conduct.idleFrame();
      return;
    }
    stream.answered = true;
    stream.answer.headers(head.status, head.headers);
    if (endStream && !stream.closed) stream.takeEnd();
  }

  /** Section 6.4. */
  #rstStream(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(errorCode.frameSizeError, "RST_STREAM of another size");
    if (this.#isIdle(id)) throw violation("RST_STREAM on an idle stream");
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#conduct.idleFrame();
      return;
    }
    this.#conduct.reset();
    // Its answer is whole, and may still wait for its receiver: only our own side is of no interest any more.
    if (stream.remoteEnded) return;
    const code = bytes.readUInt32BE(start);
    // Section 8.7.
    stream.unprocessed = code === errorCode.refusedStream;
    this.#closeStream(stream, code);
  }

  /** Section 6.5. */
  #settings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw violation("SETTINGS on a stream");
    const length = end - start;
    if ((flags & frameFlag.ack) !== 0) {
      if (length !== 0) throw new ConnectionError(errorCode.frameSizeError, "SETTINGS ACK with a payload");
      this.#conduct.idleFrame();
      return;
    }
    if (length % 6 !== 0) throw new ConnectionError(errorCode.frameSizeError, "SETTINGS of another size");
    this.#conduct.idleFrame(1 + length / 6);
    for (let at = start; at < end; at += 6) this.#setting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    this.output.acknowledge(frameType.settings, bytes, end, end);
    this.#sendWaiting();
    if (!this.#settingsSeen) {
      this.#settingsSeen = true;
      this.#patience?.cancel();
      this.#onReady.resolve();
    }
    this.#options.onRoom();
  }

  /** Section 6.5.2. */
  #setting(id: number, value: number): void {
    if (id === setting.enablePush && value !== 0) throw violation("SETTINGS_ENABLE_PUSH of a server");
    if (id === setting.framePayloadBytesMax && (value < framePayloadBytesMax || value >= 1 << 24)) {
      throw violation("SETTINGS_MAX_FRAME_SIZE");
    }
    if (id === setting.concurrentStreamsMax) {
      this.#streamsMax = Math.min(value, this.#options.limits.streamsMax);
    }
    if (id !== setting.initialWindowSize) return;
    if (value > windowBytesMax) {
      throw new ConnectionError(errorCode.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE");
    }
    // Section 6.9.2: streams there are change by the difference, below zero if need be.
    const more = value - this.#initialSendWindow;
    this.#initialSendWindow = value;
    for (const stream of this.#streams.values()) {
      stream.sendWindow += more;
      if (stream.sendWindow > windowBytesMax) {
        throw new ConnectionError(errorCode.flowControlError, "a window beyond its bound");
      }
      if (stream.wantsRoom) this.#waiting.add(stream);
    }
  }

  /** Section 6.7. */
  #ping(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw violation("PING on a stream");
    if (end - start !== 8) throw new ConnectionError(errorCode.frameSizeError, "PING of another size");
    this.#conduct.idleFrame();
    if ((flags & frameFlag.ack) === 0) this.output.acknowledge(frameType.ping, bytes, start, end);
  }

  /** Section 6.8: what is above the last stream was not looked at, and may be asked again elsewhere. */
  #goAway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw violation("GOAWAY on a stream");
    if (end - start < 8) throw new ConnectionError(errorCode.frameSizeError, "GOAWAY of another size");
    this.#conduct.idleFrame();
    this.#closing = true;
    const last = bytes.readUInt32BE(start) & streamIdMax;
    const code = bytes.readUInt32BE(start + 4);
    this.#reason ??= new Error(`the server ended the connection (GOAWAY, code ${code})`);
    for (const stream of this.#streams.values()) {
      if (stream.id <= last || stream.remoteEnded) continue;
      stream.unprocessed = true;
      this.#closeStream(stream, errorCode.refusedStream);
    }
    this.output.schedule();
  }

  /** Section 6.9. */
  #windowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4)
      throw new ConnectionError(errorCode.frameSizeError, "WINDOW_UPDATE of another size");
    const more = bytes.readUInt32BE(start) & windowBytesMax;
    this.#conduct.idleFrame();
    if (id === 0) {
      if (more === 0) throw violation("WINDOW_UPDATE of 0");
      this.sendWindow += more;
      if (this.sendWindow > windowBytesMax) {
        throw new ConnectionError(errorCode.flowControlError, "a window beyond its bound");
      }
      this.#sendWaiting();
      return;
    }
    if (this.#isIdle(id)) throw violation("WINDOW_UPDATE on an idle stream");
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    stream.sendWindow += more;
    if (more === 0 || stream.sendWindow > windowBytesMax) {
      this.#refuse(stream, more === 0 ? errorCode.protocolError : errorCode.flowControlError);
    } else if (stream.wantsRoom) {
      this.#waiting.add(stream);
      this.#sendWaiting();
    }
  }

  // Streams that end.

  #isIdle(id: number): boolean {
    return id > this.#lastStreamId || (id & 1) === 0;
  }

  /** A frame for a stream that is not open (section 5.1): late where we broke it off, else against the rules. */
  #checkClosed(id: number): void {
    if (this.#isIdle(id)) throw violation("a frame on an idle stream");
    if (!this.#resetByUs.has(id)) {
      throw new ConnectionError(errorCode.streamClosed, "a frame on a closed stream");
    }
  }

  /** The server broke a rule on this stream (section 5.4.2). */
  #refuse(stream: ClientStream, code: number): void {
    this.#conduct.reset();
    this.#reset(stream, code);
  }

  #reset(stream: ClientStream, code: number): void {
    if (stream.closed) return;
    if (!stream.remoteEnded) this.#resetByUs.add(stream.id);
    this.output.numbers(frameType.rstStream, stream.id, code);
    this.#closeStream(stream, code);
  }

  #closeStream(stream: ClientStream, code: number): void {
    if (stream.closed) return;
    const wasFull = !this.hasRoom;
    stream.discard();
    stream.close(code);
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
    this.#untold.push(stream);
    this.output.schedule();
    if (wasFull && this.hasRoom) this.#options.onRoom();
  }

  // What goes out.

  #takenFromConnection(bytes: number): void {
    this.#takenBytes += bytes;
    if (this.#takenBytes < this.#options.limits.connectionWindowBytes * giveBackShare) return;
    this.output.numbers(frameType.windowUpdate, 0, this.#takenBytes);
    this.#receiveWindow += this.#takenBytes;
    this.#takenBytes = 0;
  }

  /** Streams take turns while there is room. */
  #sendWaiting(): void {
    for (const stream of this.#waiting) {
      if (this.output.full || this.#over) return;
      this.#waiting.delete(stream);
      if (!stream.sendQueued()) continue;
      this.#waiting.add(stream);
      if (this.sendWindow <= 0) return;
    }
  }

  #flushed(): void {
    const untold = this.#untold;
    if (untold.length > 0) {
      this.#untold = [];
      for (const stream of untold) stream.tell();
    }
    if (this.#waiting.size > 0) this.#sendWaiting();
    if (this.output.controlBytes > this.#options.limits.controlBytesMax) this.#giveUp("it does not read");
    else if (this.#closing && this.#streams.size === 0) this.#finish();
  }

  // The connection's life.

  /** Asks after silence whether the server is there, while anybody waits for it. */
  #watchOver(): Timer {
    const { clock, limits } = this.#options;
    return clock.after(
      limits.keepAliveMs,
      () => {
        this.#keepAlive = undefined;
        if (this.#over || this.#streams.size === 0) return;
        this.#keepAlive = this.#watchOver();
        if (this.#heard) {
          this.#heard = false;
          return;
        }
        this.output.ping(keepAlivePing);
        this.#patience?.cancel();
        this.#patience = clock.after(
          limits.keepAliveTimeoutMs,
          () => {
            if (!this.#heard) this.#giveUp("it does not answer a ping");
          },
          { background: true },
        );
      },
      { background: true },
    );
  }

  #giveUp(why: string): void {
    this.#reason ??= new Error(`the connection to ${this.connection.remoteAddress} was given up: ${why}`);
    this.destroy();
  }

  /** Section 5.4.1. */
  #fail(error: ConnectionError): void {
    if (this.#over) return;
    this.#reason ??= new Error(`the server broke HTTP/2's rules: ${error.message}`);
    this.output.numbers(frameType.goAway, 0, 0, error.code);
    this.#finish();
    this.#closeAll();
    this.#options.onRoom();
  }

  #closeAll(): void {
    for (const stream of this.#streams.values()) this.#closeStream(stream, errorCode.cancel);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.output.end();
    const { clock, limits } = this.#options;
    const linger = clock.after(limits.keepAliveTimeoutMs, () => this.destroy(), { background: true });
    this.#stream.once("close", () => linger.cancel());
  }

  #gone(): void {
    this.#over = true;
    this.#patience?.cancel();
    this.#keepAlive?.cancel();
    const reason = this.#reason ?? new Error(`the connection to ${this.connection.remoteAddress} was closed`);
    this.#closeAll();
    this.#onReady.reject(reason);
    this.#onGone.resolve(reason);
    this.#options.onRoom();
  }
}
