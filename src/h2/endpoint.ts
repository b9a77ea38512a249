import type { Duplex } from "node:stream";
import { NumberMap } from "../base/index.ts";
import type { Clock, Connection } from "../platform/index.ts";
import {
  ConnectionError,
  errorCode,
  frameType,
  initialWindowBytes,
  setting,
  violation,
  windowBytesMax,
} from "./frames.ts";
import type { HeaderEncoder, OutgoingFields } from "./header-encoder.ts";
import type { Http2Stream, StreamHost } from "./http2-stream.ts";
import { IncomingFrames } from "./incoming-frames.ts";
import type { EndpointLimits } from "./limits.ts";
import { Output } from "./output.ts";
import { ResetStreams } from "./reset-streams.ts";

export interface EndpointOptions {
  readonly limits: EndpointLimits;
  readonly clock: Clock;
  /** Shared by all connections of a server, or a client. */
  readonly encoder: HeaderEncoder;
}

/** Section 6.9.2: windows need not be given back byte by byte. */
const giveBackShare = 0.5;

/**
 * Milliseconds that the answer to a PING may wait for something to leave with. gRPC for Go measures each connection by a PING for whatever it
 * reads: with writes of their own these answers were half of all writes under puts.
 */
const pingAnswerMs = 2;

/** Streams whose windows are changed at the price of one idle frame. */
const streamsPerIdleFrame = 10;

/**
 * What both sides of an HTTP/2 connection have in common (RFC 9113; numbers of sections below are its): frames are read and checked, settings
 * and windows kept on both ways, streams that have something to send take turns, and nobody hears of anything within a call of their own.
 *
 *     byte stream ─▶ FrameReader ─▶ one method a frame type ─▶ Http2Stream ─▶ receiver
 *     byte stream ◀─ Output ◀─ frames ◀─ Http2Stream, whose turn it is ◀─ respond, write, end
 *
 * What a frame means to the one side alone is in `Http2Connection`, a server's, and `ClientConnection`. What the other side can make us keep or
 * do is bounded: header blocks and windows by limits, frames that ask for nothing and streams broken off by budgets.
 */
export abstract class Http2Endpoint<Stream extends Http2Stream> extends IncomingFrames implements StreamHost {
  abstract readonly hearsAfterEnd: boolean;
  readonly connection: Connection;
  readonly output: Output;
  sendWindow = initialWindowBytes;
  queuedBytes = 0;
  protected readonly socket: Duplex;
  protected readonly streams = new NumberMap<Stream>();
  protected readonly resetByUs = new ResetStreams();
  /** What a new stream may send at first: the other side's SETTINGS_INITIAL_WINDOW_SIZE. */
  protected initialSendWindow = initialWindowBytes;
  /** Of streams that the client opened, whichever side that is. */
  protected lastStreamId = 0;
  /** No new streams. */
  protected isClosing = false;
  readonly #options: EndpointOptions;
  /** Streams that have something to send and no room, in the order of their turns. */
  readonly #waiting = new Set<Stream>();
  /** Streams whose receivers are to be told something after the next flush. */
  #untold: Stream[] = [];
  #headersSent = false;
  /** A flush is due for its sake. */
  #pingAnswerDue = false;
  #receiveWindow: number;
  #takenBytes = 0;

  constructor(connection: Connection, options: EndpointOptions) {
    const { limits, clock } = options;
    super(limits, clock);
    this.connection = connection;
    this.socket = connection.stream;
    this.#options = options;
    this.output = new Output(connection, {
      flushed: () => this.#flushed(),
      drained: () => this.#sendWaiting(),
    });
    this.#receiveWindow = limits.connectionWindowBytes;
    this.socket.on("data", (chunk: Buffer) => this.read(chunk));
    this.socket.once("end", () => this.destroy());
    this.socket.once("close", () => this.disconnected());
  }

  destroy(): void {
    this.socket.destroy();
  }

  // What the two sides do in their own ways.

