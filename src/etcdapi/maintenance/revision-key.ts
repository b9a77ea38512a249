/** Keys of etcd's bucket `key`, which sort by revision: u64 main │ "_" │ u64 sub, and "t" behind those of deletions. */
const revisionBytes = 17;
const deletionMark = 0x74;

export interface StoredRevision {
  readonly main: number;
  readonly sub: number;
  readonly deleted: boolean;
}

export function writeRevision({ main, sub, deleted }: StoredRevision): Uint8Array {
  const bytes = new Uint8Array(deleted ? revisionBytes + 1 : revisionBytes);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(main));
  bytes[8] = 0x5f;
  view.setBigUint64(9, BigInt(sub));
  if (deleted) bytes[revisionBytes] = deletionMark;
  return bytes;
}

/** @throws Error: it is shorter than one */
export function readRevision(key: Buffer): StoredRevision {
  if (key.length < revisionBytes) throw new Error(`a revision has ${key.length} bytes`);
  return {
    main: Number(key.readBigUInt64BE(0)),
    sub: Number(key.readBigUInt64BE(9)),
    deleted: key[revisionBytes] === deletionMark,
  };
}
