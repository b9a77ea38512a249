import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32c, seededPrng, utf8 } from "../../src/base/index.ts";

/** Bit by bit, as the polynomial is defined. */
function slow(bytes: Uint8Array): number {
  let crc = 0xffff_ffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) !== 0 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

test("the checksum of the nine digits is the one that every CRC-32C has", () => {
  assert.equal(crc32c(utf8("123456789")), 0xe3069283);
});

test("any stretch of any memory has the checksum of its bytes, in one piece or in two", () => {
  const random = seededPrng(1);
  const memory = Uint8Array.from({ length: 2048 }, () => Math.floor(random() * 256));
  for (let i = 0; i < 300; i++) {
    // Views that begin at any address, and stretches that begin anywhere in them.
    const bytes = memory.subarray(i % 9, 1024 + Math.floor(random() * 1024));
    const start = Math.floor(random() * 20);
    const end = start + Math.floor(random() * (bytes.length - start));
    const middle = start + Math.floor(random() * (end - start));
    const expected = slow(bytes.subarray(start, end));
    assert.equal(crc32c(bytes, start, end), expected);
    assert.equal(crc32c(bytes, middle, end, crc32c(bytes, start, middle)), expected);
  }
});
