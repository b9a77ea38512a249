import { ConnectionError, errorCode, frameHeaderBytes, framePayloadBytesMax } from "./frames.ts";

/** Gets one frame: its payload lies in `bytes` from `start` to `end`. False: take no more. */
export type FrameSink = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => boolean;

const nothing = Buffer.alloc(0);

/**
 * Cuts what a connection reads into frames (RFC 9113, section 4.1). A frame that lies in one chunk is not copied; of one that does not,
 * exactly its own bytes are kept, however small the pieces it comes in.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  /** A frame's beginning: room for its header, then for all of it. */
  #partial = nothing;
  #partialBytes = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** @throws ConnectionError FRAME_SIZE_ERROR, and what the sink throws */
  push(chunk: Buffer): void {
    let offset = 0;
    while (this.#partialBytes > 0) {
      offset += this.#fill(chunk, offset);
      if (this.#partialBytes < this.#partial.length) return;
      const length = payloadBytes(this.#partial, 0);
      if (this.#partial.length < frameHeaderBytes + length) {
        const whole = Buffer.allocUnsafe(frameHeaderBytes + length);
        this.#partial.copy(whole);
        this.#partial = whole;
        continue;
      }
      const frame = this.#partial;
      this.#partial = nothing;
      this.#partialBytes = 0;
      if (!this.#deliver(frame, 0, frame.length)) return;
    }
    while (chunk.length - offset >= frameHeaderBytes) {
      const end = offset + frameHeaderBytes + payloadBytes(chunk, offset);
      if (end > chunk.length) break;
      if (!this.#deliver(chunk, offset, end)) return;
      offset = end;
    }
    const rest = chunk.length - offset;
    if (rest === 0) return;
    const needed =
      rest < frameHeaderBytes ? frameHeaderBytes : frameHeaderBytes + payloadBytes(chunk, offset);
    this.#partial = Buffer.allocUnsafe(needed);
    this.#fill(chunk, offset);
  }

  #fill(chunk: Buffer, offset: number): number {
    const copied = chunk.copy(this.#partial, this.#partialBytes, offset);
    this.#partialBytes += copied;
    return copied;
  }

  #deliver(bytes: Buffer, start: number, end: number): boolean {
    const streamId =
      (((bytes[start + 5] as number) & 0x7f) << 24) |
      ((bytes[start + 6] as number) << 16) |
      ((bytes[start + 7] as number) << 8) |
      (bytes[start + 8] as number);
    const type = bytes[start + 3] as number;
    return this.#sink(type, bytes[start + 4] as number, streamId, bytes, start + frameHeaderBytes, end);
  }
}

function payloadBytes(bytes: Buffer, offset: number): number {
  const length =
    ((bytes[offset] as number) << 16) | ((bytes[offset + 1] as number) << 8) | (bytes[offset + 2] as number);
  // Section 4.2: before any of it is read.
  if (length > framePayloadBytesMax) {
    throw new ConnectionError(errorCode.frameSizeError, `a frame of ${length} bytes`);
  }
  return length;
}
