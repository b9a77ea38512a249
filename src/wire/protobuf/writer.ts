import { assert } from "../../base/index.ts";
import { writerChunkBytes } from "./limits.ts";

const encoder = new TextEncoder();
const highUnit = 0x1_0000_0000;

/**
 * Writes messages back to front, as gogo-proto does: once the content of a nested message stands, its length is known, so
 * one pass is enough and nothing is measured beforehand. Fields are therefore written in descending order, and a
 * frame's header can be put before the message at the end.
 *
 *     chunk  [ ........ free ........ | header | message | earlier results ]
 *                                     ^ position         ^ end
 *
 * Results are views of the writer's chunk, handed out once and never written again unless they are taken back; whoever keeps a small one
 * for long keeps its chunk alive.
 */
export class ProtobufWriter {
  #chunk = new Uint8Array(writerChunkBytes);
  #end = writerChunkBytes;
  #position = writerChunkBytes;
  // One 64-bit integer as two halves: BigInt arithmetic would allocate.
  readonly #wide = new BigUint64Array(1);
  readonly #halves = new Uint32Array(this.#wide.buffer);

  /** Forgets what was not finished and starts a message. `bytes`: about how many are to come, where that may be more than a chunk has. */
  begin(bytes = 0): void {
    if (this.#chunk.length > writerChunkBytes || bytes > writerChunkBytes) {
      this.#chunk = uninitialized(Math.max(bytes, writerChunkBytes));
      this.#position = this.#chunk.length;
    }
    this.#end = this.#position;
  }

  /** The bytes since `begin`. */
  finish(): Uint8Array {
    return this.#chunk.subarray(this.#position, this.#end);
  }

  /** Takes the memory of the last result back: nobody looks at it any more. */
  takeBack(): void {
    this.#position = this.#end;
  }

  /** Bytes written since `begin`; remember it before a nested message. */
  get length(): number {
    return this.#end - this.#position;
  }

