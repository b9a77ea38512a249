import type { Clock } from "../platform/index.ts";
import { Conduct } from "./conduct.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  ConnectionError,
  errorCode,
  frameFlag,
  framePayloadBytesMax,
  frameType,
  setting,
  streamIdMax,
  violation,
  windowBytesMax,
} from "./frames.ts";
import { type HeaderBlock, HeaderBlocks } from "./header-blocks.ts";
import type { ConductLimits, HeaderLimits } from "./limits.ts";

/** A CONTINUATION frame from this size on is no attempt to make much of little (CVE-2024-27316). */
const continuationBytesMin = 1024;

/**
 * Frames as they come in on either side of a connection (RFC 9113; numbers of sections below are its): cut out of the byte stream, checked for
 * what can be told of a frame alone, and handed on to one method each. What breaks a rule of the connection is thrown as ConnectionError,
 * and ends in `fail`; frames that ask for nothing are counted.
 */
export abstract class IncomingFrames {
  protected readonly conduct: Conduct;
  protected settingsSeen = false;
  /** The last frame has gone out: nothing more is read. */
  protected over = false;
  readonly #reader: FrameReader;
  readonly #blocks: HeaderBlocks;

  constructor(limits: HeaderLimits & ConductLimits, clock: Clock) {
    this.#reader = new FrameReader((...frame) => this.#frame(...frame));
    this.#blocks = new HeaderBlocks(limits);
    this.conduct = new Conduct(limits, clock);
  }

  /** DATA; `flowBytes`: with its padding (section 6.9.1). */
  protected abstract dataCame(id: number, chunk: Uint8Array, flowBytes: number, endStream: boolean): void;
  /** A header block is complete. */
  protected abstract fields(block: HeaderBlock): void;
  protected abstract priority(id: number, bytes: Buffer, start: number, end: number): void;
  protected abstract resetCame(id: number, code: number): void;
  /** One setting, in order. @throws ConnectionError */
  protected abstract settingCame(id: number, value: number): void;
  /** All of a frame; `bytes` up to `end` is what it was in. */
  protected abstract settingsDone(isFirst: boolean, bytes: Buffer, end: number): void;
  protected abstract pingCame(isAnswer: boolean, bytes: Buffer, start: number, end: number): void;
  /** The other side wants no streams any more; `lastId`: the last that it has looked at. */
  protected abstract goAwayCame(lastId: number, code: number): void;
  /** The other side takes so many bytes more, on a stream or (0) the connection. */
  protected abstract windowOpened(id: number, bytes: number): void;
  /** Section 5.4.1. */
  protected abstract fail(error: ConnectionError): void;

  protected read(chunk: Buffer): void {
    if (this.over) return;
    try {
      if (chunk.length > 0) this.#reader.push(chunk);
    } catch (thrown) {
      if (!(thrown instanceof ConnectionError)) throw thrown;
      this.fail(thrown);
    }
  }

  #frame(type: number, flags: number, id: number, bytes: Buffer, start: number, end: number): boolean {
    // Section 6.10: nothing comes between the frames of a header block.
    const { openStreamId } = this.#blocks;
    if (openStreamId !== 0 && (type !== frameType.continuation || id !== openStreamId)) {
      throw violation("a header block was interrupted");
    }
    if (!this.settingsSeen && (type !== frameType.settings || (flags & frameFlag.ack) !== 0)) {
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
        this.priority(id, bytes, start, end);
        break;
      case frameType.rstStream:
        this.#rstStream(id, bytes, start, end);
        break;
      case frameType.settings:
        this.#settings(flags, id, bytes, start, end);
        break;
      case frameType.pushPromise:
        // Section 6.6: a client cannot, and as one we say that we take none.
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
        if (end - start < continuationBytesMin) this.conduct.idleFrame();
        this.#fields(this.#blocks.goOn(flags, bytes, start, end));
        break;
      default:
        // Section 4.1: unknown types are ignored.
        this.conduct.idleFrame();
    }
    return !this.over;
  }

  /** Section 6.1. */
  #data(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw violation("DATA on stream 0");
    let [from, to] = [start, end];
    if ((flags & frameFlag.padded) !== 0) {
      from++;
      to -= start < end ? (bytes[start] as number) : 0;
      if (from > to) throw violation("more padding than DATA");
    }
    const endStream = (flags & frameFlag.endStream) !== 0;
    if (from === to && !endStream) this.conduct.idleFrame();
    // `subarray` would make a Buffer of it, at twice the price.
    const chunk = new Uint8Array(bytes.buffer, bytes.byteOffset + from, to - from);
    this.dataCame(id, chunk, end - start, endStream);
  }

  #fields(block: HeaderBlock | undefined): void {
    if (block !== undefined) this.fields(block);
  }

  /** Section 6.4. */
  #rstStream(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw wrongSize("RST_STREAM");
    this.resetCame(id, bytes.readUInt32BE(start));
  }

  /** Section 6.5. */
  #settings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw violation("SETTINGS on a stream");
    const length = end - start;
    if ((flags & frameFlag.ack) !== 0) {
      if (length !== 0) throw wrongSize("SETTINGS ACK");
      this.conduct.idleFrame();
      return;
    }
    if (length % 6 !== 0) throw wrongSize("SETTINGS");
    const isFirst = !this.settingsSeen;
    this.settingsSeen = true;
    if (!isFirst) this.conduct.idleFrame(1 + length / 6);
    for (let at = start; at < end; at += 6) this.#setting(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    this.settingsDone(isFirst, bytes, end);
  }

  /** Section 6.5.2. Our encoder has no table, and lists of ours are short: the settings about those do not concern us. */
  #setting(id: number, value: number): void {
    if (id === setting.framePayloadBytesMax && (value < framePayloadBytesMax || value >= 1 << 24)) {
      throw violation("SETTINGS_MAX_FRAME_SIZE");
    }
    if (id === setting.initialWindowSize && value > windowBytesMax) {
      throw new ConnectionError(errorCode.flowControlError, "SETTINGS_INITIAL_WINDOW_SIZE");
    }
    this.settingCame(id, value);
  }

  /** Section 6.7. */
  #ping(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw violation("PING on a stream");
    if (end - start !== 8) throw wrongSize("PING");
    this.conduct.idleFrame();
    this.pingCame((flags & frameFlag.ack) !== 0, bytes, start, end);
  }

  /** Section 6.8. */
  #goAway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw violation("GOAWAY on a stream");
    if (end - start < 8) throw wrongSize("GOAWAY");
    this.conduct.idleFrame();
    this.goAwayCame(bytes.readUInt32BE(start) & streamIdMax, bytes.readUInt32BE(start + 4));
  }

  /** Section 6.9. */
  #windowUpdate(id: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw wrongSize("WINDOW_UPDATE");
    this.conduct.idleFrame();
    this.windowOpened(id, bytes.readUInt32BE(start) & windowBytesMax);
  }
}

function wrongSize(frame: string): ConnectionError {
  return new ConnectionError(errorCode.frameSizeError, `${frame} of another size`);
}
