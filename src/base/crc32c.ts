/** The reversed polynomial of CRC-32C (Castagnoli; RFC 3720, appendix B.4). */
const polynomial = 0x82f63b78;

/** Slicing by 8 and by 16 (Kounavis and Berry, 2005): row r holds the checksum of a byte followed by r zero bytes. */
const tables = makeTables();

/** From so many bytes on, reading them as words is worth the view that it takes. */
const wordsBytesMin = 256;

/** Of four bytes read as a word the first is the lowest, as the tables want it. */
const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

function makeTables(): Int32Array {
  const rows = new Int32Array(16 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) !== 0 ? (value >>> 1) ^ polynomial : value >>> 1;
    rows[byte] = value;
  }
  for (let i = 256; i < rows.length; i++) {
    const previous = rows[i - 256] as number;
    rows[i] = (previous >>> 8) ^ (rows[previous & 0xff] as number);
  }
  return rows;
}

/**
 * CRC-32C of `bytes[start, end)`, as an unsigned 32-bit number. `seed` is the checksum of what came before, so that
 * `crc32c(b, 0, n, crc32c(a))` is the checksum of a and b one after the other.
 */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, seed = 0): number {
  const t = tables;
  let crc = ~seed;
  let i = start;
  if (end - start >= wordsBytesMin && littleEndian && ((bytes.byteOffset + start) & 3) === 0) {
    i = end - ((end - start) & 15);
    crc = byWords(new Int32Array(bytes.buffer, bytes.byteOffset + start, (i - start) >>> 2), crc);
  }
  for (const stop = end - 7; i < stop; i += 8) {
    crc ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    crc =
      (t[1792 + (crc & 0xff)] as number) ^
      (t[1536 + ((crc >>> 8) & 0xff)] as number) ^
      (t[1280 + ((crc >>> 16) & 0xff)] as number) ^
      (t[1024 + (crc >>> 24)] as number) ^
      (t[768 + (bytes[i + 4] as number)] as number) ^
      (t[512 + (bytes[i + 5] as number)] as number) ^
      (t[256 + (bytes[i + 6] as number)] as number) ^
      (t[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ (t[(crc ^ (bytes[i] as number)) & 0xff] as number);
  return ~crc >>> 0;
}

/** Four words at a time: half as much again as byte by byte. */
function byWords(words: Int32Array, before: number): number {
  const t = tables;
  let crc = before;
  for (let i = 0; i < words.length; i += 4) {
    const a = crc ^ (words[i] as number);
    const b = words[i + 1] as number;
    const c = words[i + 2] as number;
    const d = words[i + 3] as number;
    crc =
      (t[3840 + (a & 0xff)] as number) ^
      (t[3584 + ((a >>> 8) & 0xff)] as number) ^
      (t[3328 + ((a >>> 16) & 0xff)] as number) ^
      (t[3072 + (a >>> 24)] as number) ^
      (t[2816 + (b & 0xff)] as number) ^
      (t[2560 + ((b >>> 8) & 0xff)] as number) ^
      (t[2304 + ((b >>> 16) & 0xff)] as number) ^
      (t[2048 + (b >>> 24)] as number) ^
      (t[1792 + (c & 0xff)] as number) ^
      (t[1536 + ((c >>> 8) & 0xff)] as number) ^
      (t[1280 + ((c >>> 16) & 0xff)] as number) ^
      (t[1024 + (c >>> 24)] as number) ^
      (t[768 + (d & 0xff)] as number) ^
      (t[512 + ((d >>> 8) & 0xff)] as number) ^
      (t[256 + ((d >>> 16) & 0xff)] as number) ^
      (t[d >>> 24] as number);
  }
  return crc;
}
