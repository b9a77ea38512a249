/**
 * Frames of SPDY/3.1 (draft-mbelshe-httpbis-spdy-00, section 2.6), as far as Kubernetes speaks it:
 *
 *   control  1 version:15 type:16 flags:8 length:24 payload
 *   data     0 stream:31          flags:8 length:24 payload
 */
export const frameType = {
  synStream: 1,
  synReply: 2,
  rstStream: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  headers: 8,
  windowUpdate: 9,
} as const;

export const flagFin = 1;

/** RST_STREAM status codes. */
export const resetStatus = { protocolError: 1, refusedStream: 3, cancel: 5 } as const;

export type Frame =
  | { readonly kind: "data"; readonly stream: number; readonly fin: boolean; readonly payload: Buffer }
  | { readonly kind: "control"; readonly type: number; readonly flags: number; readonly payload: Buffer };

const version = 3;
const headBytes = 8;

/** Cuts bytes into frames. */
export class FrameCutter {
  readonly #payloadBytesMax: number;
  #rest: Buffer = Buffer.alloc(0);

  constructor(payloadBytesMax: number) {
    this.#payloadBytesMax = payloadBytesMax;
  }

  /** @throws Error for another protocol or a frame that is too long */
  push(chunk: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const frames: Frame[] = [];
    while (this.#rest.length >= headBytes) {
      const word = this.#rest.readUInt32BE(0);
      const length = this.#rest.readUIntBE(5, 3);
      if (length > this.#payloadBytesMax) throw new Error(`a SPDY frame of ${length} bytes`);
      if (this.#rest.length < headBytes + length) break;
      const flags = this.#rest[4] as number;
      const payload = this.#rest.subarray(headBytes, headBytes + length);
      this.#rest = this.#rest.subarray(headBytes + length);
      if (word >>> 31 === 0) {
        frames.push({ kind: "data", stream: word, fin: (flags & flagFin) !== 0, payload });
        continue;
      }
      if (((word >>> 16) & 0x7fff) !== version) throw new Error("not SPDY/3");
      frames.push({ kind: "control", type: word & 0xffff, flags, payload });
    }
    return frames;
  }
}

export function controlFrame(type: number, flags: number, payload: Uint8Array): Buffer {
  const frame = Buffer.alloc(headBytes + payload.length);
  frame.writeUInt32BE((0x8000_0000 | (version << 16) | type) >>> 0, 0);
  frame.writeUInt8(flags, 4);
  frame.writeUIntBE(payload.length, 5, 3);
  frame.set(payload, headBytes);
  return frame;
}

export function dataHead(stream: number, fin: boolean, length: number): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt32BE(stream, 0);
  head.writeUInt8(fin ? flagFin : 0, 4);
  head.writeUIntBE(length, 5, 3);
  return head;
}

/** A 32-bit word or two. */
export function words(...values: number[]): Buffer {
  const buffer = Buffer.alloc(4 * values.length);
  values.forEach((value, position) => void buffer.writeUInt32BE(value >>> 0, 4 * position));
  return buffer;
}
