import { crc32c } from "../base/index.ts";
import type { Keyspace } from "./keyspace.ts";

const revisionBytes = 17;
const deletionMark = 0x74;
/** Tags and numbers of a mvccpb.KeyValue: five tags, and as many varints. */
const messageBytesMax = 5 * 11 + 11;

/**
 * A version as etcd has it on its disk: its revision (u64 main, "_", u64 sub, "t" behind a deletion's), then a message mvccpb.KeyValue. The
 * checksum of both, without either being made for long.
 */
export class VersionBytes {
  readonly #space: Keyspace;
  readonly #scratch = new Uint8Array(messageBytesMax);
  readonly #revision = new Uint8Array(revisionBytes + 1);
  readonly #view = new DataView(this.#revision.buffer);
  #length = 0;

  constructor(space: Keyspace) {
    this.#space = space;
    this.#revision[8] = 0x5f;
    this.#revision[revisionBytes] = deletionMark;
  }

  /** CRC-32C of the version, chained to what came before it. */
  hash(version: number, before: number): number {
    const { versions } = this.#space;
    const key = this.#space.keyOf(version);
    const writes = versions.writes(version);
    this.#setWide(0, versions.mod(version));
    this.#setWide(9, versions.sub(version));
    let hash = crc32c(this.#revision, 0, writes === 0 ? revisionBytes + 1 : revisionBytes, before);
    this.#length = 0;
    this.#varintField(0x0a, key.length);
    hash = this.#flush(crc32c(key, 0, key.length, this.#flush(hash)));
    if (writes === 0) return hash;
    this.#varintField(0x10, versions.create(version));
    this.#varintField(0x18, versions.mod(version));
    this.#varintField(0x20, writes);
    const value = versions.value(version);
    if (value.length > 0) {
      this.#varintField(0x2a, value.length);
      hash = crc32c(value, 0, value.length, this.#flush(hash));
    }
    const lease = versions.lease(version);
    if (lease !== 0n) this.#leaseField(BigInt.asUintN(64, lease));
    return this.#flush(hash);
  }

  #flush(before: number): number {
    const hash = crc32c(this.#scratch, 0, this.#length, before);
    this.#length = 0;
    return hash;
  }

  #setWide(at: number, value: number): void {
    this.#view.setUint32(at, Math.floor(value / 2 ** 32));
    this.#view.setUint32(at + 4, value >>> 0);
  }

  #varintField(tag: number, value: number): void {
    this.#scratch[this.#length++] = tag;
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.#scratch[this.#length++] = (rest % 0x80) | 0x80;
    this.#scratch[this.#length++] = rest;
  }

  #leaseField(value: bigint): void {
    this.#scratch[this.#length++] = 0x30;
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) this.#scratch[this.#length++] = Number(rest & 0x7fn) | 0x80;
    this.#scratch[this.#length++] = Number(rest);
  }
}
