import { staticNames, staticValues } from "./header-table.ts";
import { huffmanEncode } from "./huffman.ts";

/** Fields to send; several of one name as a list. */
export type OutgoingFields = Readonly<Record<string, string | readonly string[]>>;

/** Names whose values come again and again; these fields are encoded once. */
const recurring: readonly string[] = [
  ":status",
  "access-control-allow-origin",
  "cache-control",
  "content-encoding",
  "content-type",
  "date",
  "grpc-accept-encoding",
  "grpc-encoding",
  "grpc-status",
  "server",
  "vary",
  "x-content-type-options",
  "x-kubernetes-pf-flowschema-uid",
  "x-kubernetes-pf-prioritylevel-uid",
];

/** Values kept for each of them. More push all out: they do not recur after all. */
const valuesMax = 64;

/** Names kept in their encoded form. */
const namesMax = 256;

const staticIndexOfName = new Map<string, number>();
const staticIndexOfField = new Map<string, number>();
for (let index = staticNames.length - 1; index > 0; index--) {
  const [name, value] = [staticNames[index] as string, staticValues[index] as string];
  staticIndexOfName.set(name, index);
  if (value !== "") staticIndexOfField.set(`${name}\0${value}`, index);
}

/**
 * Encodes header blocks (RFC 7541) without a dynamic table: so a field's bytes are the same on every connection and can be kept. What is
 * encoded once and sent often is Huffman-coded; what is sent once is copied as it is.
 */
export class HeaderEncoder {
  readonly #values = new Map<string, Map<string, Uint8Array>>(recurring.map((name) => [name, new Map()]));
  readonly #names = new Map<string, Uint8Array>();
  /** Blocks of fields that cannot change. */
  readonly #blocks = new WeakMap<OutgoingFields, Buffer>();
  #out: Buffer = Buffer.allocUnsafeSlow(4096);
  #length = 0;

  /**
   * The block, valid until the next call. `first`: tells the peer's decoder that there is no table (section 6.3), so that it need not
   * wait for our answer when it makes its table smaller (section 4.2).
   * @throws TypeError for a value that cannot be sent.
   */
  encode(fields: OutgoingFields, first: boolean): Buffer {
    if (first) return this.#encode(fields, true);
    const known = this.#blocks.get(fields);
    if (known !== undefined) return known;
    const block = this.#encode(fields, false);
    if (Object.isFrozen(fields)) this.#blocks.set(fields, Buffer.from(block));
    return block;
  }

  #encode(fields: OutgoingFields, first: boolean): Buffer {
    this.#length = 0;
    if (first) this.#byte(0x20);
    for (const name in fields) {
      const value = fields[name] as string | readonly string[];
      if (typeof value === "string") this.#field(name, value);
      else for (const one of value) this.#field(name, one);
    }
    return this.#out.subarray(0, this.#length);
  }

  #field(name: string, value: string): void {
    const known = this.#values.get(name);
    const bytes = known?.get(value);
    if (bytes !== undefined) {
      this.#bytes(bytes);
      return;
    }
    checkValue(name, value);
    const start = this.#length;
    const index = staticIndexOfField.get(`${name}\0${value}`);
    if (index !== undefined) {
      this.#byte(0x80 | index);
    } else {
      this.#bytes(this.#encodedName(name));
      if (known === undefined) this.#plain(value);
      else this.#shortest(value);
    }
    if (known === undefined) return;
    if (known.size >= valuesMax) known.clear();
    known.set(value, Uint8Array.from(this.#out.subarray(start, this.#length)));
  }

  /** A literal that nobody need keep, up to its name (section 6.2.2). */
  #encodedName(name: string): Uint8Array {
    let bytes = this.#names.get(name);
    if (bytes === undefined) {
      if (!/^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name)) throw new TypeError(`not a header name: ${name}`);
      const index = staticIndexOfName.get(name) ?? 0;
      const coded = huffmanEncode(name);
      bytes = Uint8Array.from(
        index === 0 ? [0x00, ...integer(0x80, 7, coded.length), ...coded] : integer(0x00, 4, index),
      );
      if (this.#names.size < namesMax) this.#names.set(name, bytes);
    }
    return bytes;
  }

  #plain(value: string): void {
    for (const byte of integer(0, 7, value.length)) this.#byte(byte);
    this.#room(value.length);
    this.#length += this.#out.write(value, this.#length, "latin1");
  }

  #shortest(value: string): void {
    const coded = huffmanEncode(value);
    if (coded.length >= value.length) {
      this.#plain(value);
      return;
    }
    for (const byte of integer(0x80, 7, coded.length)) this.#byte(byte);
    this.#bytes(coded);
  }

  #byte(byte: number): void {
    this.#room(1);
    this.#out[this.#length++] = byte;
  }

  #bytes(bytes: Uint8Array): void {
    this.#room(bytes.length);
    // Mostly a dozen bytes: a loop is faster than a call into native code.
    for (let i = 0; i < bytes.length; i++) this.#out[this.#length++] = bytes[i] as number;
  }

  #room(bytes: number): void {
    if (this.#length + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(2 * (this.#length + bytes));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }
}

/** RFC 7541, section 5.1. */
function integer(pattern: number, prefixBits: number, value: number): number[] {
  const mask = (1 << prefixBits) - 1;
  if (value < mask) return [pattern | value];
  const bytes = [pattern | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80);
  bytes.push(rest);
  return bytes;
}

/** RFC 9113, section 8.2.1; a character beyond a byte cannot be sent at all. */
function checkValue(name: string, value: string): void {
  if (/[\0\r\n]|[^\0-\xff]/.test(value)) throw new TypeError(`not a value for the header ${name}`);
}
