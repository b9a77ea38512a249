import { flagBucket, fnv1a, formatVersion, kindBranch, kindLeaf, magic, pageHeadBytes } from "./format.ts";

/** Where a file is read from. */
export interface PageSource {
  readonly bytes: number;
  /** Exactly that many bytes. */
  read(position: number, length: number): Promise<Uint8Array>;
}

/** The file is none of bbolt's, or no longer. */
export class BboltDamagedError extends Error {
  override readonly name = "BboltDamagedError";
}

export interface StoredEntry {
  readonly key: Buffer;
  readonly value: Buffer;
}

const metaBytes = 64;
const elementBytes = 16;
const pageBytesMin = 512;
const pageBytesMax = 65_536;
/** A tree of 2^32 leaves with two children a branch. */
const depthMax = 33;

interface Place {
  readonly root: number;
  readonly pages: number;
  readonly pageBytes: number;
  readonly transaction: bigint;
}

/**
 * Reads a file of bbolt's, written by whomever: one that `BboltFile` made, a snapshot of etcd's, a database that was copied while nobody had it
 * open. Pages are read when they are needed, and nothing in them is believed.
 */
export class BboltReader {
  readonly #source: PageSource;
  readonly #place: Place;
  readonly #buckets: ReadonlyMap<string, Buffer>;

  private constructor(source: PageSource, place: Place, buckets: ReadonlyMap<string, Buffer>) {
    this.#source = source;
    this.#place = place;
    this.#buckets = buckets;
  }

  /** @throws BboltDamagedError */
  static async open(source: PageSource): Promise<BboltReader> {
    const place = await findPlace(source);
    const buckets = new Map<string, Buffer>();
    const reader = new BboltReader(source, place, buckets);
    for await (const leaf of reader.#leaves(place.root, { left: place.pages, depth: 0 }))
      for (const { key, value, flags } of leafElements(leaf, "the list of buckets"))
        if ((flags & flagBucket) !== 0) buckets.set(key.toString("latin1"), value);
    return reader;
  }

  /** The entries of a bucket by key; none where there is no such bucket. @throws BboltDamagedError */
  async *entries(bucket: string): AsyncGenerator<StoredEntry> {
    const value = this.#buckets.get(bucket);
    if (value === undefined) return;
    if (value.length < elementBytes) throw new BboltDamagedError(`bucket ${bucket} has no root`);
    const root = Number(value.readBigUInt64LE(0));
    // A small bucket's only page stands in its parent.
    if (root === 0) return yield* leafElements(value.subarray(elementBytes), `bucket ${bucket}`);
    for await (const leaf of this.#leaves(root, { left: this.#place.pages, depth: 0 }))
      yield* leafElements(leaf, `a page of bucket ${bucket}`);
  }

  /** Pages, not entries: each step through as many generators as the tree is high has its price. `left`: pages that may still be read, for a damaged tree may lead in circles. */
  async *#leaves(page: number, budget: { left: number; readonly depth: number }): AsyncGenerator<Buffer> {
    const bytes = await this.#page(page);
    if (--budget.left < 0 || budget.depth > depthMax)
      throw new BboltDamagedError(`page ${page}: the pages lead in circles`);
    const kind = bytes.readUInt16LE(8);
    if (kind === kindLeaf) return yield bytes;
    if (kind !== kindBranch)
      throw new BboltDamagedError(`page ${page} is of kind ${kind}, which no tree has`);
    const count = bytes.readUInt16LE(10);
    if (pageHeadBytes + count * elementBytes > bytes.length)
      throw new BboltDamagedError(`page ${page} ends early`);
    for (let i = 0; i < count; i++) {
      const below = { left: budget.left, depth: budget.depth + 1 };
      yield* this.#leaves(Number(bytes.readBigUInt64LE(pageHeadBytes + i * elementBytes + 8)), below);
      budget.left = below.left;
    }
  }

  /** With the further ones that belong to it. */
  async #page(page: number): Promise<Buffer> {
    const { pageBytes, pages } = this.#place;
    if (page < 2 || page >= pages)
      throw new BboltDamagedError(`there is no page ${page}: the file has ${pages}`);
    const first = Buffer.from(await this.#source.read(page * pageBytes, pageBytes));
    const further = first.readUInt32LE(12);
    if (page + further >= pages)
      throw new BboltDamagedError(
        `page ${page} says that ${further} more belong to it: the file has ${pages}`,
      );
    if (further === 0) return first;
    return Buffer.from(await this.#source.read(page * pageBytes, pageBytes * (1 + further)));
  }
}

function* leafElements(bytes: Buffer, what: string): Generator<StoredEntry & { readonly flags: number }> {
  const early = () => new BboltDamagedError(`${what} ends early`);
  if (bytes.length < pageHeadBytes) throw early();
  const count = bytes.readUInt16LE(10);
  if (pageHeadBytes + count * elementBytes > bytes.length) throw early();
  for (let i = 0; i < count; i++) {
    const element = pageHeadBytes + i * elementBytes;
    const key = element + bytes.readUInt32LE(element + 4);
    const value = key + bytes.readUInt32LE(element + 8);
    const end = value + bytes.readUInt32LE(element + 12);
    if (end > bytes.length) throw early();
    yield {
      flags: bytes.readUInt32LE(element),
      key: bytes.subarray(key, value),
      value: bytes.subarray(value, end),
    };
  }
}

/** The newer of the two metas that is whole. How long pages are only a meta says, so the second one is looked for. */
async function findPlace(source: PageSource): Promise<Place> {
  const found: Place[] = [];
  for (let at = 0; at <= pageBytesMax; at = at === 0 ? pageBytesMin : at * 2) {
    if (at + pageHeadBytes + metaBytes > source.bytes) break;
    const meta = Buffer.from(await source.read(at + pageHeadBytes, metaBytes));
    const place = readMeta(meta);
    if (place !== undefined && (at === 0 || at === place.pageBytes)) found.push(place);
  }
  const [newest] = found.sort((a, b) => (a.transaction > b.transaction ? -1 : 1));
  if (newest === undefined)
    throw new BboltDamagedError("it is no database of bbolt's: neither meta page is whole");
  if (newest.pages * newest.pageBytes > source.bytes)
    throw new BboltDamagedError(
      `it ends early: ${newest.pages} pages of ${newest.pageBytes} bytes do not fit ${source.bytes} bytes`,
    );
  return newest;
}

function readMeta(meta: Buffer): Place | undefined {
  if (meta.readUInt32LE(0) !== magic || meta.readUInt32LE(4) !== formatVersion) return undefined;
  if (meta.readBigUInt64LE(56) !== fnv1a(meta.subarray(0, 56))) return undefined;
  const pageBytes = meta.readUInt32LE(8);
  if (pageBytes < pageBytesMin || pageBytes > pageBytesMax) return undefined;
  return {
    pageBytes,
    root: Number(meta.readBigUInt64LE(16)),
    pages: Number(meta.readBigUInt64LE(40)),
    transaction: meta.readBigUInt64LE(48),
  };
}
