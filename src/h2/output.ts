import type { Duplex } from "node:stream";
import type { Connection } from "../platform/index.ts";
import type { BodySource } from "./body-source.ts";
import { frameFlag, frameHeaderBytes, framePayloadBytesMax, frameType } from "./frames.ts";
import { giveBackPage, takePage } from "./pages.ts";

/** What waits for the next write; above it a connection's DATA waits in its streams. The largest page holds that, and a frame more. */
const pendingBytesHigh = 262_144;

/** A payload from this size on is not copied. */
export const sharedPayloadBytesMin = 4096;

const noPage = Buffer.alloc(0);

/** What TLS is given in one piece: all that a turn may have gathered. */
const jointBytesMax = 2 * pendingBytesHigh;

export interface OutputOwner {
  /** What was written in this turn of the loop has been handed over. */
  flushed(): void;
  /** There is room again. */
  drained(): void;
}

/**
 * Frames on their way out. What is written while the event loop deals with one thing (what a socket brought, what has become durable) leaves
 * in one write to the byte stream: small frames side by side on pages, large payloads as they are.
 */
export class Output {
  readonly #stream: Duplex;
  readonly #keepsNoBytes: boolean;
  readonly #owner: OutputOwner;
  /** The last of those that hold what waits. */
  #page: Buffer = noPage;
  #fullPages: Buffer[] = [];
  #runStart = 0;
  #pageEnd = 0;
  #parts: Uint8Array[] = [];
  #pending = 0;
  /** Of what waits, and of what left last: the bytes that lie on pages. */
  #copied = 0;
  #lastCopied = 0;
  #congested = false;
  #scheduled = false;
  #ended = false;

