import { flagBucket, fnv1a, formatVersion, kindBranch, kindLeaf, magic, pageHeadBytes } from "./format.ts";

/**
 * A file as bbolt writes it (https://github.com/etcd-io/bbolt: internal/common), made from front to back: buckets of sorted keys in a B+ tree of
 * pages, nothing free, nothing spare. What stands where must be known before the first byte, so the entries are walked twice: once to
 * lay the pages out, once to write them.
 *
 *     page 0, 1   meta: where the root is, how many pages there are; two, for the writer of a living file needs two
 *     page 2      free pages: none
 *     page 3      the root: a leaf with the buckets' names and where their trees begin
 *     page 4 …    for each bucket its leaves, then its branches, level by level, the topmost last
 *
 * A page begins with u64 id │ u16 kind │ u16 entries │ u32 further pages, then come the entries' heads, then their keys and values; all
 * little-endian. What does not fit a page has further ones right behind it.
 */
export interface Bucket {
  readonly name: string;
  /** By key, each once; the same every time. */
  entries(): Iterable<Entry>;
}

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const pageBytes = 4096;
const elementBytes = 16;
const entriesMax = 0xffff;
const kindMeta = 0x04;
const kindFree = 0x10;
const pageFree = 2;
const pageRoot = 3;
const pageFirst = 4;

/** A page of a tree, as the first walk finds it. */
interface Placed {
  readonly page: number;
  readonly firstKey: Uint8Array;
  readonly count: number;
  readonly bytes: number;
}

interface Tree {
  readonly name: string;
  readonly leaves: readonly Placed[];
  /** Lowest first. */
  readonly levels: readonly (readonly Placed[])[];
  readonly root: number;
}

/** `turn`: lets others have one; called now and then. */
export class BboltFile {
  readonly #buckets: readonly Bucket[];
  readonly #trees: Tree[] = [];
  readonly #turn: () => Promise<void>;
  #pages = pageFirst;

  private constructor(buckets: readonly Bucket[], turn: () => Promise<void>) {
    this.#buckets = buckets;
    this.#turn = turn;
  }

