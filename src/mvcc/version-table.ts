import { type LeaseId, noLease, type Revision } from "../base/index.ts";
import { noAddress, Slabs } from "./slabs.ts";
import { noDetails, VersionDetails } from "./version-details.ts";

/** No version: ids begin at 1. */
export const noVersion = 0;

const chunkBits = 13;
const chunkMask = 2 ** chunkBits - 1;

/** One version is 3 doubles' room. */
const doubles = 3;
const words = doubles * 2;
/** As a double: the revision that made the version (0: the id is free). */
const modAt = 0;
/** As unsigned words, from here on: address of the value, key id. */
const addressAt = 2;
const keyAt = 3;
/** Its position among the changes of its revision; in a free id, the next free one. */
const subAt = 4;
/** Its details; none: the first version of its key, without a lease. Most keys of a large store have only that one. */
const detailsAt = 5;

/** Views of one memory. */
interface Chunk {
  readonly doubles: Float64Array;
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
 * Every kept version of every key, tombstones included, in records of typed arrays, in chunks that never move. The versions of a key form a chain
 * from the newest to the oldest kept one; every version has a second, longer link as well, so that the version of any revision
 * is found in a logarithmic number of steps (E. W. Myers, "An applicative random-access stack", 1983).
 */
export class VersionTable {
  readonly values: Slabs;
  readonly #details = new VersionDetails();
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
    return this.#chunks.length * doubles * 8 * 2 ** chunkBits + this.#details.tableBytes;
  }

  /** A new newest version on top of `previous`. */
  add(fields: VersionFields, value: Uint8Array, previous: number): number {
    const id = this.#take();
    const chunk = this.#chunk(id);
    const double = (id & chunkMask) * doubles;
    const word = double * 2;
    chunk.doubles[double + modAt] = fields.mod;
    chunk.words[word + keyAt] = fields.key;
    chunk.words[word + subAt] = fields.sub;
    chunk.words[word + addressAt] = this.values.add(id, value);
    chunk.words[word + detailsAt] = isPlain(fields, previous)
      ? noDetails
      : this.#details.add({
          create: fields.create,
          writes: fields.writes,
          lease: fields.lease,
          previous,
          jump: previous === noVersion ? noVersion : this.#jumpFrom(previous),
          depth: previous === noVersion ? 0 : this.#depth(previous) + 1,
        });
    this.#count++;
    return id;
  }

  remove(id: number): void {
    this.values.free(this.valueAddress(id));
    this.#setWord(id, addressAt, noAddress);
    this.#chunk(id).doubles[(id & chunkMask) * doubles + modAt] = 0;
    const details = this.#word(id, detailsAt);
    if (details !== noDetails) this.#details.remove(details);
    this.#setWord(id, detailsAt, noDetails);
    this.#setWord(id, subAt, this.#free);
    this.#free = id;
    this.#count--;
  }

  /** Makes it the oldest kept version of its key. */
  cut(id: number): void {
    const details = this.#word(id, detailsAt);
    if (details !== noDetails) this.#details.setPrevious(details, noVersion);
  }

  /** The version of the chain below `head` that was the newest at `revision`, or noVersion. */
  at(head: number, revision: number): number {
    let id = head;
    while (id !== noVersion) {
      const mod = this.mod(id);
      if (mod <= revision) return id;
      const jump = this.#jump(id);
      id = this.#isBefore(jump, mod) && this.mod(jump) > revision ? jump : this.previous(id);
    }
    return noVersion;
  }

  mod(id: number): Revision {
    return this.#chunk(id).doubles[(id & chunkMask) * doubles + modAt] as Revision;
  }

  create(id: number): Revision {
    const details = this.#word(id, detailsAt);
    return details === noDetails ? this.mod(id) : this.#details.create(details);
  }

  /** Writes since creation; 0: a tombstone. */
  writes(id: number): number {
    const details = this.#word(id, detailsAt);
    return details === noDetails ? 1 : this.#details.writes(details);
  }

  key(id: number): number {
    return this.#word(id, keyAt);
  }

  sub(id: number): number {
    return this.#word(id, subAt);
  }

  previous(id: number): number {
    const details = this.#word(id, detailsAt);
    return details === noDetails ? noVersion : this.#details.previous(details);
  }

  lease(id: number): LeaseId {
    const details = this.#word(id, detailsAt);
    return details === noDetails ? noLease : this.#details.lease(details);
  }

  valueAddress(id: number): number {
    return this.#word(id, addressAt);
  }

  value(id: number): Uint8Array {
    return this.values.view(this.valueAddress(id));
  }

  /** A much older version of the same key, or an id freed since. */
  #jump(id: number): number {
    const details = this.#word(id, detailsAt);
    return details === noDetails ? noVersion : this.#details.jump(details);
  }

  /** Versions of the key before this one, compacted ones included. */
  #depth(id: number): number {
    const details = this.#word(id, detailsAt);
    return details === noDetails ? 0 : this.#details.depth(details);
  }

  #chunk(id: number): Chunk {
    return this.#chunks[id >>> chunkBits] as Chunk;
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
    const first = this.#jump(below);
    if (!this.#isBefore(first, this.mod(below))) return below;
    const second = this.#jump(first);
    if (!this.#isBefore(second, this.mod(first))) return below;
    const depth = this.#depth(first);
    return this.#depth(below) - depth === depth - this.#depth(second) ? second : below;
  }

  #take(): number {
    if (this.#free !== noVersion) {
      const id = this.#free;
      this.#free = this.#word(id, subAt);
      return id;
    }
    const id = this.#next++;
    if (this.#chunks.length <= id >>> chunkBits) {
      const buffer = new ArrayBuffer(doubles * 8 * 2 ** chunkBits);
      this.#chunks.push({
        doubles: new Float64Array(buffer),
        words: new Uint32Array(buffer),
      });
    }
    return id;
  }
}

/** The first version of a key, without a lease. */
function isPlain({ mod, create, writes, lease }: VersionFields, previous: number): boolean {
  return previous === noVersion && writes === 1 && create === mod && lease === noLease;
}
