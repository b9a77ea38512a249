import type { Clock, Connection, Timer } from "../platform/index.ts";
import { Http2Endpoint } from "./endpoint.ts";
import { ConnectionError, errorCode, frameType, setting, streamIdMax, violation } from "./frames.ts";
import type { HeaderBlock } from "./header-blocks.ts";
import type { FieldList } from "./header-decoder.ts";
import type { HeaderEncoder } from "./header-encoder.ts";
import { Http2Stream } from "./http2-stream.ts";
import type { ServerLimits } from "./limits.ts";
import { preface } from "./preface.ts";
import { RequestHeads, validTrailers } from "./request-head.ts";
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

/** A client whose stream has so little of its window left sends although it has its answer. */
const answeredShare = 0.5;

/**
 * The server's side of one HTTP/2 connection: requests come in, and what a client can make us keep or do is bounded, besides by what
 * `Http2Endpoint` sees to, by the number of streams, and answers that it does not read by `queuedBytes…`. A client that exceeds a budget is
 * told ENHANCE_YOUR_CALM and disconnected. Priorities are taken and ignored (section 5.3.2).
 */
export class Http2Connection extends Http2Endpoint<Http2Stream> implements ServedConnection {
  readonly hearsAfterEnd = false;
  readonly #options: Http2Options;
  readonly #firstSettings: Timer;
  readonly #heads = new RequestHeads();
  #prefaceBytes = 0;
  /** Streams above this one are not served any more. */
  #acceptedStreamIdMax = streamIdMax;

  constructor(connection: Connection, options: Http2Options) {
    super(connection, options);
    const { limits, clock } = options;
    this.#options = options;
    this.#firstSettings = clock.after(limits.firstRequestMs, () => this.destroy(), { background: true });
    this.announce([setting.concurrentStreamsMax, limits.streamsMax]);
  }

  /**
   * Section 6.8: first says that there will be no more streams, and only when the client has heard it which was the last, so that
   * none that is on its way gets lost.
   */
  close(): void {
    if (this.isClosing || this.over) return;
    this.isClosing = true;
    if (this.streams.size === 0) {
      this.#acceptNoMore();
    } else {
      this.output.numbers(frameType.goAway, 0, streamIdMax, errorCode.noError);
      this.output.ping(shutdownPing);
    }
  }

  // Called by streams.

  override waitForRoom(stream: Http2Stream): void {
    super.waitForRoom(stream);
    if (this.queuedBytes > this.#options.limits.queuedBytesEnough) {
      this.fail(new ConnectionError(errorCode.enhanceYourCalm, "too many bytes wait to be read"));
    }
  }

  override taken(stream: Http2Stream, bytes: number): void {
    this.takenFromConnection(bytes);
    if (stream.remoteEnded || stream.closed) return;
    if (!stream.localEnded) return super.taken(stream, bytes);
    // Section 8.1: our answer is complete, and a window's worth has been dropped; the client should stop.
    const enough = this.#options.limits.streamWindowBytes * answeredShare;
    if (stream.receiveWindow < enough) this.reset(stream, errorCode.noError);
  }

  override ended(stream: Http2Stream): void {
    this.takenFromConnection(stream.discard());
    this.tellSoon(stream);
    if (stream.remoteEnded) this.closeStream(stream, errorCode.noError);
  }

  // What comes in.

  protected override read(chunk: Buffer): void {
    if (this.#prefaceBytes === preface.length) return super.read(chunk);
    if (this.over) return;
    const rest = this.#skipPreface(chunk);
    if (rest === undefined) this.fail(violation("not the preface"));
    else super.read(rest);
  }

  /** Section 3.4. */
  #skipPreface(chunk: Buffer): Buffer | undefined {
    const seen = this.#prefaceBytes;
    const length = Math.min(preface.length - seen, chunk.length);
    if (chunk.compare(preface, seen, seen + length, 0, length) !== 0) return undefined;
    this.#prefaceBytes += length;
    return chunk.subarray(length);
  }

  protected override data(
    stream: Http2Stream | undefined,
    id: number,
    chunk: Uint8Array,
    flowBytes: number,
    endStream: boolean,
  ): void {
    if (stream === undefined) {
      this.checkClosed(id);
      this.takenFromConnection(flowBytes);
      return;
    }
    stream.receiveWindow -= flowBytes;
    if (stream.remoteEnded || stream.receiveWindow < 0) {
      this.takenFromConnection(flowBytes);
      this.refuse(stream, stream.remoteEnded ? errorCode.streamClosed : errorCode.flowControlError);
      return;
    }
    if (chunk.length < flowBytes) this.taken(stream, flowBytes - chunk.length);
    if (!stream.takeData(chunk, endStream)) {
      this.takenFromConnection(chunk.length);
      this.refuse(stream, errorCode.protocolError);
    } else if (endStream && stream.localEnded && !stream.closed) {
      this.closeStream(stream, errorCode.noError);
    }
  }

