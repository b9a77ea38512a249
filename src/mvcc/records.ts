/** No record: ids begin at 1. */
export const noRecord = 0;

/** A record is in chunk `id >>> chunkBits`, where it is number `id & chunkMask`. */
export const chunkBits = 11;
export const chunkMask = 2 ** chunkBits - 1;
const chunkRecords = 2 ** chunkBits;

/** What is known of a chunk's records. */
interface Chunk {
  readonly number: number;
  /** Records that were handed out at least once, from the first on. */
  begun: number;
  /** Id of one that was given back, with the next such one in its last word. */
  free: number;
  /** How many such ones there are. */
  freeCount: number;
}

/**
 * Records of a fixed number of 32-bit words, known by small numbers, off the heap: in chunks that never move, so that nothing is copied when there
 * are more. Records that are given back are handed out again; `condense` lets go of chunks of which none is in use. What is read of such a one is all
 * ones: no address, and a number that compares with nothing.
 */
export class Records {
  /** Three views of each chunk, for whoever has records in it. */
  readonly words: Uint32Array[] = [];
  readonly doubles: Float64Array[] = [];
  readonly bigints: BigInt64Array[] = [];
  readonly #recordWords: number;
  readonly #chunks: Chunk[] = [];
  /** Numbers of chunks that are gone. */
  readonly #vacant: number[] = [];
  /** Chunks that have room, besides the one that records are taken from. */
  readonly #roomy = new Set<Chunk>();
  /** Stands for a chunk that is gone. */
  readonly #ones: ArrayBuffer;
  #open: Chunk;
  /** Of all chunks. */
  #begun = 0;
  #freeCount = 0;

  /** `recordWords`: of one record; even where its doubles or bigints are used. */
  constructor(recordWords: number) {
    this.#recordWords = recordWords;
    this.#ones = new ArrayBuffer(recordWords * 4 * chunkRecords);
    new Uint32Array(this.#ones).fill(0xffff_ffff);
    this.#open = this.#add();
  }

  /** In use. */
  get count(): number {
    return this.#begun - this.#freeCount;
  }

  /** Bytes of the records in use. */
  get usedBytes(): number {
    return this.count * this.#recordWords * 4;
  }

  /** Bytes of these and of those that were given back. */
  get takenBytes(): number {
    return this.#begun * this.#recordWords * 4;
  }

  /** A record that nobody uses; what is in it is no matter. */
  take(): number {
    const chunk = this.#open;
    let id = chunk.free;
    if (id !== noRecord) {
      chunk.free = this.#link(id);
      chunk.freeCount--;
      this.#freeCount--;
    } else {
      id = chunk.number * chunkRecords + chunk.begun++;
      this.#begun++;
    }
    if (isFull(chunk)) this.#openNext();
    return id;
  }

  giveBack(id: number): void {
    const chunk = this.#chunks[id >>> chunkBits] as Chunk;
    if (isFull(chunk)) this.#roomy.add(chunk);
    this.#setLink(id, chunk.free);
    chunk.free = id;
    chunk.freeCount++;
    this.#freeCount++;
  }

  /** Lets go of chunks of which none is in use. */
  condense(): void {
    for (const chunk of this.#roomy) {
      if (chunk.freeCount < chunkRecords - nobodys(chunk.number)) continue;
      this.#roomy.delete(chunk);
      this.#begun -= chunk.freeCount;
      this.#freeCount -= chunk.freeCount;
      this.#vacant.push(chunk.number);
      this.#show(chunk.number, this.#ones);
    }
  }

  #link(id: number): number {
    const words = this.words[id >>> chunkBits] as Uint32Array;
    return words[((id & chunkMask) + 1) * this.#recordWords - 1] as number;
  }

  #setLink(id: number, next: number): void {
    const words = this.words[id >>> chunkBits] as Uint32Array;
    words[((id & chunkMask) + 1) * this.#recordWords - 1] = next;
  }

  #openNext(): void {
    const [roomy] = this.#roomy;
    if (roomy !== undefined) this.#roomy.delete(roomy);
    this.#open = roomy ?? this.#add();
  }

  #add(): Chunk {
    const number = this.#vacant.pop() ?? this.#chunks.length;
    const chunk: Chunk = { number, begun: nobodys(number), free: noRecord, freeCount: 0 };
    this.#chunks[number] = chunk;
    this.#show(number, new ArrayBuffer(this.#ones.byteLength));
    return chunk;
  }

  #show(number: number, memory: ArrayBuffer): void {
    this.words[number] = new Uint32Array(memory);
    this.doubles[number] = new Float64Array(memory);
    this.bigints[number] = new BigInt64Array(memory);
  }
}

/** Records of a chunk that nobody gets: id 0. */
function nobodys(number: number): number {
  return number === 0 ? 1 : 0;
}

function isFull({ free, begun }: Chunk): boolean {
  return free === noRecord && begun === chunkRecords;
}
