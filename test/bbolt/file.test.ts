import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BboltDamagedError, BboltFile, BboltReader, type Bucket } from "../../src/bbolt/index.ts";
import { readBbolt } from "./reader.ts";

async function written(buckets: readonly Bucket[]): Promise<Buffer> {
  const file = await BboltFile.layOut(buckets, async () => {});
  const pieces: Uint8Array[] = [];
  for await (const piece of file.pieces()) pieces.push(piece);
  const whole = Buffer.concat(pieces);
  assert.equal(whole.length, file.bytes);
  return whole;
}

const bytes = (max: number) => fc.uint8Array({ minLength: 1, maxLength: max });
const entries = fc
  .uniqueArray(fc.record({ key: bytes(40), value: bytes(9000) }), {
    selector: ({ key }) => Buffer.from(key).toString("hex"),
    maxLength: 60,
  })
  .map((list) => list.sort((a, b) => Buffer.compare(a.key, b.key)));

test("what is written into buckets is read back by whoever walks the pages", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.constantFrom("a", "b", "key", "meta")),
      fc.array(entries),
      async (names, lists) => {
        const contents = names.map((name, i) => ({ name, list: lists[i] ?? [] }));
        const found = readBbolt(
          await written(contents.map(({ name, list }) => ({ name, entries: () => list }))),
        );
        assert.deepEqual([...found.keys()], [...names].sort());
        for (const { name, list } of contents)
          assert.deepEqual(
            found.get(name)?.map(([key, value]) => [key.toString("hex"), value.toString("hex")]),
            list.map(({ key, value }) => [
              Buffer.from(key).toString("hex"),
              Buffer.from(value).toString("hex"),
            ]),
          );
      },
    ),
    { numRuns: 40 },
  );
});

test("a bucket of many entries has branches above branches", async () => {
  const list = Array.from({ length: 40_000 }, (_, i) => ({
    key: Buffer.from(String(i).padStart(200, "0")),
    value: Buffer.from([1]),
  }));
  const found = readBbolt(await written([{ name: "key", entries: () => list }]));
  assert.equal(found.get("key")?.length, list.length);
});

test("what is written is read back page by page, and whatever damage there is, reading ends", async () => {
  const list = Array.from({ length: 500 }, (_, i) => ({
    key: Buffer.from(String(i).padStart(60, "0")),
    value: Buffer.from(String(i).repeat(i % 97)),
  }));
  const file = await written([
    { name: "empty", entries: () => [] },
    { name: "key", entries: () => list },
  ]);
  const source = (bytes: Buffer) => ({
    bytes: bytes.length,
    read: async (position: number, length: number) => bytes.subarray(position, position + length),
  });
  const read = async (bytes: Buffer, bucket: string) => {
    const found: [string, string][] = [];
    const reader = await BboltReader.open(source(bytes));
    for await (const { key, value } of reader.entries(bucket)) found.push([key.toString(), value.toString()]);
    return found;
  };
  assert.deepEqual(
    await read(file, "key"),
    list.map(({ key, value }) => [key.toString(), value.toString()]),
  );
  assert.deepEqual([await read(file, "empty"), await read(file, "none")], [[], []]);
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: file.length - 1 }), fc.nat({ max: 255 }), async (at, byte) => {
      const damaged = Buffer.from(file);
      // Heads of pages and elements matter more than values.
      damaged[at - (at % 4096) + (at % 256)] = byte;
      await read(damaged, "key").catch((error: unknown) =>
        assert(error instanceof BboltDamagedError, `${error}`),
      );
    }),
    { numRuns: 60 },
  );
});

test("a check finds a page that two trees have, and keys that do not rise", async () => {
  const list = Array.from({ length: 400 }, (_, i) => ({
    key: Buffer.from(`key${1000 + i}`),
    value: Buffer.alloc(40),
  }));
  const whole = await written([
    { name: "a", entries: () => list },
    { name: "b", entries: () => list },
  ]);
  const check = async (bytes: Buffer) => {
    const read = async (position: number, length: number) => bytes.subarray(position, position + length);
    await (await BboltReader.open({ bytes: bytes.length, read })).check();
  };
  await check(whole);
  const shared = Buffer.from(whole);
  // The list of buckets is the last page: the second's root becomes the first's.
  const roots = shared.subarray(-4096);
  const [first, second] = ["a", "b"].map((name) => roots.indexOf(name, 48) + 1);
  roots.copyWithin(second as number, first as number, (first as number) + 8);
  await assert.rejects(check(shared), /^BboltDamagedError: page \d+: multiple references$/);
  const unsorted = Buffer.from(whole);
  unsorted.write("key0000", unsorted.indexOf("key1005"));
  await assert.rejects(check(unsorted), /^BboltDamagedError: page \d+: key \w+ comes after \w+$/);
});
