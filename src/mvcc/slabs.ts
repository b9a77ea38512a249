import { assert } from "../base/index.ts";

/** Address of no bytes at all (an empty value). */
export const noAddress = 0xffff_ffff;

const unitBytes = 8;
const headerBytes = 8;
const slabBytesFirst = 64 * 1024;
const slabBytesMax = 1024 * 1024;
/** An address is a slab number and a unit in it: 2^17 units of 8 bytes are one slab of 1 MiB. */
const unitBits = 17;
const unitMask = 2 ** unitBits - 1;
const slabsMax = 2 ** (32 - unitBits);
/** Larger ones get a slab of their own size, so that no slab ends in a large hole. */
const sharedBytesMax = slabBytesMax / 4;

interface Slab {
  readonly buffer: ArrayBuffer;
  /** The same memory as bytes. */
  readonly bytes: Uint8Array;
  /** The same memory as words. */
  readonly words: Uint32Array;
  /** Units written. */
  used: number;
  /** Units of them that somebody still owns. */
  live: number;
  /** In the list of slabs to empty. */
  sparse: boolean;
}

/** Who owns bytes in a slab: it says where it believes them to be, and learns where they went. */
export interface SlabOwners {
  addressOf(owner: number): number;
  moved(owner: number, address: number): void;
}

/**
 * Bytes off the JavaScript heap, in append-only slabs. Written once, never overwritten: a view that was handed out stays
 * right for ever, even after its slab was dropped here. When less than half of a slab is owned, `evacuate` copies what is left
 * to the newest slab and drops it.
 *
 *     slab:  ┌───────────┬────────────┬─────────────┬─────────┬── …
 *            │ owner u32 │ length u32 │ bytes       │ padding │
 *            └───────────┴────────────┴─────────────┴─────────┴── …   entries begin at multiples of 8
 */
export class Slabs {
  readonly #owners: SlabOwners;
  readonly #slabs: (Slab | undefined)[] = [];
  readonly #vacant: number[] = [];
  /** Slabs to empty, the first one from #evacuated on. */
  #sparse: number[] = [];
  #evacuated = 0;
  #open = -1;
  #openBytes = slabBytesFirst / 2;
  #writtenUnits = 0;
  #liveUnits = 0;

  constructor(owners: SlabOwners) {
    this.#owners = owners;
  }

  /** What was written and not dropped, owned or not. */
  get writtenBytes(): number {
    return this.#writtenUnits * unitBytes;
  }

  get liveBytes(): number {
    return this.#liveUnits * unitBytes;
  }

  /** Copies the bytes in. Their address is good until they are freed or moved. */
  add(owner: number, bytes: Uint8Array): number {
    const { length } = bytes;
    if (length === 0) return noAddress;
    const address = this.#place(owner, length);
    const offset = (address & unitMask) * unitBytes + headerBytes;
    const target = this.#slab(address).bytes;
    // Below this a loop is faster than the call into the runtime.
    if (length <= 24) for (let i = 0; i < length; i++) target[offset + i] = bytes[i] as number;
    else target.set(bytes, offset);
    return address;
  }

  free(address: number): void {
    if (address === noAddress) return;
    const index = address >>> unitBits;
    const slab = this.#slab(address);
    const units = unitsOf(this.lengthAt(address));
    slab.live -= units;
    this.#liveUnits -= units;
    assert(slab.live >= 0, `slab ${index} has ${slab.live} units alive`);
    this.#judge(index, slab);
  }

