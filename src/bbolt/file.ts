import {
  branchPage,
  bucketAt,
  bucketBytes,
  type Entry,
  elementBytes,
  flagBucket,
  kindFree,
  leafPage,
  metaPage,
  newPage,
  type PagePlace,
  pageBytes,
  pageHeadBytes,
} from "./pages.ts";

/**
 * A file as bbolt writes it (`pages.ts` draws its pages), made from front to back: buckets of sorted keys in a B+ tree of
 * pages, nothing free, nothing spare. What stands where must be known before the first byte, so the entries are walked twice: once to
 * lay the pages out, once to write them.
 *
 *     page 0, 1   meta: where the root is, how many pages there are; two, for the writer of a living file needs two
 *     page 2      free pages: none
 *     page 3 …    for each bucket its leaves, then its branches, level by level, the topmost last
 *     the last    the root: a leaf with the buckets' names and where their trees begin, or a small bucket's only page
 */
export interface Bucket {
  readonly name: string;
  /** By key, each once; the same every time. */
  entries(): Iterable<Entry>;
}

const entriesMax = 0xffff;
const pageFree = 2;
const pageFirst = 3;
/** Of a bucket's only leaf, which then stands in the root. */
const inlineBytesMax = pageBytes / 4;
const entriesPerTurn = 5_000;

/** A page of a tree, as the first walk finds it. */
interface Placed extends PagePlace {
  readonly firstKey: Uint8Array;
}

interface Tree {
  readonly name: string;
  readonly leaves: readonly Placed[];
  /** Lowest first. */
  readonly levels: readonly (readonly Placed[])[];
  /** 0: its only leaf stands in the root of all. */
  readonly root: number;
}

/** `turn`: lets others have one; called now and then. */
export class BboltFile {
  readonly #buckets: readonly Bucket[];
  readonly #trees: Tree[] = [];
  readonly #turn: () => Promise<void>;
  #pages = pageFirst;
  #root: PagePlace = { page: 0, count: 0, bytes: 0 };

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
    const bytes = file.#trees.reduce((sum, tree) => sum + rootEntryBytes(tree), pageHeadBytes);
    file.#root = { page: file.#take(bytes), count: file.#trees.length, bytes };
    return file;
  }

  get bytes(): number {
    return this.#pages * pageBytes;
  }

  /** The whole file, piece by piece. */
  async *pieces(): AsyncGenerator<Uint8Array> {
    const meta = { root: this.#root.page, pages: this.#pages, free: pageFree };
    yield metaPage(0, meta);
    yield metaPage(1, meta);
    yield newPage(kindFree, { page: pageFree, count: 0, bytes: pageHeadBytes });
    const roots: Entry[] = [];
    for (const [i, tree] of this.#trees.entries()) {
      const bucket = this.#buckets[i] as Bucket;
      const only = tree.root === 0 ? inlinePage(bucket, tree.leaves[0] as Placed) : undefined;
      roots.push({ key: Buffer.from(tree.name), value: bucketAt(tree.root, only) });
      if (only === undefined) yield* this.#pagesOf(bucket, tree);
    }
    yield leafPage(this.#root, roots, flagBucket);
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
    if (leaves.length === 0 && bytes <= inlineBytesMax)
      return { name, leaves: [{ page: 0, firstKey: new Uint8Array(0), count, bytes }], levels: [], root: 0 };
    if (count > 0) close();
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
      yield leafPage(placed, taken);
    }
    let below = leaves;
    for (const level of levels) {
      let next = 0;
      for (const placed of level) {
        yield branchPage(placed, below.slice(next, next + placed.count));
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

/** What a bucket takes in the root of all. */
function rootEntryBytes({ name, root, leaves }: Tree): number {
  const inline = root === 0 ? (leaves[0] as Placed).bytes : 0;
  return elementBytes + Buffer.byteLength(name) + bucketBytes + inline;
}

function inlinePage({ entries }: Bucket, place: PagePlace): Buffer {
  return leafPage(place, [...entries()]).subarray(0, place.bytes);
}
