import { type LeaseId, noLease, type Revision } from "../base/index.ts";
import { chunkBits, chunkMask, noRecord, Records } from "./records.ts";
import { noAddress, Slabs } from "./slabs.ts";
import { noDetails, VersionDetails } from "./version-details.ts";

/** No version. */
export const noVersion = noRecord;

/** One version is 3 doubles' room. */
const recordDoubles = 3;
const recordWords = recordDoubles * 2;
/** As a double: the revision that made the version (0: the id is free). */
const modAt = 0;
/** As unsigned words, from here on: address of the value, key id. */
const addressAt = 2;
const keyAt = 3;
/** Its position among the changes of its revision. */
const subAt = 4;
/** Its details; none: the first version of its key, without a lease. Most keys of a large store have only that one. */
const detailsAt = 5;

export interface VersionFields {
  readonly key: number;
  readonly mod: Revision;
  readonly create: Revision;
  readonly writes: number;
  readonly lease: LeaseId;
  readonly sub: number;
}

/**
 * Every kept version of every key, tombstones included. The versions of a key form a chain from the newest to the oldest kept one; every version has a second, longer link as well, so that the version of any revision
 * is found in a logarithmic number of steps (E. W. Myers, "An applicative random-access stack", 1983).
 */
export class VersionTable {
  readonly values: Slabs;
  readonly #records = new Records(recordWords);
  readonly #words = this.#records.words;
  readonly #doubles = this.#records.doubles;
  readonly #details = new VersionDetails();

  constructor() {
    this.values = new Slabs({
      addressOf: (id) => this.valueAddress(id),
      moved: (id, address) => this.#setWord(id, addressAt, address),
    });
  }

  get count(): number {
    return this.#records.count;
  }

  /** Bytes of the versions, with their values. */
  get usedBytes(): number {
    return this.#records.usedBytes + this.#details.records.usedBytes + this.values.liveBytes;
  }

  /** Bytes of these and of what was freed and is not used again. */
  get takenBytes(): number {
    return this.#records.takenBytes + this.#details.records.takenBytes + this.values.writtenBytes;
  }

  /** Gives back all that was freed: what values leave behind as soon as `values` has been evacuated. */
  condense(): void {
    this.#records.condense();
    this.#details.records.condense();
    this.values.condense();
  }

  /** A new newest version on top of `previous`. */
  add(fields: VersionFields, value: Uint8Array, previous: number): number {
    const id = this.#records.take();
    const doubles = this.#doubles[id >>> chunkBits] as Float64Array;
    const words = this.#words[id >>> chunkBits] as Uint32Array;
    const double = (id & chunkMask) * recordDoubles;
    const word = double * 2;
    doubles[double + modAt] = fields.mod;
    words[word + keyAt] = fields.key;
    words[word + subAt] = fields.sub;
    words[word + addressAt] = this.values.add(id, value);
    words[word + detailsAt] = isPlain(fields, previous)
      ? noDetails
      : this.#details.add({
          create: fields.create,
          writes: fields.writes,
          lease: fields.lease,
          previous,
          jump: previous === noVersion ? noVersion : this.#jumpFrom(previous),
          depth: previous === noVersion ? 0 : this.#depth(previous) + 1,
        });
    return id;
  }

  remove(id: number): void {
    this.values.free(this.valueAddress(id));
    const details = this.#word(id, detailsAt);
    if (details !== noDetails) this.#details.remove(details);
    this.#setWord(id, addressAt, noAddress);
    (this.#doubles[id >>> chunkBits] as Float64Array)[(id & chunkMask) * recordDoubles + modAt] = 0;
    this.#records.giveBack(id);
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
    return (this.#doubles[id >>> chunkBits] as Float64Array)[
      (id & chunkMask) * recordDoubles + modAt
    ] as Revision;
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

  #word(id: number, at: number): number {
    return (this.#words[id >>> chunkBits] as Uint32Array)[(id & chunkMask) * recordWords + at] as number;
  }

  #setWord(id: number, at: number, value: number): void {
    (this.#words[id >>> chunkBits] as Uint32Array)[(id & chunkMask) * recordWords + at] = value;
  }

  /**
   * Whether a jump link of a version made at `mod` is still good. It was when it was made; if its target was freed since, the
   * id is free (0), or its whole chunk is (no number), or it was taken by a version that is newer than the one that holds the link.
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
}

/** The first version of a key, without a lease. */
function isPlain({ mod, create, writes, lease }: VersionFields, previous: number): boolean {
  return previous === noVersion && writes === 1 && create === mod && lease === noLease;
}
