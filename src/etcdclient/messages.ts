import { concatBytes } from "../base/index.ts";
import { messageBytesMax } from "./limits.ts";

/** One byte (1: compressed) and four of length, most significant first, before each message. */
const prefixBytes = 5;

/** A body that is not what gRPC says. */
export class BadBody extends Error {}

/** More than `messageBytesMax`. */
export class MessageTooLarge extends Error {}

/** The message as it is sent. */
export function framed(message: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(prefixBytes + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, prefixBytes);
  return bytes;
}

/**
 * Cuts a body into gRPC's messages (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md). None may be compressed: we do not
 * say that we could read it. A message that lies in one chunk is a view of it.
 */
export class MessageReader {
  readonly #deliver: (message: Uint8Array) => void;
  /** The beginning of a message whose rest has not come; `#needed` bytes are worth looking again. */
  #parts: Uint8Array[] = [];
  #bytes = 0;
  #needed = prefixBytes;

  constructor(deliver: (message: Uint8Array) => void) {
    this.#deliver = deliver;
  }

  /** True when the body may end here. */
  get complete(): boolean {
    return this.#bytes === 0;
  }

  /** @throws BadBody, MessageTooLarge */
  push(chunk: Uint8Array): void {
    this.#bytes += chunk.length;
    if (this.#parts.length > 0) {
      this.#parts.push(chunk);
      if (this.#bytes < this.#needed) return;
    }
    const whole = this.#parts.length > 0 ? concatBytes(this.#parts) : chunk;
    let at = 0;
    this.#needed = prefixBytes;
    while (whole.length - at >= prefixBytes) {
      if (whole[at] !== 0) throw new BadBody("a compressed message that nobody asked for");
      const size = new DataView(whole.buffer, whole.byteOffset + at + 1, 4).getUint32(0);
      if (size > messageBytesMax) throw new MessageTooLarge(`an answer of ${size} bytes`);
      this.#needed = prefixBytes + size;
      if (whole.length - at < this.#needed) break;
      at += this.#needed;
      this.#needed = prefixBytes;
      this.#deliver(whole.subarray(at - size, at));
    }
    this.#parts = at === whole.length ? [] : [whole.subarray(at)];
    this.#bytes = whole.length - at;
  }
}
