import type { Duplex } from "node:stream";
import { NumberMap } from "../base/index.ts";
import type { Clock, Connection, Timer } from "../platform/index.ts";
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
import type { FieldList } from "./header-decoder.ts";
import type { HeaderEncoder, OutgoingFields } from "./header-encoder.ts";
import { Http2Stream, type StreamHost } from "./http2-stream.ts";
import type { ServerLimits } from "./limits.ts";
import { Output } from "./output.ts";
import { preface } from "./preface.ts";
import { requestHead, validTrailers } from "./request-head.ts";
import { ResetStreams } from "./reset-streams.ts";
import type { ServedConnection } from "./served-connection.ts";

export interface Http2Options {
  readonly limits: ServerLimits;
  readonly clock: Clock;
  /** Shared by all connections of a server. */
  readonly encoder: HeaderEncoder;
  /** Told of every request that is well-formed and may come in. */
  readonly onStream: (stream: Http2Stream) => void;
}

/** The ping whose answer says that the client has seen our first GOAWAY. */
const shutdownPing = Buffer.from("shutdown", "latin1");

/** Section 6.9.2: the client's windows need not be given back byte by byte. */
const giveBackShare = 0.5;

/** A CONTINUATION frame from this size on is no attempt to make much of little (CVE-2024-27316). */
const continuationBytesMin = 1024;

/**
 * The server's side of one HTTP/2 connection (RFC 9113; numbers of sections below are its).
 *
 *     byte stream ─▶ FrameReader ─▶ one method a frame type ─▶ Http2Stream ─▶ receiver
 *     byte stream ◀─ Output ◀─ frames ◀─ Http2Stream, whose turn it is ◀─ respond, write, end
 *
 * Everything a client can make us keep or do is bounded: streams, windows and header blocks by limits, answers that it does not read
 * by `queuedBytes…`, frames that ask for nothing and streams broken off by budgets. A client that exceeds a budget is told
 * ENHANCE_YOUR_CALM and disconnected. Priorities are taken and ignored (section 5.3.2).
 */
export class Http2Connection implements ServedConnection, StreamHost {
  readonly connection: Connection;
  readonly hearsAfterEnd = false;
  readonly output: Output;
  sendWindow = initialWindowBytes;
  queuedBytes = 0;
  readonly #stream: Duplex;
  readonly #options: Http2Options;
  readonly #reader: FrameReader;
  readonly #blocks: HeaderBlocks;
  readonly #streams = new NumberMap<Http2Stream>();
  readonly #resetByUs = new ResetStreams();
  readonly #conduct: Conduct;
  /** Streams that have something to send and no room, in the order of their turns. */
  readonly #waiting = new Set<Http2Stream>();
  /** Streams whose receivers are to be told something after the next flush. */
  #untold: Http2Stream[] = [];
  #firstSettings: Timer;
  #prefaceBytes = 0;
  #settingsSeen = false;
  #headersSent = false;
  /** What a new stream may send at first: the client's SETTINGS_INITIAL_WINDOW_SIZE. */
  #initialSendWindow = initialWindowBytes;
  #receiveWindow: number;
  #takenBytes = 0;
  #lastStreamId = 0;
  /** Streams above this one are not served any more. */
  #acceptedStreamIdMax = streamIdMax;
  #closing = false;
  #over = false;

  constructor(connection: Connection, options: Http2Options) {
    const { limits, clock } = options;
    this.connection = connection;
    this.#options = options;
    this.#stream = connection.stream;
    this.output = new Output(connection.stream, {
      flushed: () => this.#flushed(),
      drained: () => this.#sendWaiting(),
    });
    this.#reader = new FrameReader((...frame) => this.#frame(...frame));
    this.#blocks = new HeaderBlocks(limits);
    this.#conduct = new Conduct(limits, clock);
    this.#receiveWindow = limits.connectionWindowBytes;
    this.#firstSettings = clock.after(limits.firstRequestMs, () => this.destroy(), { background: true });
    // Section 3.4: the server's preface.
    this.output.settings([
      [setting.concurrentStreamsMax, limits.streamsMax],
      [setting.initialWindowSize, limits.streamWindowBytes],
      [setting.headerListBytesMax, limits.headerBytesMax],
    ]);
    const more = limits.connectionWindowBytes - initialWindowBytes;
    if (more > 0) this.output.numbers(frameType.windowUpdate, 0, more);
    this.#stream.on("data", (chunk: Buffer) => this.#read(chunk));
    this.#stream.once("end", () => this.destroy());
    this.#stream.once("close", () => this.#gone());
  }

