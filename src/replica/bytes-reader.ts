/** Bytes that do not say what they should: damage, or another version. */
export class MalformedBytesError extends Error {
  override readonly name = "MalformedBytesError";
}

/** Reads what `BytesWriter` wrote; every read is bounded by the bytes there are. @throws MalformedBytesError */
export class BytesReader {
  readonly #bytes: Buffer;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get left(): number {
    return this.#bytes.length - this.#position;
  }

  byte(): number {
    return this.#bytes[this.#take(1)] as number;
  }

  uint32(): number {
    return this.#bytes.readUInt32LE(this.#take(4));
  }

  /** Unsigned. */
  uint64(): bigint {
    return this.#bytes.readBigUInt64LE(this.#take(8));
  }

  float64(): number {
    return this.#bytes.readDoubleLE(this.#take(8));
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) break;
        return value;
      }
      scale *= 0x80;
    }
    throw new MalformedBytesError("a number is too large");
  }

  /** A view, not a copy. */
  bytes(): Uint8Array {
    const length = this.number();
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  text(): string {
    return Buffer.from(this.bytes()).toString("utf8");
  }

  /** The rest, as a view. */
  rest(): Uint8Array {
    const start = this.#take(this.left);
    return this.#bytes.subarray(start);
  }

  /** A list's length, checked against the bytes that are left (an item takes one at least). */
  count(): number {
    const count = this.number();
    if (count > this.left) throw new MalformedBytesError(`${count} items in ${this.left} bytes`);
    return count;
  }

  #take(length: number): number {
    if (length > this.left) throw new MalformedBytesError(`${length} bytes wanted, ${this.left} left`);
    const start = this.#position;
    this.#position += length;
    return start;
  }
}
