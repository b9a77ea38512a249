/**
 * Messages of gRPC in the body of a stream (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md):
 *
 *     u8 1 where it is compressed, or 0 │ u32 length, most significant byte first │ message
 */
import { concatBytes } from "../../base/index.ts";
import type { Draft, MessageCodec } from "../protobuf/codec.ts";
import { ProtobufWriter } from "../protobuf/writer.ts";

export const grpcPrefixBytes = 5;

const sharedWriter = new ProtobufWriter();

/** A body that is not what gRPC says. */
export class GrpcBodyError extends Error {
  override readonly name = "GrpcBodyError";
}

/** A message of more bytes than one may have. */
export class GrpcMessageTooLarge extends Error {
  override readonly name = "GrpcMessageTooLarge";

  constructor(bytes: number, bytesMax: number) {
    super(`grpc: received message larger than max (${bytes} vs. ${bytesMax})`);
  }
}

/**
 * The message as it is sent. `writer`: one that is used again and again. `bytes`: about how many they are, where they may be many. `tail`: its
 * last fields, encoded before; `message` has the others.
 */
export function encodeGrpc<T>(
  codec: MessageCodec<T>,
  message: Draft<T>,
  writer: ProtobufWriter = sharedWriter,
  bytes?: number,
  tail?: Uint8Array,
): Uint8Array {
  writer.begin(bytes);
  if (tail !== undefined) writer.encoded(tail);
  codec.write(writer, message);
  writer.uint32BigEndian(writer.length);
  writer.byte(0);
  return writer.finish();
}

export interface GrpcReaderOptions {
  /** Of one message. */
  readonly bytesMax: number;
  /** Whoever does not say that it takes compressed messages gets none. @throws Error */
  readonly decompress?: (message: Uint8Array) => Uint8Array;
}

/** Gets each message once it is complete: it lies in `bytes` from `start` to `end`. */
export interface GrpcMessageSink {
  message(bytes: Uint8Array, start: number, end: number): void;
}

/** Cuts a body into messages. One that lies in one chunk is not copied. */
export class GrpcReader {
  readonly #sink: GrpcMessageSink;
  readonly #options: GrpcReaderOptions;
  /** The beginning of a message whose rest has not come; `#needed` bytes are worth looking again. */
  #parts: Uint8Array[] | undefined;
  #bytes = 0;
  #needed = 0;

  constructor(sink: GrpcMessageSink, options: GrpcReaderOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** Bytes of a message whose rest has not come; 0: the body may end here. */
  get heldBytes(): number {
    return this.#parts === undefined ? 0 : this.#bytes;
  }

  /** @throws GrpcBodyError, GrpcMessageTooLarge, and what the sink and `decompress` throw */
  push(chunk: Uint8Array): void {
    if (this.#parts === undefined) {
      this.#scan(chunk);
      return;
    }
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return;
    const whole = concatBytes(this.#parts);
    this.#parts = undefined;
    this.#scan(whole);
  }

  #scan(bytes: Uint8Array): void {
    const { bytesMax } = this.#options;
    let offset = 0;
    let needed = grpcPrefixBytes;
    while (bytes.length - offset >= grpcPrefixBytes) {
      const size = uint32(bytes, offset + 1);
      if (size > bytesMax) throw new GrpcMessageTooLarge(size, bytesMax);
      needed = grpcPrefixBytes + size;
      if (bytes.length - offset < needed) break;
      const format = bytes[offset] as number;
      if (format > 1) throw new GrpcBodyError(`grpc: received unexpected payload format ${format}`);
      const start = offset + grpcPrefixBytes;
      offset += needed;
      needed = grpcPrefixBytes;
      if (format === 1) this.#decompressed(bytes.subarray(start, offset));
      else this.#sink.message(bytes, start, offset);
    }
    if (offset === bytes.length) return;
    const rest = bytes.subarray(offset);
    this.#parts = [rest];
    this.#bytes = rest.length;
    this.#needed = needed;
  }

  #decompressed(message: Uint8Array): void {
    const { decompress } = this.#options;
    if (decompress === undefined) throw new GrpcBodyError("a compressed message that nobody asked for");
    const bytes = decompress(message);
    this.#sink.message(bytes, 0, bytes.length);
  }
}

function uint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  return high * 0x1_0000 + (((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number));
}