  constructor({ stream, keepsNoBytes = false }: Connection, owner: OutputOwner) {
    this.#stream = stream;
    this.#keepsNoBytes = keepsNoBytes;
    this.#owner = owner;
    stream.on("drain", () => {
      this.#congested = false;
      if (this.#ended) return;
      if (this.#pending > 0) this.schedule();
      owner.drained();
    });
  }

  /** Bytes that wait until the other side reads; as DATA does not wait here, they are those of other frames. */
  get controlBytes(): number {
    return this.#congested ? this.#pending : 0;
  }

  /** DATA should wait. */
  get full(): boolean {
    return this.#congested || this.#pending >= pendingBytesHigh;
  }

  /** One DATA frame (RFC 9113, section 6.1), at most `framePayloadBytesMax` of `chunk`. */
  data(streamId: number, chunk: Uint8Array, start: number, end: number, endStream: boolean): void {
    const length = end - start;
    this.#header(length, frameType.data, endStream ? frameFlag.endStream : 0, streamId);
    if (length >= sharedPayloadBytesMin) this.#share(chunk.subarray(start, end));
    else if (length > 0) this.#copy(chunk, start, end);
  }

  /** One DATA frame with the next `length` bytes of a source, made in their place. @throws what the source does; no frame is sent then */
  made(streamId: number, source: BodySource, length: number, endStream: boolean): void {
    this.#room(frameHeaderBytes + length, source.length);
    source.writeNext(this.#page, this.#pageEnd + frameHeaderBytes, length);
    this.#header(length, frameType.data, endStream ? frameFlag.endStream : 0, streamId);
    this.#pageEnd += length;
    this.#lies(length);
  }

  /** HEADERS, and CONTINUATION as needed (sections 6.2, 6.10). */
  headers(streamId: number, block: Buffer, endStream: boolean): void {
    let flags: number = endStream ? frameFlag.endStream : 0;
    let type: number = frameType.headers;
    let start = 0;
    for (;;) {
      const end = Math.min(start + framePayloadBytesMax, block.length);
      if (end === block.length) flags |= frameFlag.endHeaders;
      this.#header(end - start, type, flags, streamId);
      this.#copy(block, start, end);
      if (end === block.length) return;
      start = end;
      flags = 0;
      type = frameType.continuation;
    }
  }

  /** A frame whose payload is 32-bit numbers: RST_STREAM, WINDOW_UPDATE, GOAWAY. */
  numbers(type: number, streamId: number, ...values: number[]): void {
    this.#header(4 * values.length, type, 0, streamId);
    this.#room(4 * values.length);
    for (const value of values) this.#pageEnd = this.#page.writeUInt32BE(value >>> 0, this.#pageEnd);
    this.#lies(4 * values.length);
  }

  /** SETTINGS (section 6.5.1): pairs of identifier and value. */
  settings(pairs: readonly (readonly [number, number])[]): void {
    this.#header(6 * pairs.length, frameType.settings, 0, 0);
    this.#room(6 * pairs.length);
    for (const [id, value] of pairs) {
      this.#pageEnd = this.#page.writeUInt16BE(id, this.#pageEnd);
      this.#pageEnd = this.#page.writeUInt32BE(value, this.#pageEnd);
    }
    this.#lies(6 * pairs.length);
  }

  /** The acknowledgment of SETTINGS or PING, with the same payload. `waits`: it leaves with what is written next. */
  acknowledge(
    type: number,
    { bytes, start, end }: { bytes: Buffer; start: number; end: number },
    options: { waits: boolean },
  ): void {
    this.#header(end - start, type, frameFlag.ack, 0, options.waits);
    this.#copy(bytes, start, end);
  }

  ping(payload: Buffer): void {
    this.#header(payload.length, frameType.ping, 0, 0);
    this.#copy(payload, 0, payload.length);
  }

  /** Flushes at the end of this turn, even where nothing was written. */
  schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Before other sockets are read: their requests may take long, and whoever gets its answer now has its next request ready by then.
    process.nextTick(this.#flush);
  }

  /** Sends what there is, then ends the byte stream. */
  end(): void {
    if (this.#ended) return;
    this.#congested = false;
    this.#write();
    this.#ended = true;
    this.#stream.end();
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    this.#write();
    this.#owner.flushed();
  };

  #write(): void {
    if (this.#pending === 0 || this.#ended || this.#congested) return;
    this.#endRun();
    const stream = this.#stream;
    const parts = this.#parts;
    const bytes = this.#pending;
    const page = this.#page;
    const fullPages = this.#fullPages;
    // From here on frames are gathered anew: a stream in memory may bring what the other side answers before its `write` returns.
    this.#pending = 0;
    this.#lastCopied = this.#copied;
    this.#copied = 0;
    this.#page = noPage;
    this.#runStart = this.#pageEnd = 0;
    if (fullPages.length > 0) this.#fullPages = [];
    const takenAtOnce = takesAtOnce(stream);
    if (stream.destroyed) {
      parts.length = 0;
    } else if (parts.length === 1) {
      this.#congested = !stream.write(parts.pop());
    } else if (takenAtOnce && bytes <= jointBytesMax) {
      let end = 0;
      for (const part of parts) {
        joint.set(part, end);
        end += part.length;
      }
      parts.length = 0;
      this.#congested = !stream.write(joint.subarray(0, end));
    } else {
      this.#parts = [];
      stream.cork();
      for (const part of parts) this.#congested = !stream.write(part);
      stream.uncork();
    }
    // A write of many bytes is answered with false even where they are gone by now.
    const allGone = stream.writableLength === 0;
    if (allGone) this.#congested = false;
    // Else the byte stream may hold on to what is on them.
    if (page !== noPage && (takenAtOnce || (allGone && this.#keepsNoBytes))) {
      for (const full of fullPages) giveBackPage(full);
      giveBackPage(page);
    }
  }

  #header(length: number, type: number, flags: number, streamId: number, waits = false): void {
    this.#room(frameHeaderBytes);
    const page = this.#page;
    let at = this.#pageEnd;
    page[at++] = length >>> 16;
    page[at++] = length >>> 8;
    page[at++] = length;
    page[at++] = type;
    page[at++] = flags;
    page[at++] = streamId >>> 24;
    page[at++] = streamId >>> 16;
    page[at++] = streamId >>> 8;
    page[at++] = streamId;
    this.#pageEnd = at;
    this.#lies(frameHeaderBytes);
    if (!waits && !this.#scheduled) this.schedule();
  }

  #copy(bytes: Uint8Array, start: number, end: number): void {
    this.#room(end - start);
    if (end - start <= 64) {
      for (let i = start; i < end; i++) this.#page[this.#pageEnd++] = bytes[i] as number;
    } else {
      const whole = end - start === bytes.length;
      this.#page.set(whole ? bytes : bytes.subarray(start, end), this.#pageEnd);
      this.#pageEnd += end - start;
    }
    this.#lies(end - start);
  }

  /** So many bytes more lie on the page. */
  #lies(bytes: number): void {
    this.#pending += bytes;
    this.#copied += bytes;
  }

  #share(payload: Uint8Array): void {
    this.#endRun();
    this.#parts.push(payload);
    this.#pending += payload.length;
  }

  /** What lies on the page since the last run becomes a part of the write. */
  #endRun(): void {
    if (this.#pageEnd === this.#runStart) return;
    this.#parts.push(this.#page.subarray(this.#runStart, this.#pageEnd));
    this.#runStart = this.#pageEnd;
  }

  /** `more`: what may well follow. */
  #room(bytes: number, more = 0): void {
    if (this.#pageEnd + bytes <= this.#page.length) return;
    const outgrown = this.#page;
    const end = this.#pageEnd;
    // As much as the last turn's, for a start.
    const page = takePage(Math.max(this.#lastCopied, this.#copied + Math.max(bytes, more)));
    this.#page = page;
    if (outgrown === noPage) return;
    if (this.#runStart === 0 && end + bytes <= page.length) {
      // A write of one part is not put together again.
      page.set(outgrown.subarray(0, end));
      giveBackPage(outgrown);
      return;
    }
    if (end > this.#runStart) this.#parts.push(outgrown.subarray(this.#runStart, end));
    this.#fullPages.push(outgrown);
    this.#runStart = this.#pageEnd = 0;
  }
}

/**
 * Where the parts of a write to TLS are put together, which would do the same in memory that it asks for each time: with a thousand watchers the
 * collector would have more to do than the cipher. Nothing is in it between two writes.
 */
const joint = Buffer.allocUnsafeSlow(jointBytesMax);

/** TLS encrypts what it is given before `write` returns, unless an earlier write is still under way. */
function takesAtOnce(stream: Duplex): boolean {
  return (stream as { encrypted?: boolean }).encrypted === true && stream.writableLength === 0;
}