  /** DATA of a stream, or of none that is open; `flowBytes` with its padding. */
  protected abstract data(
    stream: Stream | undefined,
    id: number,
    chunk: Uint8Array,
    flowBytes: number,
    endStream: boolean,
  ): void;
  /** The other side has broken a stream off. */
  protected abstract brokenOff(stream: Stream | undefined, code: number): void;
  /** One that both sides do not take alike. @throws ConnectionError */
  protected abstract setting(id: number, value: number): void;
  protected abstract settingsCame(isFirst: boolean): void;
  protected abstract pingAnswered(bytes: Buffer, start: number, end: number): void;
  /** The other side broke a rule on a stream that is none any more. */
  protected abstract refuseLate(id: number, code: number): void;
  /** The other side does not read what it makes us write. */
  protected abstract unread(): void;
  /** All that was asked for is done. */
  protected abstract finish(): void;
  /** The byte stream has ended. */
  protected abstract disconnected(): void;

  // Called by streams.

  sendHeaders(streamId: number, fields: OutgoingFields, endStream: boolean): void {
    const block = this.#options.encoder.encode(fields, !this.#headersSent);
    this.#headersSent = true;
    this.output.headers(streamId, block, endStream);
  }

  waitForRoom(stream: Stream): void {
    this.#waiting.add(stream);
  }

  /** Section 6.9: the receiver has taken so much; the stream's window opens again, half of it at a time. */
  taken(stream: Stream, bytes: number): void {
    if (stream.remoteEnded || stream.closed) return;
    stream.takenBytes += bytes;
    if (stream.takenBytes < this.#options.limits.streamWindowBytes * giveBackShare) return;
    this.output.numbers(frameType.windowUpdate, stream.id, stream.takenBytes);
    stream.receiveWindow += stream.takenBytes;
    stream.takenBytes = 0;
  }

  sentUseful(): void {
    this.conduct.usefulFrame();
  }

  abstract ended(stream: Stream): void;

  resetStream(stream: Stream, code: number): void {
    this.reset(stream, code);
  }

  // What comes in.

  /** Section 3.4: what this side allows the other one. */
  protected announce(...settings: (readonly [number, number])[]): void {
    const { limits } = this.#options;
    this.output.settings([
      ...settings,
      [setting.initialWindowSize, limits.streamWindowBytes],
      [setting.headerListBytesMax, limits.headerBytesMax],
    ]);
    const more = limits.connectionWindowBytes - initialWindowBytes;
    if (more > 0) this.output.numbers(frameType.windowUpdate, 0, more);
  }

  protected override dataCame(id: number, chunk: Uint8Array, flowBytes: number, endStream: boolean): void {
    // Section 6.9.1: all of it counts, whatever becomes of the stream.
    this.#receiveWindow -= flowBytes;
    if (this.#receiveWindow < 0) {
      throw new ConnectionError(errorCode.flowControlError, "DATA beyond the connection's window");
    }
    this.data(this.streams.get(id), id, chunk, flowBytes, endStream);
  }

  protected override resetCame(id: number, code: number): void {
    if (this.isIdle(id)) throw violation("RST_STREAM on an idle stream");
    this.brokenOff(this.streams.get(id), code);
  }

  protected override settingCame(id: number, value: number): void {
    if (id === setting.initialWindowSize) this.#initialWindow(value);
    else this.setting(id, value);
  }

  /** Section 6.9.2: streams there are change by the difference, below zero if need be. */
  #initialWindow(bytes: number): void {
    const more = bytes - this.initialSendWindow;
    this.initialSendWindow = bytes;
    if (more === 0) return;
    this.conduct.idleFrame(this.streams.size / streamsPerIdleFrame);
    for (const stream of this.streams.values()) {
      stream.sendWindow += more;
      if (stream.sendWindow > windowBytesMax) throw beyondBound();
      if (stream.wantsRoom) this.#waiting.add(stream);
    }
  }

  protected override settingsDone(isFirst: boolean, bytes: Buffer, end: number): void {
    this.output.acknowledge(frameType.settings, { bytes, start: end, end }, { waits: false });
    this.#sendWaiting();
    this.settingsCame(isFirst);
  }

  protected override pingCame(isAnswer: boolean, bytes: Buffer, start: number, end: number): void {
    if (isAnswer) this.pingAnswered(bytes, start, end);
    else this.#answerPing(bytes, start, end);
  }

