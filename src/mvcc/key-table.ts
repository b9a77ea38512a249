import { type HashSeed, hashOfKey } from "./key-hash.ts";
import { chunkBits, chunkMask, noRecord, Records } from "./records.ts";
import { noAddress, Slabs } from "./slabs.ts";

/** No such key. */
export const noKey = noRecord;

const tableBits = 6;

/** Of each key: address of its bytes (noAddress: the id is free), newest version, leaf. */
const recordWords = 3;
const addressAt = 0;
const headAt = 1;
const leafAt = 2;

/** Open addressing, linear probing; per slot the id (0: empty) and the whole hash. */
interface Table {
  slots: Uint32Array;
  used: number;
}

/**
 * Keys and their small ids. Off the heap: bytes in slabs, fields in records, and 64 hash tables chosen by the hash's top bits, so that growing
 * one stops nobody for long.
 */
export class KeyTable {
  readonly bytes: Slabs;
  readonly #seed: HashSeed;
  readonly #records = new Records(recordWords);
  readonly #words = this.#records.words;
  readonly #tables: Table[] = [];

  constructor(seed: HashSeed) {
    this.#seed = seed;
    this.bytes = new Slabs({
      addressOf: (id) => this.address(id),
      moved: (id, address) => this.#setWord(id, addressAt, address),
    });
    for (let i = 0; i < 2 ** tableBits; i++) this.#tables.push({ slots: new Uint32Array(16), used: 0 });
  }

  get count(): number {
    return this.#records.count;
  }

  /** Bytes of the keys and of what is kept of each. */
  get usedBytes(): number {
    return this.#records.usedBytes + this.bytes.liveBytes;
  }

  /** Bytes of these and of what was freed and is not used again. */
  get takenBytes(): number {
    return this.#records.takenBytes + this.bytes.writtenBytes;
  }

  /** Bytes of the hash tables. */
  get tableBytes(): number {
    let bytes = 0;
    for (const table of this.#tables) bytes += table.slots.byteLength;
    return bytes;
  }

  /** Gives back all that was freed: what bytes leave behind as soon as `bytes` has been evacuated. */
  condense(): void {
    this.#records.condense();
    this.bytes.condense();
  }

  hash(key: Uint8Array): number {
    return hashOfKey(key, this.#seed);
  }

  /** The key's id, or noKey. */
  find(key: Uint8Array, hash: number = this.hash(key)): number {
    const { slots } = this.#table(hash);
    const mask = slots.length / 2 - 1;
    for (let i = hash & mask; ; i = (i + 1) & mask) {
      const id = slots[i * 2] as number;
      if (id === noKey) return noKey;
      if (slots[i * 2 + 1] === hash && this.bytes.equals(key, this.address(id))) return id;
    }
  }

  /** Adds a key that is not there. */
  add(key: Uint8Array, hash: number): number {
    const table = this.#table(hash);
    if ((table.used + 1) * 3 > table.slots.length) grow(table);
    const id = this.#records.take();
    this.#setWord(id, addressAt, this.bytes.add(id, key));
    this.#setWord(id, headAt, 0);
    insert(table.slots, id, hash);
    table.used++;
    return id;
  }

  remove(id: number): void {
    const address = this.address(id);
    const hash = this.hash(this.bytes.view(address));
    const table = this.#table(hash);
    removeSlot(table.slots, id, hash);
    table.used--;
    this.bytes.free(address);
    this.#setWord(id, addressAt, noAddress);
    this.#records.giveBack(id);
  }

  address(id: number): number {
    return this.#word(id, addressAt);
  }

  view(id: number): Uint8Array {
    return this.bytes.view(this.address(id));
  }

  /** The key's newest version; 0 while it has none. */
  head(id: number): number {
    return this.#word(id, headAt);
  }

  setHead(id: number, version: number): void {
    this.#setWord(id, headAt, version);
  }

  /** Number of the leaf of the key order that has the id. */
  leaf(id: number): number {
    return this.#word(id, leafAt);
  }

  setLeaf(id: number, leaf: number): void {
    this.#setWord(id, leafAt, leaf);
  }

  #word(id: number, at: number): number {
    return (this.#words[id >>> chunkBits] as Uint32Array)[(id & chunkMask) * recordWords + at] as number;
  }

  #setWord(id: number, at: number, value: number): void {
    (this.#words[id >>> chunkBits] as Uint32Array)[(id & chunkMask) * recordWords + at] = value;
  }

  #table(hash: number): Table {
    return this.#tables[hash >>> (32 - tableBits)] as Table;
  }
}

function insert(slots: Uint32Array, id: number, hash: number): void {
  const mask = slots.length / 2 - 1;
  let i = hash & mask;
  while (slots[i * 2] !== 0) i = (i + 1) & mask;
  slots[i * 2] = id;
  slots[i * 2 + 1] = hash;
}

function grow(table: Table): void {
  const { slots } = table;
  table.slots = new Uint32Array(slots.length * 2);
  for (let i = 0; i < slots.length; i += 2) {
    if (slots[i] !== 0) insert(table.slots, slots[i] as number, slots[i + 1] as number);
  }
}

/** Leaves no mark behind: what the probing had pushed on moves back (Knuth, TAOCP 6.4, algorithm R). */
function removeSlot(slots: Uint32Array, id: number, hash: number): void {
  const mask = slots.length / 2 - 1;
  let hole = hash & mask;
  while (slots[hole * 2] !== id) hole = (hole + 1) & mask;
  for (let i = (hole + 1) & mask; slots[i * 2] !== 0; i = (i + 1) & mask) {
    const home = (slots[i * 2 + 1] as number) & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    slots[hole * 2] = slots[i * 2] as number;
    slots[hole * 2 + 1] = slots[i * 2 + 1] as number;
    hole = i;
  }
  slots[hole * 2] = 0;
  slots[hole * 2 + 1] = 0;
}
