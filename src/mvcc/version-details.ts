import type { LeaseId, Revision } from "../base/index.ts";
import { noLease } from "../base/index.ts";
import { chunkBits, chunkMask, noRecord, Records } from "./records.ts";

/** No details. */
export const noDetails = noRecord;

/** One record is 5 doubles' room. */
const recordDoubles = 5;
const recordWords = recordDoubles * 2;
/** As doubles: the revision that created the key, writes since (0: a tombstone). */
const createAt = 0;
const writesAt = 1;
/** As a signed bigint. */
const leaseAt = 2;
/** As unsigned words, from here on: the version before, of the same key. */
const previousAt = 6;
/** A much older version of the same key, or an id freed since. */
const jumpAt = 7;
/** Versions of the key before this one, compacted ones included. */
const depthAt = 8;

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

/** What is to be said of a version besides that it is the first of its key. */
export class VersionDetails {
  readonly records = new Records(recordWords);
  readonly #words = this.records.words;
  readonly #doubles = this.records.doubles;
  readonly #bigints = this.records.bigints;

  add(details: Details): number {
    const id = this.records.take();
    const doubles = this.#doubles[id >>> chunkBits] as Float64Array;
    const words = this.#words[id >>> chunkBits] as Uint32Array;
    const double = (id & chunkMask) * recordDoubles;
    const word = double * 2;
    doubles[double + createAt] = details.create;
    doubles[double + writesAt] = details.writes;
    (this.#bigints[id >>> chunkBits] as BigInt64Array)[double + leaseAt] = details.lease;
    words[word + previousAt] = details.previous;
    words[word + jumpAt] = details.jump;
    words[word + depthAt] = details.depth;
    return id;
  }

  remove(id: number): void {
    this.records.giveBack(id);
  }

  create(id: number): Revision {
    return this.#double(id, createAt) as Revision;
  }

  writes(id: number): number {
    return this.#double(id, writesAt);
  }

  lease(id: number): LeaseId {
    const words = this.#words[id >>> chunkBits] as Uint32Array;
    const double = (id & chunkMask) * recordDoubles + leaseAt;
    // Most have none, and need no bigint made.
    if (words[double * 2] === 0 && words[double * 2 + 1] === 0) return noLease;
    return (this.#bigints[id >>> chunkBits] as BigInt64Array)[double] as LeaseId;
  }

  previous(id: number): number {
    return this.#word(id, previousAt);
  }

  setPrevious(id: number, version: number): void {
    (this.#words[id >>> chunkBits] as Uint32Array)[(id & chunkMask) * recordWords + previousAt] = version;
  }

  jump(id: number): number {
    return this.#word(id, jumpAt);
  }

  depth(id: number): number {
    return this.#word(id, depthAt);
  }

  #double(id: number, at: number): number {
    return (this.#doubles[id >>> chunkBits] as Float64Array)[(id & chunkMask) * recordDoubles + at] as number;
  }

  #word(id: number, at: number): number {
    return (this.#words[id >>> chunkBits] as Uint32Array)[(id & chunkMask) * recordWords + at] as number;
  }
}
