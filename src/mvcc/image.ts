import type { LeaseId, Revision } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import { Extract } from "./extract.ts";
import type { HashSeed } from "./key-hash.ts";
import { Keyspace, newest } from "./keyspace.ts";
import type { MvccImage } from "./types.ts";
import { noVersion } from "./version-table.ts";

/*
 * An image is a sequence of records, little-endian, all numbers but the first four being doubles except the lease;
 * sub is the position among the changes of one revision:
 *
 *     u32 kind │ u32 key length │ u32 value length │ u32 sub │ mod │ create │ writes │ i64 lease │ key │ value
 *
 * kind 1, begin:   mod = the image's revision, create = its compact revision, writes = the format (1)
 * kind 2, base:    what a key was before the compact revision, by key
 * kind 3, change:  a change from the compact revision on, in order; writes 0: a deletion
 * kind 4, end:     mod = how many base and change records there were
 */
const kindBegin = 1;
const kindBase = 2;
const kindChange = 3;
const kindEnd = 4;
const format = 1;
const recordBytes = 48;
/** A chunk is as long as this and the record that it ends with. */
const chunkBytes = 256 * 1024;
/** No image has a longer key or value. */
const partBytesMax = 256 * 1024 * 1024;

/** The image of a store at its present revision. */
export function imageOf(space: Keyspace): MvccImage {
  const extract = new Extract(space, space.revision);
  const revision = space.revision;
  const { compactRevision } = space;
  const chunk = new ChunkWriter();
  let count = 0;
  let state: "begin" | "records" | "ended" = "begin";
  const end = (): IteratorResult<Uint8Array> => {
    extract.close();
    state = "ended";
    return { done: true, value: undefined };
  };
  return {
    revision,
    compactRevision: Math.max(0, compactRevision) as Revision,
    next: () => {
      if (state === "ended") return end();
      chunk.length = 0;
      if (state === "begin") chunk.mark(kindBegin, revision, compactRevision, format);
      state = "records";
      while (chunk.length < chunkBytes) {
        const version = extract.next();
        if (version === noVersion) {
          chunk.mark(kindEnd, count, 0, 0);
          state = "ended";
          break;
        }
        chunk.version(space, version, extract.isLogged(version) ? kindChange : kindBase);
        count++;
      }
      return { done: false, value: chunk.bytes() };
    },
    return: end,
    [Symbol.iterator]() {
      return this;
    },
  };
}

