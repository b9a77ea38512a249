import { isAscii } from "node:buffer";
import { emptyBytes } from "../../base/index.ts";
import { ProtobufError } from "./error.ts";
import { messageDepthMax } from "./limits.ts";

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const highUnit = 0x1_0000_0000;

/**
 * Reads one message. Bytes are views of the input, never copies. Every length is checked against the message around it,
 * nesting is bounded, and whatever does not fit throws a ProtobufError; nothing is allocated from a length alone.
 */
export class ProtobufReader {
  #bytes: Uint8Array;
  #position: number;
  #end: number;
  #depth = 0;
  // The halves of the last 64-bit varint.
  #low = 0;
  #high = 0;
  #pair: { wide: BigInt64Array; unsigned: BigUint64Array; halves: Uint32Array } | undefined;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#position = 0;
    this.#end = bytes.length;
  }

  /** From now on it reads the message that lies in `bytes` from `start` to `end`. */
  begin(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
    this.#depth = 0;
  }

  /** True while the current message has more fields. */
  get more(): boolean {
    return this.#position < this.#end;
  }

  /** Field number and wire type: `number << 3 | type`. */
  tag(): number {
    const first = this.#bytes[this.#position] as number;
    if (first < 0x80 && first >= 8) {
      this.#position++;
      return first;
    }
    this.#varint64();
    if (this.#high !== 0 || this.#low < 8) throw new ProtobufError("illegal tag");
    return this.#low;
  }

  /** Enters a nested message; give the answer to `leave`. */
  enter(): number {
    const size = this.#size();
    if (++this.#depth > messageDepthMax) throw new ProtobufError("exceeded maximum recursion depth");
    const outer = this.#end;
    this.#end = this.#position + size;
    return outer;
  }

  leave(outer: number): void {
    this.#depth--;
    this.#end = outer;
  }

  bytes(): Uint8Array {
    const size = this.#size();
    if (size === 0) return emptyBytes;
    const start = this.#position;
    this.#position = start + size;
    return new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + start, size);
  }

  /** UTF-8, which a proto3 string must be. */
  string(): string {
    const size = this.#size();
    if (size === 0) return "";
    const start = this.#position;
    this.#position = start + size;
    if (size <= 16) {
      let text = "";
      let i = start;
      for (; i < start + size; i++) {
        const byte = this.#bytes[i] as number;
        if (byte >= 0x80) break;
        text += String.fromCharCode(byte);
      }
      if (i === start + size) return text;
    }
    const view = Buffer.from(this.#bytes.buffer as ArrayBuffer, this.#bytes.byteOffset + start, size);
    if (isAscii(view)) return view.toString("latin1");
    try {
      return strictDecoder.decode(view);
    } catch {
      throw new ProtobufError("string field contains invalid UTF-8");
    }
  }

  bool(): boolean {
    this.#varint64();
    return this.#low !== 0 || this.#high !== 0;
  }

  /** int32 and enums: the low 32 bits, signed. */
  int32(): number {
    this.#varint64();
    return this.#low | 0;
  }

  uint32(): number {
    this.#varint64();
    return this.#low;
  }

  /** @throws ProtobufError beyond ±(2^53 - 1) */
  int64(): number {
    this.#varint64();
    return exact(this.#signed());
  }

  /** What does not fit ±(2^53 - 1) becomes that bound: for what is only compared with smaller numbers. */
  int64Clamped(): number {
    this.#varint64();
    const value = this.#signed();
    return value > Number.MAX_SAFE_INTEGER
      ? Number.MAX_SAFE_INTEGER
      : Math.max(value, Number.MIN_SAFE_INTEGER);
  }

  /** @throws ProtobufError beyond 2^53 - 1 */
  uint64(): number {
    this.#varint64();
    return exact(this.#high * highUnit + this.#low);
  }

  bigint64(): bigint {
    this.#varint64();
    if (this.#high === 0) return BigInt(this.#low);
    return this.#join().wide[0] as bigint;
  }

  biguint64(): bigint {
    this.#varint64();
    if (this.#high === 0) return BigInt(this.#low);
    return this.#join().unsigned[0] as bigint;
  }

  double(): number {
    const start = this.#position;
    this.#advance(8);
    return new DataView(this.#bytes.buffer, this.#bytes.byteOffset + start, 8).getFloat64(0, true);
  }

  /** Passes over a field that this version does not know. */
  skip(tag: number): void {
    switch (tag & 7) {
      case 0:
        this.#varint64();
        return;
      case 1:
        this.#advance(8);
        return;
      case 2:
        this.#advance(this.#size());
        return;
      case 3:
        this.#skipGroup(tag >>> 3);
        return;
      case 5:
        this.#advance(4);
        return;
      default:
        throw new ProtobufError(`illegal wire type ${tag & 7}`);
    }
  }

  #skipGroup(number: number): void {
    if (++this.#depth > messageDepthMax) throw new ProtobufError("exceeded maximum recursion depth");
    for (;;) {
      if (!this.more) throw new ProtobufError("unexpected EOF");
      const tag = this.tag();
      if ((tag & 7) === 4) {
        if (tag >>> 3 !== number) throw new ProtobufError("mismatching end group marker");
        this.#depth--;
        return;
      }
      this.skip(tag);
    }
  }

  #join(): { wide: BigInt64Array; unsigned: BigUint64Array; halves: Uint32Array } {
    if (this.#pair === undefined) {
      const buffer = new ArrayBuffer(8);
      this.#pair = {
        wide: new BigInt64Array(buffer),
        unsigned: new BigUint64Array(buffer),
        halves: new Uint32Array(buffer),
      };
    }
    this.#pair.halves[0] = this.#low;
    this.#pair.halves[1] = this.#high;
    return this.#pair;
  }

  #signed(): number {
    return (this.#high | 0) * highUnit + this.#low;
  }

  /** A length that fits into the rest of the current message. */
  #size(): number {
    const first = this.#position < this.#end ? (this.#bytes[this.#position] as number) : 0x80;
    let size = first;
    if (first < 0x80) {
      this.#position++;
    } else {
      this.#varint64();
      if (this.#high !== 0) throw new ProtobufError("unexpected EOF");
      size = this.#low;
    }
    if (size > this.#end - this.#position) throw new ProtobufError("unexpected EOF");
    return size;
  }

  #advance(size: number): void {
    if (size > this.#end - this.#position) throw new ProtobufError("unexpected EOF");
    this.#position += size;
  }

  /** At most ten bytes, the tenth of them 0 or 1. */
  #varint64(): void {
    const bytes = this.#bytes;
    const end = this.#end;
    let position = this.#position;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (position >= end) throw new ProtobufError("unexpected EOF");
      const byte = bytes[position++] as number;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else high |= bits << (shift - 32);
      if (byte < 0x80) {
        if (shift === 63 && byte > 1) break;
        this.#position = position;
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new ProtobufError("variable length integer overflow");
  }
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw new ProtobufError(`integer ${value} is beyond 2^53`);
  return value;
}