  /** A request, or trailers (section 8.1). */
  protected override fields({ streamId: id, endStream, list, selfDependent }: HeaderBlock): void {
    const stream = this.streams.get(id);
    if (stream !== undefined) {
      this.#trailers(stream, endStream, list);
      return;
    }
    if (id <= this.lastStreamId) {
      // Section 5.1.1: a stream also closes all below it that were never used.
      this.checkClosed(id);
      return;
    }
    if (id > this.#acceptedStreamIdMax) return;
    this.lastStreamId = id;
    if (selfDependent) this.refuseLate(id, errorCode.protocolError);
    else this.#request(id, endStream, list);
  }

  #request(id: number, endStream: boolean, list: FieldList): void {
    const { limits, onStream } = this.#options;
    // Section 5.1.2; what is refused may be tried again.
    if (this.streams.size >= limits.streamsMax || this.queuedBytes > limits.queuedBytesMax) {
      this.refuseLate(id, errorCode.refusedStream);
      return;
    }
    const head = this.#heads.read(list.tooLarge ? tooLarge : list);
    if (head === undefined || (endStream && head.contentLength !== undefined && head.contentLength > 0)) {
      // Section 8.1.1.
      this.refuseLate(id, errorCode.protocolError);
      return;
    }
    if (head.method === "CONNECT") {
      this.refuseLate(id, errorCode.refusedStream);
      return;
    }
    const stream = new Http2Stream(this, id, head, limits.streamWindowBytes, this.initialSendWindow);
    this.streams.set(id, stream);
    this.conduct.usefulFrame();
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
    if (stream.remoteEnded) this.refuse(stream, errorCode.streamClosed);
    // Section 8.1: only the last block may follow DATA.
    else if (!endStream || list.tooLarge || !validTrailers(list))
      this.refuse(stream, errorCode.protocolError);
    else this.#remoteEnd(stream);
  }

  #remoteEnd(stream: Http2Stream): void {
    if (!stream.takeEnd()) this.refuse(stream, errorCode.protocolError);
    else if (stream.localEnded && !stream.closed) this.closeStream(stream, errorCode.noError);
  }

  /** Section 6.3; RFC 7540, section 5.3.1. */
  protected override priority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw violation("PRIORITY on stream 0");
    this.conduct.idleFrame();
    if (end - start !== 5) this.#refuseAny(id, errorCode.frameSizeError);
    else if ((bytes.readUInt32BE(start) & streamIdMax) === id) this.#refuseAny(id, errorCode.protocolError);
  }

  protected override brokenOff(stream: Http2Stream | undefined, code: number): void {
    if (stream === undefined || stream.localEnded) this.conduct.idleFrame();
    else this.conduct.reset();
    if (stream !== undefined) this.closeStream(stream, code);
  }

  protected override setting(id: number, value: number): void {
    if (id === setting.enablePush && value > 1) throw violation("SETTINGS_ENABLE_PUSH");
  }

  protected override settingsCame(): void {
    this.#firstSettings.cancel();
  }

  protected override pingAnswered(bytes: Buffer, start: number, end: number): void {
    if (this.isClosing && shutdownPing.compare(bytes, start, end) === 0) this.#acceptNoMore();
  }

  /** The client wants nothing new of us, and what it has asked for is still answered. */
  protected override goAwayCame(): void {
    this.isClosing = true;
    this.#acceptNoMore();
  }

  // Streams that end.

  protected override checkClosed(id: number): void {
    if (id > this.#acceptedStreamIdMax && (id & 1) === 1) return;
    super.checkClosed(id);
  }

  /** The client broke a rule where there is no stream yet, or none any more. */
  protected override refuseLate(id: number, code: number): void {
    this.conduct.reset();
    this.resetByUs.add(id);
    this.output.numbers(frameType.rstStream, id, code);
  }

  #refuseAny(id: number, code: number): void {
    const stream = this.streams.get(id);
    // Section 6.4: idle streams cannot be reset.
    if (stream === undefined && this.isIdle(id))
      throw new ConnectionError(code, "an error on an idle stream");
    if (stream !== undefined) this.refuse(stream, code);
    else this.refuseLate(id, code);
  }

  protected override closeStream(stream: Http2Stream, code: number): number {
    const untaken = super.closeStream(stream, code);
    this.takenFromConnection(untaken);
    return untaken;
  }

  // The connection's end.

  /** What the client opens from now on it may try again elsewhere. */
  #acceptNoMore(): void {
    if (this.#acceptedStreamIdMax < streamIdMax || this.over) return;
    this.#acceptedStreamIdMax = this.lastStreamId;
    this.output.numbers(frameType.goAway, 0, this.lastStreamId, errorCode.noError);
  }

  protected override unread(): void {
    this.destroy();
  }

  protected override fail(error: ConnectionError): void {
    if (this.over) return;
    this.#acceptedStreamIdMax = this.lastStreamId;
    this.output.numbers(frameType.goAway, 0, this.lastStreamId, error.code);
    this.finish();
    this.closeAll(error.code);
  }

  protected override finish(): void {
    if (this.over) return;
    this.#acceptNoMore();
    this.end(this.#options.limits.lingerMs);
  }

  protected override disconnected(): void {
    this.over = true;
    this.#firstSettings.cancel();
    this.closeAll(errorCode.cancel);
  }
}

/** Stands for a request whose fields were not kept. */
const tooLarge: FieldList = {
  fields: [":method", "GET", ":scheme", "http", ":path", "/"],
  tooLarge: true,
};
