import { gunzipSync } from "node:zlib";
import { concatBytes } from "../../base/index.ts";
import { code, RpcError } from "../errors.ts";

/** One byte (1: compressed) and four of length, most significant first, before each message. */
const prefixBytes = 5;

/** Gets the messages. */
export interface MessageSink {
  message(bytes: Uint8Array): void;
}

/**
 * Cuts a body into gRPC's length-prefixed messages. A message that lies in one chunk is a view of it.
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
 */
export class FrameReader {
  readonly #encoding: string;
  readonly #bytesMax: number;
  /** The beginning of a message whose rest has not come; `#needed` bytes are worth looking again. */
  #parts: Uint8Array[] | undefined;
  #bytes = 0;
  #needed = 0;

  /** `encoding`: what grpc-encoding says, for messages that say they are compressed. `bytesMax`: of one message. */
  constructor(encoding: string, bytesMax: number) {
    this.#encoding = encoding;
    this.#bytesMax = bytesMax;
  }

  /** Delivers every message that is complete now. @throws RpcError, and what the sink throws */
  push(chunk: Uint8Array, sink: MessageSink): void {
    if (this.#parts === undefined) {
      this.#scan(chunk, sink);
      return;
    }
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const whole = concatBytes(this.#parts);
    this.#parts = undefined;
    this.#scan(whole, sink);
  }

  /** True when the body may end here. */
  get complete(): boolean {
    return this.#parts === undefined;
  }

  #scan(bytes: Uint8Array, sink: MessageSink): void {
    let offset = 0;
    let needed = prefixBytes;
    while (bytes.length - offset >= prefixBytes) {
      const size = uint32(bytes, offset + 1);
      if (size > this.#bytesMax) throw tooLarge(size, this.#bytesMax);
      needed = prefixBytes + size;
      if (bytes.length - offset < needed) break;
      const message = new Uint8Array(bytes.buffer, bytes.byteOffset + offset + prefixBytes, size);
      const compressed = bytes[offset] === 1;
      offset += needed;
      needed = prefixBytes;
      sink.message(compressed ? this.#decompress(message) : message);
    }
    if (offset === bytes.length) return;
    const rest = bytes.subarray(offset);
    this.#parts = [rest];
    this.#bytes = rest.length;
    this.#needed = needed;
  }

  #decompress(message: Uint8Array): Uint8Array {
    if (this.#encoding === "identity") {
      throw new RpcError(code.internal, "grpc: compressed flag set with identity or empty encoding");
    }
    if (this.#encoding !== "gzip") {
      throw new RpcError(
        code.unimplemented,
        `grpc: Decompressor is not installed for grpc-encoding "${this.#encoding}"`,
      );
    }
    try {
      return gunzipSync(message, { maxOutputLength: this.#bytesMax });
    } catch (error) {
      if ((error as { code?: string }).code === "ERR_BUFFER_TOO_LARGE")
        throw tooLarge(this.#bytesMax + 1, this.#bytesMax);
      throw new RpcError(code.internal, "grpc: failed to decompress the received message");
    }
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  return high * 0x1_0000 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
}

function tooLarge(size: number, bytesMax: number): RpcError {
  return new RpcError(
    code.resourceExhausted,
    `grpc: received message larger than max (${size} vs. ${bytesMax})`,
  );
}