  lengthAt(address: number): number {
    return address === noAddress ? 0 : (this.#slab(address).words[(address & unitMask) * 2 + 1] as number);
  }

  /** The bytes themselves; never to be written to. */
  view(address: number): Uint8Array {
    if (address === noAddress) return new Uint8Array(0);
    const slab = this.#slab(address);
    const unit = address & unitMask;
    return new Uint8Array(slab.buffer, unit * unitBytes + headerBytes, slab.words[unit * 2 + 1]);
  }

  /** Length of the common beginning of `key` and the bytes at the address, at least `known` of which are known to be common. */
  commonLength(key: Uint8Array, address: number, known: number): number {
    const slab = this.#slab(address);
    const unit = address & unitMask;
    const end = Math.min(key.length, slab.words[unit * 2 + 1] as number);
    const { bytes } = slab;
    const offset = unit * unitBytes + headerBytes;
    let i = known;
    while (i < end && key[i] === bytes[offset + i]) i++;
    return i;
  }

  /** Byte `index` at the address; -1 behind the end. */
  byteAt(address: number, index: number): number {
    const slab = this.#slab(address);
    const unit = address & unitMask;
    if (index >= (slab.words[unit * 2 + 1] as number)) return -1;
    return slab.bytes[unit * unitBytes + headerBytes + index] as number;
  }

  equals(key: Uint8Array, address: number): boolean {
    const slab = this.#slab(address);
    const unit = address & unitMask;
    const { length } = key;
    if (slab.words[unit * 2 + 1] !== length) return false;
    const { bytes } = slab;
    const offset = unit * unitBytes + headerBytes;
    // From the end: keys of one collection begin alike.
    for (let i = length - 1; i >= 0; i--) if (key[i] !== bytes[offset + i]) return false;
    return true;
  }

  /** Lists every slab that has anything nobody owns, so that `evacuate` leaves none behind. */
  condense(): void {
    this.#open = -1;
    for (const [index, slab] of this.#slabs.entries())
      if (slab !== undefined) this.#judge(index, slab, slab.used);
  }

  /** Looks at up to `entriesMax` entries of sparse slabs and moves what is alive; true while there is more. */
  evacuate(entriesMax: number): boolean {
    for (let entries = 0; this.#sparse.length > 0; entries++) {
      if (entries >= entriesMax) return true;
      const index = this.#sparse[0] as number;
      const slab = this.#slabs[index];
      if (slab === undefined || this.#evacuated >= slab.used) {
        this.#sparse.shift();
        this.#evacuated = 0;
        continue;
      }
      const unit = this.#evacuated;
      const owner = slab.words[unit * 2] as number;
      const length = slab.words[unit * 2 + 1] as number;
      this.#evacuated += unitsOf(length);
      const address = ((index << unitBits) | unit) >>> 0;
      if (this.#owners.addressOf(owner) !== address) continue;
      const offset = unit * unitBytes + headerBytes;
      this.#owners.moved(owner, this.add(owner, slab.bytes.subarray(offset, offset + length)));
      this.free(address);
    }
    return false;
  }

  #slab(address: number): Slab {
    return this.#slabs[address >>> unitBits] as Slab;
  }

  #place(owner: number, length: number): number {
    const units = unitsOf(length);
    let index = this.#open;
    if (length > sharedBytesMax) {
      index = this.#addSlab(units * unitBytes);
    } else {
      const open = this.#slabs[index];
      if (open === undefined || open.used + units > open.words.length / 2) index = this.#openNext(units);
    }
    const slab = this.#slabs[index] as Slab;
    const unit = slab.used;
    slab.words[unit * 2] = owner;
    slab.words[unit * 2 + 1] = length;
    slab.used += units;
    slab.live += units;
    this.#writtenUnits += units;
    this.#liveUnits += units;
    return ((index << unitBits) | unit) >>> 0;
  }

  #openNext(units: number): number {
    const closed = this.#open;
    this.#openBytes = Math.min(slabBytesMax, this.#openBytes * 2);
    while (this.#openBytes < units * unitBytes) this.#openBytes *= 2;
    this.#open = this.#addSlab(this.#openBytes);
    const slab = this.#slabs[closed];
    if (slab !== undefined) this.#judge(closed, slab);
    return this.#open;
  }

  #addSlab(byteLength: number): number {
    const buffer = new ArrayBuffer(byteLength);
    const index = this.#vacant.pop() ?? this.#slabs.length;
    assert(index < slabsMax, `${slabsMax} slabs are in use`);
    this.#slabs[index] = {
      buffer,
      bytes: new Uint8Array(buffer),
      words: new Uint32Array(buffer),
      used: 0,
      live: 0,
      sparse: false,
    };
    return index;
  }

  /** Drops a closed slab that nobody needs, and lists one that few need: that has fewer than `enough` units alive. */
  #judge(index: number, slab: Slab, enough = slab.used / 2): void {
    if (index === this.#open) return;
    if (slab.live === 0) {
      // Listed or not: `evacuate` passes over holes, and the number may only be used again once it is not listed.
      this.#slabs[index] = undefined;
      this.#writtenUnits -= slab.used;
      if (slab.sparse) {
        if (this.#sparse[0] === index) this.#evacuated = 0;
        this.#sparse = this.#sparse.filter((listed) => listed !== index);
      }
      this.#vacant.push(index);
    } else if (!slab.sparse && slab.live < enough) {
      slab.sparse = true;
      this.#sparse.push(index);
    }
  }
}

function unitsOf(length: number): number {
  return Math.ceil((headerBytes + length) / unitBytes);
}
