import { ConnectionError, errorCode } from "./frames.ts";
import { DynamicTable, entryOverheadBytes, staticCount, staticNames, staticValues } from "./header-table.ts";
import { huffmanDecode } from "./huffman.ts";

/** What SETTINGS_HEADER_TABLE_SIZE is when nobody says otherwise (RFC 9113, section 6.5.2). */
const tableBytesMax = 4096;

/** A block up to this long is compared with the one before. */
const rememberedBytesMax = 512;

/** The fields of one block: name, value, name, value, … in their order. */
export interface FieldList {
  readonly fields: readonly string[];
  /** There was more than the limits allow; `fields` ends before. */
  readonly tooLarge: boolean;
}

/**
 * Decodes header blocks (RFC 7541). A client that asks the same thing again sends the same few bytes, all of them references into the
 * table: such a block gets the same list, the very object, as long as the table has not changed.
 */
export class HeaderDecoder {
  readonly #table = new DynamicTable(tableBytesMax);
  readonly #listBytesMax: number;
  readonly #fieldsMax: number;
  #scratch: Buffer = Buffer.alloc(0);
  #bytes: Buffer = this.#scratch;
  #offset = 0;
  #end = 0;
  #lastBlock: Buffer = this.#scratch;
  #lastList: FieldList | undefined;
  #lastGeneration = -1;

  /** `listBytesMax` counts as RFC 9113, section 6.5.2 does. */
  constructor(listBytesMax: number, fieldsMax: number) {
    this.#listBytesMax = listBytesMax;
    this.#fieldsMax = fieldsMax;
  }

  /** @throws ConnectionError COMPRESSION_ERROR */
  decode(bytes: Buffer, start: number, end: number): FieldList {
    const { generation } = this.#table;
    if (
      generation === this.#lastGeneration &&
      this.#lastList &&
      sameBytes(this.#lastBlock, bytes, start, end)
    ) {
      return this.#lastList;
    }
    const list = this.#decodeFields(bytes, start, end);
    if (generation === this.#table.generation && end - start <= rememberedBytesMax) {
      this.#lastBlock = Buffer.from(bytes.subarray(start, end));
      this.#lastList = list;
      this.#lastGeneration = generation;
    }
    return list;
  }

  #decodeFields(bytes: Buffer, start: number, end: number): FieldList {
    this.#bytes = bytes;
    this.#offset = start;
    this.#end = end;
    const fields: string[] = [];
    let listBytes = 0;
    let begun = false;
    while (this.#offset < end) {
      const byte = bytes[this.#offset] as number;
      let name: string;
      let value: string;
      if (byte >= 0x80) {
        // Section 6.1: indexed.
        const index = this.#integer(7);
        name = this.#nameAt(index);
        value =
          index <= staticCount ? (staticValues[index] as string) : this.#table.value(index - staticCount - 1);
      } else if (byte >= 0x20 && byte < 0x40) {
        // Section 6.3: a new size, at the beginning only (section 4.2).
        const size = this.#integer(5);
        if (begun || size > tableBytesMax) throw malformed("dynamic table size update");
        this.#table.resize(size);
        continue;
      } else {
        // Sections 6.2.1 to 6.2.3: a literal, kept in the table when its second bit says so.
        const kept = byte >= 0x40;
        const index = this.#integer(kept ? 6 : 4);
        name = index === 0 ? this.#string() : this.#nameAt(index);
        value = this.#string();
        if (kept) this.#table.insert(name, value);
      }
      begun = true;
      listBytes += name.length + value.length + entryOverheadBytes;
      // Beyond the limits the table is still kept up, but nothing is collected.
      if (listBytes <= this.#listBytesMax && fields.length < 2 * this.#fieldsMax) fields.push(name, value);
      else listBytes = Number.POSITIVE_INFINITY;
    }
    return { fields, tooLarge: listBytes > this.#listBytesMax };
  }

  #nameAt(index: number): string {
    if (index === 0 || index > staticCount + this.#table.count) throw malformed(`index ${index}`);
    return index <= staticCount ? (staticNames[index] as string) : this.#table.name(index - staticCount - 1);
  }

  /** Section 5.1. Nothing here is longer than a block, so four bytes more are enough. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#offset++] as number) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#offset >= this.#end) break;
      const byte = this.#bytes[this.#offset++] as number;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw malformed("integer");
  }

  /** Section 5.2. */
  #string(): string {
    if (this.#offset >= this.#end) throw malformed("string");
    const huffman = (this.#bytes[this.#offset] as number) >= 0x80;
    const length = this.#integer(7);
    const start = this.#offset;
    const end = start + length;
    if (end > this.#end) throw malformed("string");
    this.#offset = end;
    if (!huffman) return this.#bytes.toString("latin1", start, end);
    if (this.#scratch.length < length * 2) this.#scratch = Buffer.allocUnsafeSlow(Math.max(256, length * 2));
    const decoded = huffmanDecode(this.#bytes, start, end, this.#scratch);
    if (decoded < 0) throw malformed("Huffman code");
    return this.#scratch.toString("latin1", 0, decoded);
  }
}

function malformed(what: string): ConnectionError {
  return new ConnectionError(errorCode.compressionError, `malformed header block: ${what}`);
}

function sameBytes(remembered: Uint8Array, bytes: Uint8Array, start: number, end: number): boolean {
  if (remembered.length !== end - start) return false;
  for (let i = 0; i < remembered.length; i++) if (remembered[i] !== bytes[start + i]) return false;
  return true;
}