  /** Ends a nested message that began at `length` `before`: puts its length and tag in front. */
  message(tag: number, before: number): void {
    this.varint(this.#end - this.#position - before);
    this.varint(tag);
  }

  bytes(tag: number, value: Uint8Array): void {
    this.encoded(value);
    this.varint(value.length);
    this.varint(tag);
  }

  /** Fields that were encoded before, as they are. */
  encoded(fields: Uint8Array): void {
    const size = fields.length;
    this.#reserve(size);
    this.#position -= size;
    // Small copies are cheaper by hand than through the engine's memmove.
    if (size <= 24) {
      const chunk = this.#chunk;
      const position = this.#position;
      for (let i = 0; i < size; i++) chunk[position + i] = fields[i] as number;
    } else {
      this.#chunk.set(fields, this.#position);
    }
  }

  string(tag: number, value: string): void {
    this.varint(this.#text(value));
    this.varint(tag);
  }

  bool(tag: number, value: boolean): void {
    this.byte(value ? 1 : 0);
    this.varint(tag);
  }

  /** int32 and enums: negative numbers take ten bytes. */
  int32(tag: number, value: number): void {
    this.#int64(value | 0);
    this.varint(tag);
  }

  uint32(tag: number, value: number): void {
    this.varint(value >>> 0);
    this.varint(tag);
  }

  /** int64 or uint64 that is a number here. Asserts that it is an integer below 2^53. */
  int64(tag: number, value: number): void {
    // Most are small.
    if (tag < 0x80 && value >= 0 && value < 0x4000) {
      this.#reserve(3);
      const chunk = this.#chunk;
      let position = this.#position;
      if (value < 0x80) chunk[--position] = value;
      else {
        chunk[--position] = value >>> 7;
        chunk[--position] = (value & 0x7f) | 0x80;
      }
      chunk[--position] = tag;
      this.#position = position;
      return;
    }
    this.#int64(value);
    this.varint(tag);
  }

  /** int64 or uint64 as a bigint, taken modulo 2^64. */
  bigint64(tag: number, value: bigint): void {
    this.#bigint64(value);
    this.varint(tag);
  }

  double(tag: number, value: number): void {
    this.#reserve(8);
    this.#position -= 8;
    new DataView(this.#chunk.buffer, this.#position, 8).setFloat64(0, value, true);
    this.varint(tag);
  }

  packedInt32(tag: number, values: readonly number[]): void {
    const before = this.length;
    for (let i = values.length - 1; i >= 0; i--) this.#int64((values[i] as number) | 0);
    this.message(tag, before);
  }

  packedBigint64(tag: number, values: readonly bigint[]): void {
    const before = this.length;
    for (let i = values.length - 1; i >= 0; i--) this.#bigint64(values[i] as bigint);
    this.message(tag, before);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#chunk[--this.#position] = value;
  }

  /** Four bytes, most significant first: the length in a gRPC frame. */
  uint32BigEndian(value: number): void {
    this.#reserve(4);
    const position = this.#position - 4;
    const chunk = this.#chunk;
    chunk[position] = value >>> 24;
    chunk[position + 1] = value >>> 16;
    chunk[position + 2] = value >>> 8;
    chunk[position + 3] = value;
    this.#position = position;
  }

  /** Below 2^32. */
  varint(value: number): void {
    if (value < 0x80) {
      this.#reserve(1);
      this.#chunk[--this.#position] = value;
      return;
    }
    const size = value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : value < 0x1000_0000 ? 4 : 5;
    this.#reserve(size);
    let position = this.#position - size;
    this.#position = position;
    const chunk = this.#chunk;
    let rest = value >>> 0;
    while (rest >= 0x80) {
      chunk[position++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    chunk[position] = rest;
  }

  #int64(value: number): void {
    if (value >= 0 && value < highUnit) {
      this.varint(value);
      return;
    }
    assert(Number.isSafeInteger(value), `${value} is no integer below 2^53`);
    const high = Math.floor(value / highUnit);
    this.#varint64(value - high * highUnit, high >>> 0);
  }

  #bigint64(value: bigint): void {
    this.#wide[0] = value;
    this.#varint64(this.#halves[0] as number, this.#halves[1] as number);
  }

  #varint64(low: number, high: number): void {
    if (high === 0) {
      this.varint(low);
      return;
    }
    // 28 + 28 + 8 bits: each part fits a 32-bit shift.
    const second = ((low >>> 28) | (high << 4)) & 0xfff_ffff;
    const third = high >>> 24;
    const size = third !== 0 ? (third < 0x80 ? 9 : 10) : 4 + varintSize(second);
    this.#reserve(size);
    const position = this.#position - size;
    this.#position = position;
    const chunk = this.#chunk;
    for (let i = 0; i < size; i++) {
      const bits = i < 4 ? low >>> (7 * i) : i < 8 ? second >>> (7 * (i - 4)) : third >>> (7 * (i - 8));
      chunk[position + i] = i === size - 1 ? bits & 0x7f : (bits & 0x7f) | 0x80;
    }
  }

  /** Writes UTF-8 and answers its size. */
  #text(value: string): number {
    const length = value.length;
    if (length <= 64) {
      this.#reserve(length);
      const start = this.#position - length;
      const chunk = this.#chunk;
      let i = 0;
      for (; i < length; i++) {
        const unit = value.charCodeAt(i);
        if (unit >= 0x80) break;
        chunk[start + i] = unit;
      }
      if (i === length) {
        this.#position = start;
        return length;
      }
    }
    const bytes = encoder.encode(value);
    this.#reserve(bytes.length);
    this.#position -= bytes.length;
    this.#chunk.set(bytes, this.#position);
    return bytes.length;
  }

  #reserve(size: number): void {
    if (this.#position < size) this.#grow(size);
  }

  /** Moves the unfinished message to the end of a new chunk; the old one belongs to the results cut from it. */
  #grow(size: number): void {
    const used = this.#end - this.#position;
    const needed = used + size;
    const length = Math.max(needed * 2, writerChunkBytes);
    const chunk = uninitialized(length);
    chunk.set(this.#chunk.subarray(this.#position, this.#end), length - used);
    this.#chunk = chunk;
    this.#end = length;
    this.#position = length - used;
  }
}

/** All of it that anybody sees is written before. */
function uninitialized(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.allocUnsafeSlow(length).buffer as ArrayBuffer);
}

function varintSize(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x20_0000 ? 3 : 4;
}
