/**
 * Frames on a connection between members:
 *
 *   u32 length of what follows the checksum │ u32 CRC32C of it │ u8 kind │ payload
 */
import { crc32c } from "../../base/index.ts";
import { MalformedBytesError } from "../bytes-reader.ts";
import { frameBytesMax } from "../limits.ts";

/** What a frame carries. Kinds only get added. */
export const frameKind = {
  /** Dialer: who calls whom, and for what. */
  hello: 1,
  /** Answer to hello: empty, or why not. */
  welcome: 2,
  /** One raft message. */
  message: 3,
  /** A question to the leader, and its answer. */
  question: 4,
  answer: 5,
  /** An image: the message that announces it, its bytes, what it is in all, and the receiver's word that it is durable. */
  imageBegin: 6,
  imageChunk: 7,
  imageEnd: 8,
  imageStored: 9,
  /** From the dialer of a connection for messages, and back: it still stands, both ways. */
  ping: 10,
  pong: 11,
  /** To a member that was removed from the cluster, whatever it says. */
  removed: 12,
  /** Instead of a hello: who are you all? And the answer. */
  whichCluster: 13,
  cluster: 14,
  /** What the receiver of an image has of it already, and from where on it is sent. */
  imageHeld: 15,
  imageFrom: 16,
} as const;

export type FrameKind = (typeof frameKind)[keyof typeof frameKind];

export interface Frame {
  readonly kind: number;
  readonly payload: Uint8Array;
}

const headBytes = 8;

/** The parts of a frame, to be written one after the other. */
export function encodeFrame(kind: FrameKind, payload: Uint8Array): Uint8Array[] {
  const head = Buffer.allocUnsafe(headBytes + 1);
  head.writeUInt32LE(payload.length + 1, 0);
  head[headBytes] = kind;
  head.writeUInt32LE(crc32c(payload, 0, payload.length, crc32c(head, headBytes)), 4);
  return [head, payload];
}

/** Cuts a byte stream into frames. Payloads are views of memory that is not written again. */
export class FrameReader {
  /** A frame whose end has not come yet, as it came: it is put together once, however many pieces it has. */
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #needed = headBytes;
  /** Larger frames are refused: small until one knows who speaks. */
  bytesMax: number;

  constructor(bytesMax: number = frameBytesMax) {
    this.bytesMax = bytesMax;
  }

  /** @throws MalformedBytesError when the stream is damaged: it cannot be read any further */
  *push(chunk: Uint8Array): Generator<Frame> {
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes < this.#needed) return;
    const bytes = this.#held.length === 1 ? asBuffer(chunk) : Buffer.concat(this.#held, this.#heldBytes);
    let position = 0;
    this.#needed = headBytes;
    while (bytes.length - position >= headBytes) {
      const length = bytes.readUInt32LE(position);
      if (length < 1 || length > this.bytesMax) throw new MalformedBytesError(`a frame of ${length} bytes`);
      const start = position + headBytes;
      if (bytes.length < start + length) {
        this.#needed = headBytes + length;
        break;
      }
      const checksum = bytes.readUInt32LE(position + 4);
      if (crc32c(bytes, start, start + length) !== checksum)
        throw new MalformedBytesError("a frame with a wrong checksum");
      position = start + length;
      yield { kind: bytes[start] as number, payload: bytes.subarray(start + 1, position) };
    }
    this.#held = position === bytes.length ? [] : [bytes.subarray(position)];
    this.#heldBytes = bytes.length - position;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}