  /** The buckets in any order. */
  static async layOut(buckets: readonly Bucket[], turn: () => Promise<void>): Promise<BboltFile> {
    const file = new BboltFile(
      [...buckets].sort((a, b) => (a.name < b.name ? -1 : 1)),
      turn,
    );
    for (const bucket of file.#buckets) file.#trees.push(await file.#place(bucket));
    return file;
  }

  get bytes(): number {
    return this.#pages * pageBytes;
  }

  /** The whole file, piece by piece. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const head = new Uint8Array(pageFirst * pageBytes);
    for (const page of [0, 1])
      writeMeta(head.subarray(page * pageBytes, (page + 1) * pageBytes), page, this.#pages);
    writeHead(head.subarray(pageFree * pageBytes), {
      page: pageFree,
      kind: kindFree,
      count: 0,
      bytes: pageHeadBytes,
    });
    const roots = this.#trees.map(({ name, root }) => ({ key: Buffer.from(name), value: bucketAt(root) }));
    head.set(
      leaf({ page: pageRoot, firstKey: head, count: roots.length, bytes: sizeOf(roots) }, roots, flagBucket),
      pageRoot * pageBytes,
    );
    yield head;
    for (const [i, tree] of this.#trees.entries()) yield* this.#pagesOf(this.#buckets[i] as Bucket, tree);
  }

  async #place({ name, entries }: Bucket): Promise<Tree> {
    const leaves: Placed[] = [];
    let firstKey: Uint8Array | undefined;
    let count = 0;
    let bytes = pageHeadBytes;
    const close = () => {
      leaves.push({ page: this.#take(bytes), firstKey: firstKey ?? new Uint8Array(0), count, bytes });
      firstKey = undefined;
      count = 0;
      bytes = pageHeadBytes;
    };
    let untilTurn = entriesPerTurn;
    for (const { key, value } of entries()) {
      const added = elementBytes + key.length + value.length;
      if (count > 0 && (bytes + added > pageBytes || count === entriesMax)) close();
      firstKey ??= key;
      count++;
      bytes += added;
      if (--untilTurn > 0) continue;
      untilTurn = entriesPerTurn;
      await this.#turn();
    }
    if (count > 0 || leaves.length === 0) close();
    const levels: Placed[][] = [];
    for (let below: readonly Placed[] = leaves; below.length > 1; below = levels.at(-1) as Placed[])
      levels.push(this.#placeBranches(below));
    return { name, leaves, levels, root: ((levels.at(-1) ?? leaves)[0] as Placed).page };
  }

  #placeBranches(below: readonly Placed[]): Placed[] {
    const level: Placed[] = [];
    for (let i = 0; i < below.length; ) {
      const { firstKey } = below[i] as Placed;
      let bytes = pageHeadBytes;
      let count = 0;
      for (; i < below.length && count < entriesMax; i++, count++) {
        const added = elementBytes + (below[i] as Placed).firstKey.length;
        // Two at least, or a level would never be shorter than the one below.
        if (count > 1 && bytes + added > pageBytes) break;
        bytes += added;
      }
      level.push({ page: this.#take(bytes), firstKey, count, bytes });
    }
    return level;
  }

  async *#pagesOf({ entries }: Bucket, { leaves, levels }: Tree): AsyncGenerator<Uint8Array> {
    const walk = entries()[Symbol.iterator]();
    for (const placed of leaves) {
      const taken: Entry[] = [];
      while (taken.length < placed.count) {
        const { value, done } = walk.next();
        if (done) throw new Error("a bucket is shorter than it was");
        taken.push(value);
      }
      yield leaf(placed, taken, 0);
    }
    let below = leaves;
    for (const level of levels) {
      let next = 0;
      for (const placed of level) {
        yield branch(placed, below.slice(next, next + placed.count));
        next += placed.count;
      }
      below = level;
    }
  }

  #take(bytes: number): number {
    const page = this.#pages;
    this.#pages += Math.ceil(bytes / pageBytes);
    return page;
  }
}

const entriesPerTurn = 5_000;

function sizeOf(entries: readonly Entry[]): number {
  return entries.reduce(
    (bytes, { key, value }) => bytes + elementBytes + key.length + value.length,
    pageHeadBytes,
  );
}

function leaf({ page, count, bytes }: Placed, entries: readonly Entry[], flags: number): Uint8Array {
  const buffer = new Uint8Array(Math.ceil(bytes / pageBytes) * pageBytes);
  const view = new DataView(buffer.buffer);
  writeHead(buffer, { page, kind: kindLeaf, count, bytes });
  let element = pageHeadBytes;
  let data = pageHeadBytes + elementBytes * entries.length;
  for (const { key, value } of entries) {
    view.setUint32(element, flags, true);
    view.setUint32(element + 4, data - element, true);
    view.setUint32(element + 8, key.length, true);
    view.setUint32(element + 12, value.length, true);
    buffer.set(key, data);
    buffer.set(value, data + key.length);
    data += key.length + value.length;
    element += elementBytes;
  }
  return buffer;
}

function branch({ page, count, bytes }: Placed, children: readonly Placed[]): Uint8Array {
  const buffer = new Uint8Array(Math.ceil(bytes / pageBytes) * pageBytes);
  const view = new DataView(buffer.buffer);
  writeHead(buffer, { page, kind: kindBranch, count, bytes });
  let element = pageHeadBytes;
  let data = pageHeadBytes + elementBytes * children.length;
  for (const child of children) {
    view.setUint32(element, data - element, true);
    view.setUint32(element + 4, child.firstKey.length, true);
    view.setBigUint64(element + 8, BigInt(child.page), true);
    buffer.set(child.firstKey, data);
    data += child.firstKey.length;
    element += elementBytes;
  }
  return buffer;
}

function writeHead(
  buffer: Uint8Array,
  { page, kind, count, bytes }: { page: number; kind: number; count: number; bytes: number },
): void {
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
  view.setBigUint64(0, BigInt(page), true);
  view.setUint16(8, kind, true);
  view.setUint16(10, count, true);
  view.setUint32(12, Math.ceil(bytes / pageBytes) - 1, true);
}

/** u32 magic │ u32 version │ u32 page size │ u32 0 │ root bucket │ u64 free page │ u64 pages │ u64 transaction │ u64 FNV-1a of all before */
function writeMeta(buffer: Uint8Array, page: number, pages: number): void {
  writeHead(buffer, { page, kind: kindMeta, count: 0, bytes: pageHeadBytes });
  const meta = buffer.subarray(pageHeadBytes, pageHeadBytes + 64);
  const view = new DataView(meta.buffer, meta.byteOffset, meta.length);
  view.setUint32(0, magic, true);
  view.setUint32(4, formatVersion, true);
  view.setUint32(8, pageBytes, true);
  meta.set(bucketAt(pageRoot), 16);
  view.setBigUint64(32, BigInt(pageFree), true);
  view.setBigUint64(40, BigInt(pages), true);
  view.setBigUint64(48, BigInt(page), true);
  view.setBigUint64(56, fnv1a(meta.subarray(0, 56)), true);
}

/** u64 root page │ u64 sequence */
function bucketAt(page: number): Uint8Array {
  const bytes = new Uint8Array(16);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(page), true);
  return bytes;
}
