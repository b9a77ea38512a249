/** Reads a bbolt file the plain way: from the root down, page by page, believing nothing about the order. */
import assert from "node:assert/strict";

const pageBytes = 4096;

export function readBbolt(file: Buffer): Map<string, [key: Buffer, value: Buffer][]> {
  const seen = new Set<number>();
  const meta = file.subarray(pageBytes + 16, pageBytes + 80);
  assert.equal(meta.readUInt32LE(0), 0xed0cdaed);
  assert.equal(meta.readUInt32LE(8), pageBytes);
  assert.equal(Number(meta.readBigUInt64LE(40)) * pageBytes, file.length, "the pages that it says it has");
  const buckets = new Map<string, [Buffer, Buffer][]>();
  for (const [name, value, flags] of walk(Number(meta.readBigUInt64LE(16)))) {
    assert.equal(flags, 1, "the root has buckets only");
    const root = Number(value.readBigUInt64LE(0));
    const found = root === 0 ? leaf(value, 16) : walk(root);
    const entries = [...found].map(([key, one]) => [key, one] as [Buffer, Buffer]);
    for (const [i, [key]] of entries.entries())
      if (i > 0) assert.ok(Buffer.compare((entries[i - 1] as [Buffer, Buffer])[0], key) < 0, "keys rise");
    buckets.set(name.toString(), entries);
  }
  assert.equal(seen.size + 3, file.length / pageBytes, "no page is lost");
  return buckets;

  function* walk(page: number): Iterable<[key: Buffer, value: Buffer, flags: number]> {
    const at = page * pageBytes;
    assert.equal(Number(file.readBigUInt64LE(at)), page, "a page knows its number");
    const kind = file.readUInt16LE(at + 8);
    const count = file.readUInt16LE(at + 10);
    for (let i = 0; i <= file.readUInt32LE(at + 12); i++) {
      assert.ok(!seen.has(page + i), "no page is used twice");
      seen.add(page + i);
    }
    if (kind === 2) return yield* leaf(file, at);
    assert.equal(kind, 1);
    for (let i = 0; i < count; i++) {
      const element = at + 16 + 16 * i;
      const first = element + file.readUInt32LE(element);
      const key = file.subarray(first, first + file.readUInt32LE(element + 4));
      const below = [...walk(Number(file.readBigUInt64LE(element + 8)))];
      assert.ok(below[0]?.[0].equals(key), "a branch names the first key below");
      yield* below;
    }
  }

  function* leaf(bytes: Buffer, at: number): Iterable<[key: Buffer, value: Buffer, flags: number]> {
    assert.equal(bytes.readUInt16LE(at + 8), 2);
    for (let i = 0; i < bytes.readUInt16LE(at + 10); i++) {
      const element = at + 16 + 16 * i;
      const key = element + bytes.readUInt32LE(element + 4);
      const keyEnd = key + bytes.readUInt32LE(element + 8);
      const valueEnd = keyEnd + bytes.readUInt32LE(element + 12);
      yield [bytes.subarray(key, keyEnd), bytes.subarray(keyEnd, valueEnd), bytes.readUInt32LE(element)];
    }
  }
}
