/**
 * Pages as bbolt has them (https://github.com/etcd-io/bbolt: internal/common), each written and read here. All numbers are little-endian.
 *
 *     page      u64 id │ u16 kind │ u16 entries │ u32 further pages │ the entries' heads │ their keys and values
 *     leaf      u32 flags │ u32 where the key is, from here │ u32 length of the key │ u32 length of the value, which follows the key
 *     branch    u32 where the key is, from here │ u32 length of the key │ u64 page below
 *     bucket    u64 root page │ u64 sequence
 *     meta      u32 magic │ u32 version │ u32 page size │ u32 0 │ root bucket │ u64 free page │ u64 pages │ u64 transaction │ u64 FNV-1a of all before
 *
 * What does not fit a page has further ones right behind it.
 */
export const pageHeadBytes = 16;
/** Of an entry's head. */
export const elementBytes = 16;
export const bucketBytes = 16;
const metaBytes = 64;
/** Where a page's meta ends. */
export const metaEnd = pageHeadBytes + metaBytes;

export const kindBranch = 0x01;
export const kindLeaf = 0x02;
const kindMeta = 0x04;
export const kindFree = 0x10;
/** Of a leaf's entry: its value says where a bucket is. */
export const flagBucket = 0x01;

/** Of a file that is made here. */
export const pageBytes = 4096;
export const pageBytesMin = 512;
export const pageBytesMax = 65_536;

const magic = 0xed0cdaed;
const formatVersion = 2;

/** The file is none of bbolt's, or no longer. */
export class BboltDamagedError extends Error {
  override readonly name = "BboltDamagedError";
}

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

/** A page to be written: all that belongs to it is `bytes` long. */
export interface PagePlace {
  readonly page: number;
  readonly count: number;
  readonly bytes: number;
}

/** A page without entries, or the beginning of one that has some. */
export function newPage(kind: number, { page, count, bytes }: PagePlace): Buffer {
  const pages = Math.ceil(bytes / pageBytes);
  const buffer = Buffer.alloc(pages * pageBytes);
  buffer.writeBigUInt64LE(BigInt(page), 0);
  buffer.writeUInt16LE(kind, 8);
  buffer.writeUInt16LE(count, 10);
  buffer.writeUInt32LE(pages - 1, 12);
  return buffer;
}

export function kindOf(page: Buffer): number {
  return page.readUInt16LE(8);
}

/** Pages right behind it that belong to it. */
export function furtherPages(page: Buffer): number {
  return page.readUInt32LE(12);
}

export function leafPage(place: PagePlace, entries: readonly Entry[], flags = 0): Buffer {
  const buffer = newPage(kindLeaf, place);
  let element = pageHeadBytes;
  let data = pageHeadBytes + elementBytes * entries.length;
  for (const { key, value } of entries) {
    buffer.writeUInt32LE(flags, element);
    buffer.writeUInt32LE(data - element, element + 4);
    buffer.writeUInt32LE(key.length, element + 8);
    buffer.writeUInt32LE(value.length, element + 12);
    buffer.set(key, data);
    buffer.set(value, data + key.length);
    data += key.length + value.length;
    element += elementBytes;
  }
  return buffer;
}

/** `what` it is, for errors. @throws BboltDamagedError */
export function* leafEntries(
  bytes: Buffer,
  what: string,
): Generator<StoredEntry & { readonly flags: number }> {
  for (const element of elements(bytes, what)) {
    const key = element + bytes.readUInt32LE(element + 4);
    const value = key + bytes.readUInt32LE(element + 8);
    const end = value + bytes.readUInt32LE(element + 12);
    if (end > bytes.length) throw endsEarly(what);
    yield {
      flags: bytes.readUInt32LE(element),
      key: bytes.subarray(key, value),
      value: bytes.subarray(value, end),
    };
  }
}

/** @param children by the first key that is below each */
export function branchPage(
  place: PagePlace,
  children: readonly { readonly page: number; readonly firstKey: Uint8Array }[],
): Buffer {
  const buffer = newPage(kindBranch, place);
  let element = pageHeadBytes;
  let data = pageHeadBytes + elementBytes * children.length;
  for (const { page, firstKey } of children) {
    buffer.writeUInt32LE(data - element, element);
    buffer.writeUInt32LE(firstKey.length, element + 4);
    buffer.writeBigUInt64LE(BigInt(page), element + 8);
    buffer.set(firstKey, data);
    data += firstKey.length;
    element += elementBytes;
  }
  return buffer;
}

/** The pages below a branch, in order. @throws BboltDamagedError */
export function* childPages(bytes: Buffer, what: string): Generator<number> {
  for (const element of elements(bytes, what)) yield Number(bytes.readBigUInt64LE(element + 8));
}

/** Where the heads of a page's entries are. */
function* elements(bytes: Buffer, what: string): Generator<number> {
  if (bytes.length < pageHeadBytes) throw endsEarly(what);
  const end = pageHeadBytes + bytes.readUInt16LE(10) * elementBytes;
  if (end > bytes.length) throw endsEarly(what);
  for (let at = pageHeadBytes; at < end; at += elementBytes) yield at;
}

function endsEarly(what: string): BboltDamagedError {
  return new BboltDamagedError(`${what} ends early`);
}

/** A bucket's value in the list of buckets. `only`: its only page, where `root` is 0. */
export function bucketAt(root: number, only: Uint8Array = new Uint8Array(0)): Buffer {
  const bytes = Buffer.alloc(bucketBytes + only.length);
  bytes.writeBigUInt64LE(BigInt(root), 0);
  bytes.set(only, bucketBytes);
  return bytes;
}

/** Where a bucket's tree begins; 0: its only page stands behind these bytes. */
export function rootOf(bucket: Buffer): number {
  return Number(bucket.readBigUInt64LE(0));
}

export interface Meta {
  readonly root: number;
  readonly pages: number;
  readonly pageBytes: number;
  readonly transaction: bigint;
}

/** One of the two pages that a file begins with. */
export function metaPage(
  page: number,
  { root, pages, free }: { root: number; pages: number; free: number },
): Buffer {
  const buffer = newPage(kindMeta, { page, count: 0, bytes: pageHeadBytes });
  const meta = buffer.subarray(pageHeadBytes, metaEnd);
  meta.writeUInt32LE(magic, 0);
  meta.writeUInt32LE(formatVersion, 4);
  meta.writeUInt32LE(pageBytes, 8);
  meta.set(bucketAt(root), 16);
  meta.writeBigUInt64LE(BigInt(free), 32);
  meta.writeBigUInt64LE(BigInt(pages), 40);
  meta.writeBigUInt64LE(BigInt(page), 48);
  meta.writeBigUInt64LE(fnv1a(meta.subarray(0, 56)), 56);
  return buffer;
}

/** Undefined: it is none, or not whole. @param page from its beginning, `metaEnd` bytes at least */
export function readMeta(page: Buffer): Meta | undefined {
  const meta = page.subarray(pageHeadBytes, metaEnd);
  if (meta.readUInt32LE(0) !== magic || meta.readUInt32LE(4) !== formatVersion) return undefined;
  if (meta.readBigUInt64LE(56) !== fnv1a(meta.subarray(0, 56))) return undefined;
  const bytes = meta.readUInt32LE(8);
  if (bytes < pageBytesMin || bytes > pageBytesMax) return undefined;
  return {
    pageBytes: bytes,
    root: rootOf(meta.subarray(16)),
    pages: Number(meta.readBigUInt64LE(40)),
    transaction: meta.readBigUInt64LE(48),
  };
}

function fnv1a(bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return hash;
}