class ChunkWriter {
  /** Uninitialized: nobody sees more of it than was written. */
  #bytes = new Uint8Array(Buffer.allocUnsafeSlow(chunkBytes + chunkBytes / 4).buffer);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  mark(kind: number, mod: number, create: number, writes: number): void {
    this.#head(kind, 0, 0, mod, create, writes, 0n, 0);
  }

  version(space: Keyspace, version: number, kind: number): void {
    const { versions } = space;
    const key = space.keyOf(version);
    const value = versions.value(version);
    const mod = versions.mod(version);
    const create = versions.create(version);
    this.#head(
      kind,
      key.length,
      value.length,
      mod,
      create,
      versions.writes(version),
      versions.lease(version),
      versions.sub(version),
    );
    this.#bytes.set(key, this.length);
    this.#bytes.set(value, this.length + key.length);
    this.length += key.length + value.length;
  }

  bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length);
  }

  #head(
    kind: number,
    keyLength: number,
    valueLength: number,
    mod: number,
    create: number,
    writes: number,
    lease: bigint,
    sub: number,
  ): void {
    const needed = this.length + recordBytes + keyLength + valueLength;
    if (needed > this.#bytes.length) {
      const grown = new Uint8Array(needed + recordBytes);
      grown.set(this.#bytes.subarray(0, this.length));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    const at = this.length;
    this.#view.setUint32(at, kind, true);
    this.#view.setUint32(at + 4, keyLength, true);
    this.#view.setUint32(at + 8, valueLength, true);
    this.#view.setUint32(at + 12, sub, true);
    this.#view.setFloat64(at + 16, mod, true);
    this.#view.setFloat64(at + 24, create, true);
    this.#view.setFloat64(at + 32, writes, true);
    this.#view.setBigInt64(at + 40, lease, true);
    this.length += recordBytes;
  }
}

/** Builds a store from the bytes of an image, and believes none of them. */
export class ImageReader {
  readonly #space: Keyspace;
  /** The beginning of a record whose end has not come yet. */
  #rest: Uint8Array[] = [];
  #restBytes = 0;
  #needed = recordBytes;
  #state: "begin" | "base" | "changes" | "end" = "begin";
  #count = 0;
  #lastMod = 0;

  constructor(seed: HashSeed) {
    this.#space = new Keyspace(seed);
  }

  /** @throws KvError CORRUPT */
  write(chunk: Uint8Array): void {
    if (chunk.length === 0) return;
    this.#restBytes += chunk.length;
    const suffice = this.#restBytes >= this.#needed;
    // What is kept is a copy, so that what the caller does with its chunk later is no matter.
    this.#rest.push(suffice ? chunk : chunk.slice());
    if (!suffice) return;
    const bytes = this.#rest.length === 1 ? chunk : joined(this.#rest, this.#restBytes);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    let at = 0;
    this.#needed = recordBytes;
    while (bytes.length - at >= recordBytes) {
      const keyLength = view.getUint32(at + 4, true);
      const valueLength = view.getUint32(at + 8, true);
      if (keyLength > partBytesMax || valueLength > partBytesMax) throw corrupt("a part is too long");
      const length = recordBytes + keyLength + valueLength;
      if (bytes.length - at < length) {
        this.#needed = length;
        break;
      }
      this.#record(view, at, bytes, keyLength, valueLength);
      at += length;
    }
    this.#rest = at === bytes.length ? [] : [bytes.slice(at)];
    this.#restBytes = bytes.length - at;
  }

  /** @throws KvError CORRUPT */
  finish(): Keyspace {
    if (this.#state !== "end" || this.#restBytes > 0) throw corrupt("it ends too early");
    return this.#space;
  }

  #record(view: DataView, at: number, bytes: Uint8Array, keyLength: number, valueLength: number): void {
    const space = this.#space;
    const kind = view.getUint32(at, true);
    const mod = view.getFloat64(at + 16, true);
    const create = view.getFloat64(at + 24, true);
    const writes = view.getFloat64(at + 32, true);
    if (this.#state === "begin") {
      if (kind !== kindBegin || writes !== format) throw corrupt("its format is not known here");
      if (!Number.isSafeInteger(mod) || mod < 1) throw corrupt(`its revision is ${mod}`);
      if (!Number.isSafeInteger(create) || create < -1 || create > mod)
        throw corrupt(`it is compacted at ${create}`);
      space.revision = mod as Revision;
      space.compactRevision = create as Revision;
      this.#state = "base";
      return;
    }
    if (kind === kindEnd) {
      if (this.#state === "end" || mod !== this.#count)
        throw corrupt(`it has ${this.#count} records, not ${mod}`);
      this.#state = "end";
      return;
    }
    const logged = kind === kindChange;
    if (logged && this.#state === "base") {
      this.#state = "changes";
      this.#lastMod = Math.max(1, space.compactRevision);
    }
    if (kind !== kindBase && kind !== kindChange) throw corrupt(`there is a record of kind ${kind}`);
    if (this.#state !== (logged ? "changes" : "base")) throw corrupt("a record is out of order");
    const modFits = logged
      ? mod >= this.#lastMod && mod <= space.revision
      : mod >= 1 && mod < space.compactRevision;
    const writesFit = Number.isSafeInteger(writes) && writes >= (logged ? 0 : 1);
    const createFits =
      writes === 0 ? create === 0 : Number.isSafeInteger(create) && create >= 1 && create <= mod;
    if (!Number.isSafeInteger(mod) || !modFits || !writesFit || !createFits) {
      throw corrupt(`a version is impossible: modified ${mod}, created ${create}, written ${writes} times`);
    }
    const key = bytes.subarray(at + recordBytes, at + recordBytes + keyLength);
    const value = bytes.subarray(at + recordBytes + keyLength, at + recordBytes + keyLength + valueLength);
    const id = space.idOf(key);
    if (!logged && space.keys.head(id) !== noVersion) throw corrupt("a key has two beginnings");
    const lease = view.getBigInt64(at + 40, true) as LeaseId;
    const sub = view.getUint32(at + 12, true);
    const fields = { key: id, mod: mod as Revision, create: create as Revision, writes, lease, sub };
    space.adopt(fields, value, logged);
    if (logged) this.#lastMod = mod;
    this.#count++;
  }
}

/** Calls `visit` for every key that exists now and belongs to a lease. */
export function visitLeases(space: Keyspace, visit: (lease: LeaseId, key: Uint8Array) => void): void {
  space.order.scan(new Uint8Array(0), undefined, {
    key: (id) => {
      const version = space.visible(id, newest);
      const lease = version === noVersion ? 0n : space.versions.lease(version);
      if (lease !== 0n) visit(lease as LeaseId, space.keys.view(id));
      return true;
    },
  });
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function corrupt(why: string): KvError {
  return new KvError("CORRUPT", `the image of the key-value store is damaged: ${why}`);
}
