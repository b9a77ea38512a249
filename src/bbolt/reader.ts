import { PageCheck } from "./check.ts";
import {
  BboltDamagedError,
  bucketBytes,
  childPages,
  flagBucket,
  furtherPages,
  kindBranch,
  kindLeaf,
  kindOf,
  leafEntries,
  type Meta,
  metaEnd,
  pageBytesMax,
  pageBytesMin,
  readMeta,
  rootOf,
  type StoredEntry,
} from "./pages.ts";

/** Where a file is read from. */
export interface PageSource {
  readonly bytes: number;
  /** Exactly that many bytes. */
  read(position: number, length: number): Promise<Uint8Array>;
}

/** A tree of 2^32 leaves with two children a branch. */
const depthMax = 33;

/**
 * Reads a file of bbolt's, written by whomever: one that `BboltFile` made, a snapshot of etcd's, a database that was copied while nobody had it
 * open. Pages are read when they are needed, and nothing in them is believed.
 */
export class BboltReader {
  readonly #source: PageSource;
  readonly #meta: Meta;
  readonly #buckets: ReadonlyMap<string, Buffer>;

  private constructor(source: PageSource, meta: Meta, buckets: ReadonlyMap<string, Buffer>) {
    this.#source = source;
    this.#meta = meta;
    this.#buckets = buckets;
  }

  /** @throws BboltDamagedError */
  static async open(source: PageSource): Promise<BboltReader> {
    const meta = await findMeta(source);
    const buckets = new Map<string, Buffer>();
    const reader = new BboltReader(source, meta, buckets);
    for await (const leaf of reader.#leaves(meta.root, { left: meta.pages, depth: 0 }))
      for (const { key, value, flags } of leafEntries(leaf, "the list of buckets"))
        if ((flags & flagBucket) !== 0) buckets.set(key.toString("latin1"), value);
    return reader;
  }

  /** By name. */
  get bucketNames(): readonly string[] {
    return [...this.#buckets.keys()];
  }

  /** Of all pages that are or were in use; the file may be longer. */
  get bytes(): number {
    return this.#meta.pages * this.#meta.pageBytes;
  }

  /** Reads every page that is in use. @throws BboltDamagedError where one is not what it should be */
  async check(): Promise<void> {
    const check = new PageCheck();
    await this.#checkTree(this.#meta.root, check);
    for (const value of this.#buckets.values())
      if (rootOf(value) !== 0) await this.#checkTree(rootOf(value), check);
  }

  async #checkTree(root: number, check: PageCheck): Promise<void> {
    check.begin();
    const visit = (page: number, bytes: Buffer) => check.visit(page, bytes);
    for await (const _ of this.#leaves(root, { left: this.#meta.pages, depth: 0 }, visit));
  }

  /** The entries of a bucket by key; none where there is no such bucket. @throws BboltDamagedError */
  async *entries(bucket: string): AsyncGenerator<StoredEntry> {
    const value = this.#buckets.get(bucket);
    if (value === undefined) return;
    if (value.length < bucketBytes) throw new BboltDamagedError(`bucket ${bucket} has no root`);
    const root = rootOf(value);
    // A small bucket's only page stands in its parent.
    if (root === 0) return yield* leafEntries(value.subarray(bucketBytes), `bucket ${bucket}`);
    for await (const leaf of this.#leaves(root, { left: this.#meta.pages, depth: 0 }))
      yield* leafEntries(leaf, `a page of bucket ${bucket}`);
  }

  /** Pages, not entries: each step through as many generators as the tree is high has its price. `left`: pages that may still be read, for a damaged tree may lead in circles. */
  async *#leaves(
    page: number,
    budget: { left: number; readonly depth: number },
    visit?: (page: number, bytes: Buffer) => void,
  ): AsyncGenerator<Buffer> {
    const bytes = await this.#page(page);
    if (--budget.left < 0 || budget.depth > depthMax)
      throw new BboltDamagedError(`page ${page}: the pages lead in circles`);
    visit?.(page, bytes);
    const kind = kindOf(bytes);
    if (kind === kindLeaf) return yield bytes;
    if (kind !== kindBranch)
      throw new BboltDamagedError(`page ${page} is of kind ${kind}, which no tree has`);
    for (const child of childPages(bytes, `page ${page}`)) {
      const below = { left: budget.left, depth: budget.depth + 1 };
      yield* this.#leaves(child, below, visit);
      budget.left = below.left;
    }
  }

  /** With the further ones that belong to it. */
  async #page(page: number): Promise<Buffer> {
    const { pageBytes, pages } = this.#meta;
    if (page < 2 || page >= pages)
      throw new BboltDamagedError(`there is no page ${page}: the file has ${pages}`);
    const first = Buffer.from(await this.#source.read(page * pageBytes, pageBytes));
    const further = furtherPages(first);
    if (page + further >= pages)
      throw new BboltDamagedError(
        `page ${page} says that ${further} more belong to it: the file has ${pages}`,
      );
    if (further === 0) return first;
    return Buffer.from(await this.#source.read(page * pageBytes, pageBytes * (1 + further)));
  }
}

/** The newer of the two metas that is whole; bbolt's word where there is none. How long pages are only a meta says, so the second one is looked for. */
async function findMeta(source: PageSource): Promise<Meta> {
  const found: Meta[] = [];
  for (let at = 0; at <= pageBytesMax; at = at === 0 ? pageBytesMin : at * 2) {
    if (at + metaEnd > source.bytes) break;
    const meta = readMeta(Buffer.from(await source.read(at, metaEnd)));
    if (meta !== undefined && (at === 0 || at === meta.pageBytes)) found.push(meta);
  }
  const [newest] = found.sort((a, b) => (a.transaction > b.transaction ? -1 : 1));
  if (newest === undefined) throw new BboltDamagedError("invalid database");
  if (newest.pages * newest.pageBytes > source.bytes)
    throw new BboltDamagedError(
      `it ends early: ${newest.pages} pages of ${newest.pageBytes} bytes do not fit ${source.bytes} bytes`,
    );
  return newest;
}
