import { isAscii } from "node:buffer";
import { emptyBytes } from "../../base/index.ts";
import { ProtobufError } from "./error.ts";
import { messageDepthMax } from "./limits.ts";

const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const highUnit = 0x1_0000_0000;

/** What has to be known of a message to pass over what is not known in it. */
interface SkippingMessage {
  readonly name: string;
  readonly fields: () => readonly { readonly id: number; readonly protoName: string }[];
}

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
    if (this.#high !== 0) throw new ProtobufError("proto: illegal tag");
    return this.#low;
  }

  /** Enters a nested message; give the answer to `leave`. */
  enter(): number {
    const size = this.#size();
    if (++this.#depth > messageDepthMax) throw new ProtobufError("proto: exceeded maximum recursion depth");
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
      throw new ProtobufError("proto: string field contains invalid UTF-8");
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

  /**
   * Passes over what this version does not know in a message. What `message` has under another wire type is refused, as Go's generated code
   * does. Without it, all that can be passed over is.
   * @throws ProtobufError
   */
  skip(tag: number, message?: SkippingMessage): void {
    const [number, wireType] = [tag >>> 3, tag & 7];
    const of = message === undefined ? "" : `${message.name.slice(message.name.lastIndexOf(".") + 1)}: `;
    if (wireType === 4) throw new ProtobufError(`proto: ${of}wiretype end group for non-group`);
    if (number === 0) throw new ProtobufError(`proto: ${of}illegal tag ${number} (wire type ${wireType})`);
    const known = message?.fields().find(({ id }) => id === number);
    if (known !== undefined)
      throw new ProtobufError(`proto: wrong wireType = ${wireType} for field ${goName(known.protoName)}`);
    // Groups are nested in no order that matters: each end takes one off, whichever it names.
    let depth = 0;
    for (let type = wireType; ; type = this.#anyTag() & 7) {
      depth += this.#skipOne(type);
      if (depth === 0) return;
    }
  }

  /** Passes over one field of an unknown message; answers how much deeper in groups that is. */
  #skipOne(wireType: number): -1 | 0 | 1 {
    switch (wireType) {
      case 0:
        this.#varint64();
        return 0;
      case 1:
        this.#advance(8);
        return 0;
      case 2:
        this.#advance(this.#size());
        return 0;
      case 3:
        return 1;
      case 4:
        return -1;
      case 5:
        this.#advance(4);
        return 0;
      default:
        throw new ProtobufError(`proto: illegal wireType ${wireType}`);
    }
  }

  /** A tag whose number nobody looks at. */
  #anyTag(): number {
    this.#varint64();
    return this.#low;
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
      if (this.#high >= 0x7fff_ffff) this.#refuseLength();
      if (this.#high !== 0) throw new ProtobufError("unexpected EOF");
      size = this.#low;
    }
    if (size > this.#end - this.#position) throw new ProtobufError("unexpected EOF");
    return size;
  }

  /** Go's code adds what it has read to the length: whatever is no int64 then is a negative one. */
  #refuseLength(): void {
    if (this.#high > 0x7fff_ffff || this.#low + this.#position > 0xffff_ffff)
      throw new ProtobufError("proto: negative length found during unmarshaling");
  }

  #advance(size: number): void {
    if (size > this.#end - this.#position) throw new ProtobufError("unexpected EOF");
    this.#position += size;
  }

  /** At most ten bytes; what does not fit into 64 bits is lost, as in Go. */
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
        this.#position = position;
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw new ProtobufError("proto: integer overflow");
  }
}

/** How Go's generated code calls a field. */
function goName(protoName: string): string {
  return protoName
    .split("_")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("");
}

function exact(value: number): number {
  if (!Number.isSafeInteger(value)) throw new ProtobufError(`proto: integer ${value} is beyond 2^53`);
  return value;
}
