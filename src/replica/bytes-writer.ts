import { assert } from "../base/index.ts";

const initialBytes = 256;

/** A bigint becomes bytes here without another bigint on the way. */
const eightBytes = new DataView(new ArrayBuffer(8));

/** Builds a message in a buffer that grows. Numbers are unsigned LEB128 varints unless their width is named. */
export class BytesWriter {
  #bytes: Buffer;
  #length = 0;

  /** `bytes`: about how many are to come. */
  constructor(bytes = initialBytes) {
    this.#bytes = Buffer.allocUnsafe(bytes);
  }

  get length(): number {
    return this.#length;
  }

  /** What was written; the writer is not to be used after. */
  finish(): Uint8Array {
    return this.#length === this.#bytes.length ? this.#bytes : this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): void {
    this.#room(1);
    this.#bytes[this.#length++] = value;
  }

  uint32(value: number): void {
    this.#room(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  /** A 64-bit identity, signed or not: its low 64 bits. */
  uint64(value: bigint): void {
    eightBytes.setBigInt64(0, value, true);
    this.uint32(eightBytes.getUint32(0, true));
    this.uint32(eightBytes.getUint32(4, true));
  }

  /** Any number at all, in eight bytes. */
  float64(value: number): void {
    this.#room(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  /** A safe integer that is not negative. */
  number(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) assert(false, `${value} cannot be written as a varint`);
    if (value < 0x80) return this.byte(value);
    this.#room(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  bytes(value: Uint8Array): void {
    this.number(value.length);
    this.raw(value);
  }

  text(value: string): void {
    // Most commands are of somebody without a name.
    if (value === "") this.byte(0);
    else this.bytes(Buffer.from(value, "utf8"));
  }

  /** Without a length before it. */
  raw(value: Uint8Array): void {
    this.#room(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
