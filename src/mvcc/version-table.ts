import { type LeaseId, noLease, type Revision } from "../base/index.ts";
import { noAddress, Slabs } from "./slabs.ts";

/** No version: ids begin at 1. */
export const noVersion = 0;

const chunkBits = 13;
const chunkMask = 2 ** chunkBits - 1;

/** One version is 7 doubles' room, so that reading all of it touches one or two cache lines. */
const doubles = 7;
const words = doubles * 2;
/** As doubles: the revision that made the version (0: the id is free), the one that created the key, writes since (0: a tombstone). */
const modAt = 0;
const createAt = 1;
const writesAt = 2;
/** As a signed bigint. */
const leaseAt = 3;
/** As unsigned words, from here on: address of the value, key id. */
const addressAt = 8;
const keyAt = 9;
/** The version before, of the same key; in a free id, the next free one. */
const previousAt = 10;
/** A much older version of the same key, or an id freed since. */
const jumpAt = 11;
/** Versions of the key before this one, compacted ones included. */
const depthAt = 12;
/** Its position among the changes of its revision. */
const subAt = 13;

/** Views of one memory. */
interface Chunk {
  readonly doubles: Float64Array;
  readonly bigints: BigInt64Array;
  readonly words: Uint32Array;
}

export interface VersionFields {
  readonly key: number;
  readonly mod: Revision;
  readonly create: Revision;
  readonly writes: number;
  readonly lease: LeaseId;
  readonly sub: number;
}

/**
 * Every kept version of every key, tombstones included, in records of typed arrays, in chunks that never
 * move. The versions of a key form a chain
 * from the newest to the oldest kept one; every version has a second, longer link as well, so that the version of any revision
 * is found in a logarithmic number of steps (E. W. Myers, "An applicative random-access stack", 1983).
 */
export class VersionTable {
  readonly values: Slabs;
  readonly #chunks: Chunk[] = [];
  #free = noVersion;
  #next = 1;
  #count = 0;

  constructor() {
    this.values = new Slabs({
      addressOf: (id) => this.valueAddress(id),
      moved: (id, address) => this.#setWord(id, addressAt, address),
    });
  }

  get count(): number {
    return this.#count;
  }

  get tableBytes(): number {
    return this.#chunks.length * doubles * 8 * 2 ** chunkBits;
  }

  /** A new newest version on top of `previous`. */
  add(fields: VersionFields, value: Uint8Array, previous: number): number {
    const id = this.#take();
    const chunk = this.#chunk(id);
    const double = (id & chunkMask) * doubles;
    const word = double * 2;
    chunk.doubles[double + modAt] = fields.mod;
    chunk.doubles[double + createAt] = fields.create;
    chunk.doubles[double + writesAt] = fields.writes;
    chunk.bigints[double + leaseAt] = fields.lease;
    chunk.words[word + keyAt] = fields.key;
    chunk.words[word + previousAt] = previous;
    chunk.words[word + subAt] = fields.sub;
    chunk.words[word + addressAt] = this.values.add(id, value);
    chunk.words[word + jumpAt] = previous === noVersion ? noVersion : this.#jumpFrom(previous);
    chunk.words[word + depthAt] = previous === noVersion ? 0 : this.#word(previous, depthAt) + 1;
    this.#count++;
    return id;
  }

  remove(id: number): void {
    this.values.free(this.valueAddress(id));
    this.#setWord(id, addressAt, noAddress);
    this.#chunk(id).doubles[(id & chunkMask) * doubles + modAt] = 0;
    this.#setWord(id, previousAt, this.#free);
    this.#free = id;
    this.#count--;
  }

  /** Makes it the oldest kept version of its key. */
  cut(id: number): void {
    this.#setWord(id, previousAt, noVersion);
  }

  /** The version of the chain below `head` that was the newest at `revision`, or noVersion. */
  at(head: number, revision: number): number {
    let id = head;
    while (id !== noVersion) {
      const mod = this.mod(id);
      if (mod <= revision) return id;
      const jump = this.#word(id, jumpAt);
      id = this.#isBefore(jump, mod) && this.mod(jump) > revision ? jump : this.previous(id);
    }
    return noVersion;
  }

  mod(id: number): Revision {
    return this.#double(id, modAt) as Revision;
  }

  create(id: number): Revision {
    return this.#double(id, createAt) as Revision;
  }

  /** Writes since creation; 0: a tombstone. */
  writes(id: number): number {
    return this.#double(id, writesAt);
  }

  key(id: number): number {
    return this.#word(id, keyAt);
  }

  sub(id: number): number {
    return this.#word(id, subAt);
  }

  previous(id: number): number {
    return this.#word(id, previousAt);
  }

  lease(id: number): LeaseId {
    const chunk = this.#chunk(id);
    const double = (id & chunkMask) * doubles + leaseAt;
    // Most have none, and need no bigint made.
    if (chunk.words[double * 2] === 0 && chunk.words[double * 2 + 1] === 0) return noLease;
    return chunk.bigints[double] as LeaseId;
  }

  valueAddress(id: number): number {
    return this.#word(id, addressAt);
  }

  value(id: number): Uint8Array {
    return this.values.view(this.valueAddress(id));
  }

  #chunk(id: number): Chunk {
    return this.#chunks[id >>> chunkBits] as Chunk;
  }

  #double(id: number, at: number): number {
    return this.#chunk(id).doubles[(id & chunkMask) * doubles + at] as number;
  }

  #word(id: number, at: number): number {
    return this.#chunk(id).words[(id & chunkMask) * words + at] as number;
  }

  #setWord(id: number, at: number, value: number): void {
    this.#chunk(id).words[(id & chunkMask) * words + at] = value;
  }

  /**
   * Whether a jump link of a version made at `mod` is still good. It was when it was made; if its target was freed since, the
   * id is free (0) or was taken by a version that is newer than the one that holds the link.
   */
  #isBefore(jump: number, mod: number): boolean {
    if (jump === noVersion) return false;
    const jumpMod = this.mod(jump);
    return jumpMod !== 0 && jumpMod <= mod;
  }

  /** Where a version on top of `below` jumps to: over two jumps of equal length, or just to `below`. */
  #jumpFrom(below: number): number {
    const first = this.#word(below, jumpAt);
    if (!this.#isBefore(first, this.mod(below))) return below;
    const second = this.#word(first, jumpAt);
    if (!this.#isBefore(second, this.mod(first))) return below;
    const depth = this.#word(first, depthAt);
    return this.#word(below, depthAt) - depth === depth - this.#word(second, depthAt) ? second : below;
  }

  #take(): number {
    if (this.#free !== noVersion) {
      const id = this.#free;
      this.#free = this.previous(id);
      return id;
    }
    const id = this.#next++;
    if (this.#chunks.length <= id >>> chunkBits) {
      const buffer = new ArrayBuffer(doubles * 8 * 2 ** chunkBits);
      this.#chunks.push({
        doubles: new Float64Array(buffer),
        bigints: new BigInt64Array(buffer),
        words: new Uint32Array(buffer),
      });
    }
    return id;
  }
}
