import { type LeaseId, noLease, type Revision } from "../base/index.ts";
import { noAddress, Slabs } from "./slabs.ts";

/** No version: ids begin at 1. */
export const noVersion = 0;

const chunkBits = 13;
const chunkMask = 2 ** chunkBits - 1;
const bytesPerVersion = 56;

interface Chunk {
  /** Revision that made the version; 0 in a free id. */
  readonly mod: Float64Array;
  readonly create: Float64Array;
  /** Writes since creation; 0: a tombstone. */
  readonly writes: Float64Array;
  readonly lease: BigInt64Array;
  /** The same memory, to see that there is no lease without making a bigint. */
  readonly leaseHalves: Int32Array;
  /** Of the value. */
  readonly address: Uint32Array;
  readonly key: Uint32Array;
  /** The version before, of the same key; in a free id, the next free one. */
  readonly previous: Uint32Array;
  /** A much older version of the same key, or a freed id. */
  readonly jump: Uint32Array;
  /** Versions of the key before this one, compacted ones included. */
  readonly depth: Uint32Array;
}

export interface VersionFields {
  readonly key: number;
  readonly mod: Revision;
  readonly create: Revision;
  readonly writes: number;
  readonly lease: LeaseId;
}

/**
 * Every kept version of every key, tombstones included, in typed arrays of fixed chunks. The versions of a key form a chain
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
      addressOf: (id) => this.#chunk(id).address[id & chunkMask] as number,
      moved: (id, address) => {
        this.#chunk(id).address[id & chunkMask] = address;
      },
    });
  }

  get count(): number {
    return this.#count;
  }

  get tableBytes(): number {
    return this.#chunks.length * bytesPerVersion * 2 ** chunkBits;
  }

  /** A new newest version on top of `previous`. */
  add(fields: VersionFields, value: Uint8Array, previous: number): number {
    const { key, mod, create, writes, lease } = fields;
    const id = this.#take();
    const chunk = this.#chunk(id);
    const i = id & chunkMask;
    chunk.mod[i] = mod;
    chunk.create[i] = create;
    chunk.writes[i] = writes;
    if (lease === noLease) {
      chunk.leaseHalves[i * 2] = 0;
      chunk.leaseHalves[i * 2 + 1] = 0;
    } else {
      chunk.lease[i] = lease;
    }
    chunk.key[i] = key;
    chunk.previous[i] = previous;
    chunk.address[i] = this.values.add(id, value);
    if (previous === noVersion) {
      chunk.jump[i] = noVersion;
      chunk.depth[i] = 0;
    } else {
      chunk.jump[i] = this.#jumpFrom(previous);
      chunk.depth[i] = this.#depth(previous) + 1;
    }
    this.#count++;
    return id;
  }

  remove(id: number): void {
    const chunk = this.#chunk(id);
    const i = id & chunkMask;
    this.values.free(chunk.address[i] as number);
    chunk.address[i] = noAddress;
    chunk.mod[i] = 0;
    chunk.previous[i] = this.#free;
    this.#free = id;
    this.#count--;
  }

  /** Makes it the oldest kept version of its key. */
  cut(id: number): void {
    this.#chunk(id).previous[id & chunkMask] = noVersion;
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
    return this.#chunk(id).mod[id & chunkMask] as Revision;
  }

  create(id: number): Revision {
    return this.#chunk(id).create[id & chunkMask] as Revision;
  }

  /** Writes since creation; 0: a tombstone. */
  writes(id: number): number {
    return this.#chunk(id).writes[id & chunkMask] as number;
  }

  key(id: number): number {
    return this.#chunk(id).key[id & chunkMask] as number;
  }

  previous(id: number): number {
    return this.#chunk(id).previous[id & chunkMask] as number;
  }

  lease(id: number): LeaseId {
    const chunk = this.#chunk(id);
    const i = id & chunkMask;
    if (chunk.leaseHalves[i * 2] === 0 && chunk.leaseHalves[i * 2 + 1] === 0) return noLease;
    return chunk.lease[i] as LeaseId;
  }

  valueAddress(id: number): number {
    return this.#chunk(id).address[id & chunkMask] as number;
  }

  value(id: number): Uint8Array {
    return this.values.view(this.valueAddress(id));
  }

  #chunk(id: number): Chunk {
    return this.#chunks[id >>> chunkBits] as Chunk;
  }

  #jump(id: number): number {
    return this.#chunk(id).jump[id & chunkMask] as number;
  }

  #depth(id: number): number {
    return this.#chunk(id).depth[id & chunkMask] as number;
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
    const firstLength = this.#depth(below) - this.#depth(first);
    return firstLength === this.#depth(first) - this.#depth(second) ? second : below;
  }

  #take(): number {
    if (this.#free !== noVersion) {
      const id = this.#free;
      this.#free = this.previous(id);
      return id;
    }
    const id = this.#next++;
    if (this.#chunks.length <= id >>> chunkBits) {
      const length = 2 ** chunkBits;
      const lease = new BigInt64Array(length);
      this.#chunks.push({
        mod: new Float64Array(length),
        create: new Float64Array(length),
        writes: new Float64Array(length),
        lease,
        leaseHalves: new Int32Array(lease.buffer),
        address: new Uint32Array(length).fill(noAddress),
        key: new Uint32Array(length),
        previous: new Uint32Array(length),
        jump: new Uint32Array(length),
        depth: new Uint32Array(length),
      });
    }
    return id;
  }
}