  /** Where something is under way the answer leaves with it, unless that takes long. */
  #answerPing(bytes: Buffer, start: number, end: number): void {
    const waits = this.streams.size > 0;
    this.output.acknowledge(frameType.ping, { bytes, start, end }, { waits });
    if (!waits || this.#pingAnswerDue) return;
    this.#pingAnswerDue = true;
    const flush = (): void => {
      this.#pingAnswerDue = false;
      if (!this.over) this.output.schedule();
    };
    this.#options.clock.after(pingAnswerMs, flush, { background: true });
  }

  protected override windowOpened(id: number, more: number): void {
    if (id === 0) {
      if (more === 0) throw violation("WINDOW_UPDATE of 0");
      this.sendWindow += more;
      if (this.sendWindow > windowBytesMax) throw beyondBound();
      this.#sendWaiting();
      return;
    }
    if (this.isIdle(id)) throw violation("WINDOW_UPDATE on an idle stream");
    const stream = this.streams.get(id);
    if (stream === undefined) {
      if (more === 0) this.refuseLate(id, errorCode.protocolError);
      return;
    }
    stream.sendWindow += more;
    if (more === 0) this.refuse(stream, errorCode.protocolError);
    else if (stream.sendWindow > windowBytesMax) this.refuse(stream, errorCode.flowControlError);
    else if (stream.wantsRoom) {
      this.#waiting.add(stream);
      this.#sendWaiting();
    }
  }

  // Streams that end.

  protected isIdle(id: number): boolean {
    return id > this.lastStreamId || (id & 1) === 0;
  }

  /** A frame for a stream that is not open (section 5.1): late where we broke it off, else against the rules. */
  protected checkClosed(id: number): void {
    if (this.isIdle(id)) throw violation("a frame on an idle stream");
    if (!this.resetByUs.has(id)) {
      throw new ConnectionError(errorCode.streamClosed, "a frame on a closed stream");
    }
  }

  /** The other side broke a rule on this stream (section 5.4.2). */
  protected refuse(stream: Stream, code: number): void {
    this.conduct.reset();
    this.reset(stream, code);
  }

  protected reset(stream: Stream, code: number): void {
    if (stream.closed) return;
    if (!stream.remoteEnded) this.resetByUs.add(stream.id);
    this.output.numbers(frameType.rstStream, stream.id, code);
    this.closeStream(stream, code);
  }

  /** Answers how many bytes its receiver has not taken. */
  protected closeStream(stream: Stream, code: number): number {
    if (stream.closed) return 0;
    const untaken = stream.discard();
    stream.close(code);
    this.streams.delete(stream.id);
    this.#waiting.delete(stream);
    this.tellSoon(stream);
    return untaken;
  }

  protected closeAll(code: number): void {
    for (const stream of this.streams.values()) this.closeStream(stream, code);
  }

  /** Receivers hear of the end after the flush: never within a call of their own. */
  protected tellSoon(stream: Stream): void {
    if (this.#untold.at(-1) !== stream) this.#untold.push(stream);
    this.output.schedule();
  }

  // What goes out.

  /** Gives the other side back what was taken of the connection's window, half a window at a time. */
  protected takenFromConnection(bytes: number): void {
    this.#takenBytes += bytes;
    if (this.#takenBytes < this.#options.limits.connectionWindowBytes * giveBackShare) return;
    this.output.numbers(frameType.windowUpdate, 0, this.#takenBytes);
    this.#receiveWindow += this.#takenBytes;
    this.#takenBytes = 0;
  }

  /** Streams take turns while there is room. */
  #sendWaiting(): void {
    for (const stream of this.#waiting) {
      if (this.output.full || this.over) return;
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
    if (this.output.controlBytes > this.#options.limits.controlBytesMax) this.unread();
    else if (this.isClosing && this.streams.size === 0) this.finish();
  }

  /** The last frames are written, and what still comes is dropped for a while: an early close could take them back. */
  protected end(lingerMs: number): void {
    this.over = true;
    const linger = this.#options.clock.after(lingerMs, () => this.destroy(), { background: true });
    this.socket.once("close", () => linger.cancel());
    this.output.end();
  }
}

function beyondBound(): ConnectionError {
  return new ConnectionError(errorCode.flowControlError, "a window beyond its bound");
}