  /**
   * Section 6.8: first says that there will be no more streams, and only when the client has heard it which was the last, so that
   * none that is on its way gets lost.
   */
  close(): void {
    if (this.#closing || this.#over) return;
    this.#closing = true;
    if (this.#streams.size === 0) {
      this.#acceptNoMore();
    } else {
      this.output.numbers(frameType.goAway, 0, streamIdMax, errorCode.noError);
      this.output.ping(shutdownPing);
    }
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

  waitForRoom(stream: Http2Stream): void {
    this.#waiting.add(stream);
    if (this.queuedBytes > this.#options.limits.queuedBytesEnough) {
      this.#fail(new ConnectionError(errorCode.enhanceYourCalm, "too many bytes wait to be read"));
    }
  }

  taken(stream: Http2Stream, bytes: number): void {
    this.#takenFromConnection(bytes);
    const { streamWindowBytes } = this.#options.limits;
    if (stream.remoteEnded || stream.closed) return;
    if (stream.localEnded) {
      // Section 8.1: our answer is complete, and a window's worth has been dropped; the client should stop.
      if (stream.receiveWindow < streamWindowBytes * giveBackShare) this.#reset(stream, errorCode.noError);
      return;
    }
    stream.takenBytes += bytes;
    if (stream.takenBytes < streamWindowBytes * giveBackShare) return;
    this.output.numbers(frameType.windowUpdate, stream.id, stream.takenBytes);
    stream.receiveWindow += stream.takenBytes;
    stream.takenBytes = 0;
  }

  sentUseful(): void {
    this.#conduct.usefulFrame();
  }

  ended(stream: Http2Stream): void {
    this.#takenFromConnection(stream.discard());
    this.#tellSoon(stream);
    if (stream.remoteEnded) this.#closeStream(stream, errorCode.noError);
  }

  resetStream(stream: Http2Stream, code: number): void {
    this.#reset(stream, code);
  }

  // What comes in.

  #read(chunk: Buffer): void {
    if (this.#over) return;
    try {
      const rest = this.#prefaceBytes < preface.length ? this.#skipPreface(chunk) : chunk;
      if (rest.length > 0) this.#reader.push(rest);
    } catch (thrown) {
      if (!(thrown instanceof ConnectionError)) throw thrown;
      this.#fail(thrown);
    }
  }

  /** Section 3.4. */
  #skipPreface(chunk: Buffer): Buffer {
    const seen = this.#prefaceBytes;
    const length = Math.min(preface.length - seen, chunk.length);
    if (chunk.compare(preface, seen, seen + length, 0, length) !== 0) throw violation("not the preface");
    this.#prefaceBytes += length;
    return chunk.subarray(length);
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
      case frameType.priority:
        this.#priority(id, bytes, start, end);
        break;
      case frameType.rstStream:
        this.#rstStream(id, bytes, start, end);
        break;
      case frameType.settings:
        this.#settings(flags, id, bytes, start, end);
        break;
      case frameType.pushPromise:
        throw violation("a client cannot push");
      case frameType.ping:
        this.#ping(flags, id, bytes, start, end);
        break;
      case frameType.goAway:
        this.#goAway(id, start, end);
        break;
      case frameType.windowUpdate:
        this.#windowUpdate(id, bytes, start, end);
        break;
      case frameType.continuation:
        if (end - start < continuationBytesMin) this.#conduct.idleFrame();
        this.#fields(this.#blocks.goOn(flags, bytes, start, end));
        break;
      default:
        // Section 4.1: unknown types are ignored.
        this.#conduct.idleFrame();
    }
    return !this.#over;
  }

