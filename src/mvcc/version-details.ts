import type { LeaseId, Revision } from "../base/index.ts";
import { noLease } from "../base/index.ts";

/** No details: ids begin at 1. */
export const noDetails = 0;

const chunkBits = 12;
const chunkMask = 2 ** chunkBits - 1;

/** One record is 5 doubles' room. */
const doubles = 5;
const words = doubles * 2;
/** As doubles: the revision that created the key, writes since (0: a tombstone). */
const createAt = 0;
const writesAt = 1;
/** As a signed bigint. */
const leaseAt = 2;
/** As unsigned words, from here on: the version before, of the same key; in a free record, the next free one. */
const previousAt = 6;
/** A much older version of the same key, or an id freed since. */
const jumpAt = 7;
/** Versions of the key before this one, compacted ones included. */
const depthAt = 8;

/** Views of one memory. */
interface Chunk {
  readonly doubles: Float64Array;
  readonly bigints: BigInt64Array;
  readonly words: Uint32Array;
}

export interface Details {
  readonly create: Revision;
  /** Writes since creation; 0: a tombstone. */
  readonly writes: number;
  readonly lease: LeaseId;
  /** The version before, of the same key. */
  readonly previous: number;
  readonly jump: number;
  readonly depth: number;
}

/** What is to be said of a version besides that it is the first of its key, in records of typed arrays, in chunks that never move. */
export class VersionDetails {
  readonly #chunks: Chunk[] = [];
  #free = noDetails;
  #next = 1;

  get tableBytes(): number {
    return this.#chunks.length * doubles * 8 * 2 ** chunkBits;
  }

  add(details: Details): number {
    const id = this.#take();
    const chunk = this.#chunk(id);
    const double = (id & chunkMask) * doubles;
    const word = double * 2;
    chunk.doubles[double + createAt] = details.create;
    chunk.doubles[double + writesAt] = details.writes;
    chunk.bigints[double + leaseAt] = details.lease;
    chunk.words[word + previousAt] = details.previous;
    chunk.words[word + jumpAt] = details.jump;
    chunk.words[word + depthAt] = details.depth;
    return id;
  }

  remove(id: number): void {
    this.setPrevious(id, this.#free);
    this.#free = id;
  }

  create(id: number): Revision {
    return this.#chunk(id).doubles[(id & chunkMask) * doubles + createAt] as Revision;
  }

  writes(id: number): number {
    return this.#chunk(id).doubles[(id & chunkMask) * doubles + writesAt] as number;
  }

  lease(id: number): LeaseId {
    const chunk = this.#chunk(id);
    const double = (id & chunkMask) * doubles + leaseAt;
    // Most have none, and need no bigint made.
    if (chunk.words[double * 2] === 0 && chunk.words[double * 2 + 1] === 0) return noLease;
    return chunk.bigints[double] as LeaseId;
  }

  previous(id: number): number {
    return this.#word(id, previousAt);
  }

  setPrevious(id: number, version: number): void {
    this.#chunk(id).words[(id & chunkMask) * words + previousAt] = version;
  }

  jump(id: number): number {
    return this.#word(id, jumpAt);
  }

  depth(id: number): number {
    return this.#word(id, depthAt);
  }

  #chunk(id: number): Chunk {
    return this.#chunks[id >>> chunkBits] as Chunk;
  }

  #word(id: number, at: number): number {
    return this.#chunk(id).words[(id & chunkMask) * words + at] as number;
  }

  #take(): number {
    if (this.#free !== noDetails) {
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
