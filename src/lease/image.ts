import type { LeaseId } from "../base/index.ts";
import { KvError } from "../kv/index.ts";

/** What of a lease is replicated, but for its keys. */
export interface LeaseRecord {
  readonly id: LeaseId;
  readonly ttlSeconds: number;
  /** By the last checkpoint; 0: none since it was granted or renewed. */
  readonly remainingTtlSeconds: number;
}

const format = 1;
const headBytes = 8;
const recordBytes = 24;

/** Little-endian: u32 format, u32 count; per lease, by id: i64 id, f64 time-to-live, f64 time left by the last checkpoint. */
export function encodeLeases(leases: readonly LeaseRecord[]): Uint8Array {
  const bytes = new Uint8Array(headBytes + leases.length * recordBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, format, true);
  view.setUint32(4, leases.length, true);
  let at = headBytes;
  for (const lease of leases) {
    view.setBigInt64(at, lease.id, true);
    view.setFloat64(at + 8, lease.ttlSeconds, true);
    view.setFloat64(at + 16, lease.remainingTtlSeconds, true);
    at += recordBytes;
  }
  return bytes;
}

/** @throws KvError CORRUPT */
export function decodeLeases(bytes: Uint8Array): LeaseRecord[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (bytes.length < headBytes || view.getUint32(0, true) !== format)
    throw corrupt("its format is not known here");
  const count = view.getUint32(4, true);
  if (bytes.length !== headBytes + count * recordBytes)
    throw corrupt(`${bytes.length} bytes are not ${count} leases`);
  const leases: LeaseRecord[] = [];
  let before: bigint | undefined;
  for (let at = headBytes; at < bytes.length; at += recordBytes) {
    const id = view.getBigInt64(at, true) as LeaseId;
    const ttlSeconds = view.getFloat64(at + 8, true);
    const remainingTtlSeconds = view.getFloat64(at + 16, true);
    const fits = Number.isSafeInteger(ttlSeconds) && ttlSeconds > 0;
    const remainingFits = Number.isSafeInteger(remainingTtlSeconds) && remainingTtlSeconds >= 0;
    if (!fits || !remainingFits)
      throw corrupt(`lease ${id} has ${remainingTtlSeconds} of ${ttlSeconds} seconds`);
    if (id === 0n || (before !== undefined && id <= before)) throw corrupt(`lease ${id} is out of order`);
    before = id;
    leases.push({ id, ttlSeconds, remainingTtlSeconds });
  }
  return leases;
}

function corrupt(why: string): KvError {
  return new KvError("CORRUPT", `the image of the leases is damaged: ${why}`);
}