  /** Section 6.1. */
  #data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw violation("DATA on stream 0");
    const flowBytes = end - start;
    let [from, to] = [start, end];
    if ((flags & frameFlag.padded) !== 0) {
      from++;
      to -= start < end ? (bytes[start] as number) : 0;
      if (from > to) throw violation("more padding than DATA");
    }
    // Section 6.9.1: all of it counts, whatever becomes of the stream.
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) {
      throw new ConnectionError(errorCode.flowControlError, "DATA beyond the connection's window");
    }
    const endStream = (flags & frameFlag.endStream) !== 0;
    if (from === to && !endStream) this.#conduct.idleFrame();
    const stream = this.#streams.get(id);
    if (stream === undefined) {
      this.#checkClosed(id);
      this.#takenFromConnection(flowBytes);
      return;
    }
    stream.receiveWindow -= flowBytes;
    if (stream.remoteEnded || stream.receiveWindow < 0) {
      this.#takenFromConnection(flowBytes);
      this.#refuse(stream, stream.remoteEnded ? errorCode.streamClosed : errorCode.flowControlError);
      return;
    }
    if (to - from < flowBytes) this.taken(stream, flowBytes - (to - from));
    if (!stream.takeData(bytes.subarray(from, to), endStream)) {
      this.#takenFromConnection(to - from);
      this.#refuse(stream, errorCode.protocolError);
    } else if (endStream && stream.localEnded && !stream.closed) {
      this.#closeStream(stream, errorCode.noError);
    }
  }

  /** A header block is complete, or not yet: a request, or trailers (section 8.1). */
  #fields(block: HeaderBlock | undefined): void {
    if (block === undefined) return;
    const { streamId: id, endStream, list } = block;
    const stream = this.#streams.get(id);
    if (stream !== undefined) {
      this.#trailers(stream, endStream, list);
      return;
    }
    if (id <= this.#lastStreamId) {
      // Section 5.1.1: a stream also closes all below it that were never used.
      this.#checkClosed(id);
      return;
    }
    if (id > this.#acceptedStreamIdMax) return;
    this.#lastStreamId = id;
    if (block.selfDependent) this.#refuseNew(id, errorCode.protocolError);
    else this.#request(id, endStream, list);
  }

  #request(id: number, endStream: boolean, list: FieldList): void {
    const { limits, onStream } = this.#options;
    // Section 5.1.2; what is refused may be tried again.
    if (this.#streams.size >= limits.streamsMax || this.queuedBytes > limits.queuedBytesMax) {
      this.#refuseNew(id, errorCode.refusedStream);
      return;
    }
    const head = requestHead(list.tooLarge ? tooLarge : list);
    if (head === undefined || (endStream && head.contentLength !== undefined && head.contentLength > 0)) {
      // Section 8.1.1.
      this.#refuseNew(id, errorCode.protocolError);
      return;
    }
    if (head.method === "CONNECT") {
      this.#refuseNew(id, errorCode.refusedStream);
      return;
    }
    const stream = new Http2Stream(this, id, head, limits.streamWindowBytes, this.#initialSendWindow);
    this.#streams.set(id, stream);
    this.#conduct.usefulFrame();
    if (list.tooLarge) {
      // RFC 6585, section 5.
      stream.remoteEnded = endStream;
      stream.respond({ ":status": "431" }, { end: true });
      return;
    }
    onStream(stream);
    if (endStream && !stream.closed) this.#remoteEnd(stream);
  }

  #trailers(stream: Http2Stream, endStream: boolean, list: FieldList): void {
    if (stream.remoteEnded) this.#refuse(stream, errorCode.streamClosed);
    // Section 8.1: only the last block may follow DATA.
    else if (!endStream || list.tooLarge || !validTrailers(list))
      this.#refuse(stream, errorCode.protocolError);
    else this.#remoteEnd(stream);
  }

  #remoteEnd(stream: Http2Stream): void {
    if (!stream.takeEnd()) this.#refuse(stream, errorCode.protocolError);
    else if (stream.localEnded && !stream.closed) this.#closeStream(stream, errorCode.noError);
  }

  /** Section 6.3; RFC 7540, section 5.3.1. */
  #priority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw violation("PRIORITY on stream 0");
    this.#conduct.idleFrame();
    if (end - start !== 5) this.#refuseAny(id, errorCode.frameSizeError);
    else if ((bytes.readUInt32BE(start) & streamIdMax) === id) this.#refuseAny(id, errorCode.protocolError);
  }

  /** Section 6.4. */
  #rstStream(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(errorCode.frameSizeError, "RST_STREAM of another size");
    if (this.#isIdle(id)) throw violation("RST_STREAM on an idle stream");
    const stream = this.#streams.get(id);
    if (stream === undefined || stream.localEnded) this.#conduct.idleFrame();
    else this.#conduct.reset();
    if (stream !== undefined) this.#closeStream(stream, bytes.readUInt32BE(start));
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
    if (this.#settingsSeen) this.#conduct.idleFrame(1 + length / 6);
    this.#settingsSeen = true;
    this.#firstSettings.cancel();
    for (let at = start; at < end; at += 6) this.#setting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    this.output.acknowledge(frameType.settings, bytes, end, end);
    this.#sendWaiting();
  }

  /** Section 6.5.2. Our encoder has no table, and lists of ours are short: the other two do not concern us. */
  #setting(id: number, value: number): void {
    if (id === setting.enablePush && value > 1) throw violation("SETTINGS_ENABLE_PUSH");
    if (id === setting.framePayloadBytesMax && (value < framePayloadBytesMax || value >= 1 << 24)) {
      throw violation("SETTINGS_MAX_FRAME_SIZE");
    }
    if (id !== setting.initialWindowSize) return;
    if (value > windowBytesMax) {
      throw new ConnectionError(errorCode.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE");
    }
    // Section 6.9.2: streams there are change by the difference, below zero if need be.
    const more = value - this.#initialSendWindow;
    this.#initialSendWindow = value;
    if (more === 0) return;
    this.#conduct.idleFrame(this.#streams.size / streamsPerIdleFrame);
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
    else if (this.#closing && shutdownPing.compare(bytes, start, end) === 0) this.#acceptNoMore();
  }

  /** Section 6.8: the client wants nothing new of us, and what it has asked for is still answered. */
  #goAway(id: number, start: number, end: number): void {
    if (id !== 0) throw violation("GOAWAY on a stream");
    if (end - start < 8) throw new ConnectionError(errorCode.frameSizeError, "GOAWAY of another size");
    this.#conduct.idleFrame();
    this.#closing = true;
    this.#acceptNoMore();
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
    if (stream === undefined) {
      if (more === 0) this.#refuseAny(id, errorCode.protocolError);
      return;
    }
    stream.sendWindow += more;
    if (more === 0) {
      this.#refuse(stream, errorCode.protocolError);
    } else if (stream.sendWindow > windowBytesMax) {
      this.#refuse(stream, errorCode.flowControlError);
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
    if (id > this.#acceptedStreamIdMax && (id & 1) === 1) return;
    if (this.#isIdle(id)) throw violation("a frame on an idle stream");
    if (!this.#resetByUs.has(id)) {
      throw new ConnectionError(errorCode.streamClosed, "a frame on a closed stream");
    }
  }

  /** The client broke a rule on this stream (section 5.4.2). */
  #refuse(stream: Http2Stream, code: number): void {
    this.#conduct.reset();
    this.#reset(stream, code);
  }

  /** The same where there is no stream yet, or none any more. */
  #refuseNew(id: number, code: number): void {
    this.#conduct.reset();
    this.#resetByUs.add(id);
    this.output.numbers(frameType.rstStream, id, code);
  }

  #refuseAny(id: number, code: number): void {
    const stream = this.#streams.get(id);
    // Section 6.4: idle streams cannot be reset.
    if (stream === undefined && this.#isIdle(id))
      throw new ConnectionError(code, "an error on an idle stream");
    if (stream !== undefined) this.#refuse(stream, code);
    else this.#refuseNew(id, code);
  }

  #reset(stream: Http2Stream, code: number): void {
    if (stream.closed) return;
    if (!stream.remoteEnded) this.#resetByUs.add(stream.id);
    this.output.numbers(frameType.rstStream, stream.id, code);
    this.#closeStream(stream, code);
  }

  #closeStream(stream: Http2Stream, code: number): void {
    if (stream.closed) return;
    const untaken = stream.discard();
    stream.close(code);
    this.#streams.delete(stream.id);
    this.#waiting.delete(stream);
    this.#takenFromConnection(untaken);
    this.#tellSoon(stream);
  }

  /** Receivers hear of the end after the flush: never within a call of their own. */
  #tellSoon(stream: Http2Stream): void {
    if (this.#untold.at(-1) !== stream) this.#untold.push(stream);
    this.output.schedule();
  }

  // What goes out.

  /** Gives the client back what was taken of the connection's window, half a window at a time. */
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
    if (this.output.controlBytes > this.#options.limits.controlBytesMax) this.destroy();
    else if (this.#closing && this.#streams.size === 0) this.#finish();
  }

  // The connection's end.

  /** What the client opens from now on it may try again elsewhere. */
  #acceptNoMore(): void {
    if (this.#acceptedStreamIdMax < streamIdMax || this.#over) return;
    this.#acceptedStreamIdMax = this.#lastStreamId;
    this.output.numbers(frameType.goAway, 0, this.#lastStreamId, errorCode.noError);
  }

  /** Section 5.4.1. */
  #fail(error: ConnectionError): void {
    if (this.#over) return;
    this.#acceptedStreamIdMax = this.#lastStreamId;
    this.output.numbers(frameType.goAway, 0, this.#lastStreamId, error.code);
    this.#finish();
    this.#closeAll(error.code);
  }

  /** The last frames are written, and what still comes is dropped for a while: an early close could take them back. */
  #finish(): void {
    if (this.#over) return;
    this.#acceptNoMore();
    this.#over = true;
    const { clock, limits } = this.#options;
    const linger = clock.after(limits.lingerMs, () => this.destroy(), { background: true });
    this.#stream.once("close", () => linger.cancel());
    this.output.end();
  }

  #gone(): void {
    this.#over = true;
    this.#firstSettings.cancel();
    this.#closeAll(errorCode.cancel);
  }

  #closeAll(code: number): void {
    for (const stream of this.#streams.values()) this.#closeStream(stream, code);
  }
}

/** Streams whose windows are changed at the price of one idle frame. */
const streamsPerIdleFrame = 10;

/** Stands for a request whose fields were not kept. */
const tooLarge: FieldList = {
  fields: [":method", "GET", ":scheme", "http", ":path", "/"],
  tooLarge: true,
};
