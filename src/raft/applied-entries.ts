import { assert, type Index, type Term } from "../base/index.ts";
import type { Entry, EntryType } from "./types.ts";

/** What an entry costs in memory and on the wire besides its data: index, term, type, lengths. */
export const entryOverheadBytes = 32;

/** Room of one block. What is larger has a block to itself. */
const blockBytes = 256 * 1024;
const blockEntries = 1024;

/** Entries that follow each other. */
interface Block {
  readonly first: Index;
  /** Entries in it. */
  count: number;
  /** The data of one entry after the other. Written once: a view that was handed out stays right. */
  readonly bytes: Uint8Array;
  /** Where the data of each ends, and the next one's begins. */
  readonly ends: Uint32Array;
  readonly terms: Float64Array;
  /** 1: a conf change. */
  readonly types: Uint8Array;
}

/**
 * The applied part of the log, which only followers that are behind still ask for. It is kept off the JavaScript heap: a hundred thousand
 * entries that live as objects from one image to the next cost the garbage collector more than a put costs besides. An entry is
 * made anew, with a view of its data, where somebody wants it.
 */
export class AppliedEntries {
  #blocks: Block[] = [];
  #first: Index;
  #last: Index;
  /** Of all entries, their overhead included. */
  #bytes = 0;

  /** Entries after `offset` are to come. */
  constructor(offset: Index) {
    this.#first = (offset + 1) as Index;
    this.#last = offset;
  }

  /** That of the newest, or where they are to begin. */
  get lastIndex(): Index {
    return this.#last;
  }

  add({ index, term, type, data }: Entry): void {
    if (index !== this.#last + 1) assert(false, `entry ${index} after ${this.#last}`);
    const block = this.#blockFor(data.length);
    const at = block.count++;
    const start = startOf(block, at);
    block.bytes.set(data, start);
    block.ends[at] = start + data.length;
    block.terms[at] = term;
    block.types[at] = type === "conf-change" ? 1 : 0;
    this.#last = index;
    this.#bytes += data.length + entryOverheadBytes;
  }

  entry(index: Index): Entry {
    const block = this.#blockOf(index);
    const at = index - block.first;
    const type: EntryType = block.types[at] === 1 ? "conf-change" : "normal";
    const data = block.bytes.subarray(startOf(block, at), block.ends[at]);
    return { term: block.terms[at] as Term, index, type, data };
  }

  term(index: Index): Term {
    const block = this.#blockOf(index);
    return block.terms[index - block.first] as Term;
  }

  /** What an entry counts for in every byte limit. */
  weight(index: Index): number {
    const block = this.#blockOf(index);
    const at = index - block.first;
    return (block.ends[at] as number) - startOf(block, at) + entryOverheadBytes;
  }

  /** The last index up to `index` that can be forgotten so that `bytesMax` bytes or more stay. */
  excessUpTo(index: Index, bytesMax: number): Index {
    let excess = (this.#first - 1) as Index;
    let bytes = this.#bytes;
    while (excess < index && bytes > bytesMax) {
      bytes -= this.weight((excess + 1) as Index);
      if (bytes < bytesMax) break;
      excess++;
    }
    return excess;
  }

  /** Forgets entries up to `index`. */
  dropUpTo(index: Index): void {
    for (let i = this.#first; i <= index; i++) this.#bytes -= this.weight(i);
    let dropped = 0;
    while (dropped < this.#blocks.length) {
      const { first, count } = this.#blocks[dropped] as Block;
      if (first + count > index + 1) break;
      dropped++;
    }
    this.#blocks.splice(0, dropped);
    this.#first = (index + 1) as Index;
  }

  /** The last block, or a new one where that has no room. */
  #blockFor(dataLength: number): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.count < blockEntries) {
      if (startOf(last, last.count) + dataLength <= last.bytes.length) return last;
    }
    const block = {
      first: (this.#last + 1) as Index,
      count: 0,
      // Uninitialized: nobody sees more of it than was written.
      bytes: new Uint8Array(Buffer.allocUnsafeSlow(Math.max(blockBytes, dataLength)).buffer),
      ends: new Uint32Array(blockEntries),
      terms: new Float64Array(blockEntries),
      types: new Uint8Array(blockEntries),
    };
    this.#blocks.push(block);
    return block;
  }

  /** Found by halves. */
  #blockOf(index: Index): Block {
    if (index < this.#first || index > this.#last)
      assert(false, `no applied entry ${index} in ${this.#first}..${this.#last}`);
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#blocks[middle] as Block).first <= index) low = middle;
      else high = middle - 1;
    }
    return this.#blocks[low] as Block;
  }
}

function startOf(block: Block, at: number): number {
  return at === 0 ? 0 : (block.ends[at - 1] as number);
}
