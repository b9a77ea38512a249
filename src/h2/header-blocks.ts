import { ConnectionError, errorCode, frameFlag, streamIdMax, violation } from "./frames.ts";
import { type FieldList, HeaderDecoder } from "./header-decoder.ts";
import type { HeaderLimits } from "./limits.ts";

/** Header bytes may take 30 bits each in Huffman's code; longer blocks cannot be within the limit. */
const blockBytesPerHeaderByte = 4;

/** A header block that is complete. */
export interface HeaderBlock {
  readonly streamId: number;
  readonly endStream: boolean;
  /** Its stream says that it depends on itself: all that is left of priorities (RFC 7540, section 5.3.1). */
  readonly selfDependent: boolean;
  readonly list: FieldList;
}

/** Puts header blocks together from HEADERS and CONTINUATION frames (RFC 9113, section 4.3) and decodes them. */
export class HeaderBlocks {
  readonly #decoder: HeaderDecoder;
  readonly #blockBytesMax: number;
  #open: Omit<HeaderBlock, "list"> | undefined;
  #parts: Buffer[] = [];
  #bytes = 0;

  constructor({ headerBytesMax, headerFieldsMax }: HeaderLimits) {
    this.#decoder = new HeaderDecoder(headerBytesMax, headerFieldsMax);
    this.#blockBytesMax = headerBytesMax * blockBytesPerHeaderByte;
  }

  /** The stream whose block is not complete, or 0. */
  get openStreamId(): number {
    return this.#open?.streamId ?? 0;
  }

  /** HEADERS (section 6.2). @throws ConnectionError */
  begin(flags: number, streamId: number, bytes: Buffer, start: number, end: number): HeaderBlock | undefined {
    // Section 5.1.1: clients take odd numbers.
    if ((streamId & 1) === 0) throw violation("HEADERS on a stream that is none of the client's");
    let [from, to] = [start, end];
    if ((flags & frameFlag.padded) !== 0) {
      from++;
      to -= start < end ? (bytes[start] as number) : 0;
    }
    let selfDependent = false;
    if ((flags & frameFlag.priority) !== 0) {
      selfDependent = from + 5 <= to && (bytes.readUInt32BE(from) & streamIdMax) === streamId;
      from += 5;
    }
    if (from > to) throw violation("more padding than HEADERS");
    const endStream = (flags & frameFlag.endStream) !== 0;
    if ((flags & frameFlag.endHeaders) !== 0) {
      return { streamId, endStream, selfDependent, list: this.#decoder.decode(bytes, from, to) };
    }
    this.#open = { streamId, endStream, selfDependent };
    this.#parts = [Buffer.from(bytes.subarray(from, to))];
    this.#bytes = to - from;
    return undefined;
  }

  /** CONTINUATION (section 6.10). @throws ConnectionError */
  goOn(flags: number, bytes: Buffer, start: number, end: number): HeaderBlock | undefined {
    const open = this.#open;
    if (open === undefined) throw violation("CONTINUATION of nothing");
    this.#bytes += end - start;
    if (this.#bytes > this.#blockBytesMax) {
      throw new ConnectionError(errorCode.enhanceYourCalm, "a header block without end");
    }
    if (end > start) this.#parts.push(Buffer.from(bytes.subarray(start, end)));
    if ((flags & frameFlag.endHeaders) === 0) return undefined;
    const whole = Buffer.concat(this.#parts);
    this.#open = undefined;
    this.#parts = [];
    return { ...open, list: this.#decoder.decode(whole, 0, whole.length) };
  }
}
