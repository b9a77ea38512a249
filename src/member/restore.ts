import { createHash } from "node:crypto";
import type { Revision } from "../base/index.ts";
import { readStoredSnapshot } from "../etcdapi/index.ts";
import type { DiskFile, Platform } from "../platform/index.ts";
import { type ReplicaConfig, restoreReplica } from "../replica/index.ts";
import type { Log } from "../telemetry/index.ts";

const hashBytes = 32;
/** Pages, and so databases, are a multiple of it. */
const sectorBytes = 512;
const pieceBytes = 1024 * 1024;

/**
 * Makes a member's directory of a snapshot in etcd's format: one that etcdctl saved, of this store or of etcd itself, or a copy of etcd's own
 * `member/snap/db`, which has no hash behind it.
 * @throws Error that says what is wrong with the file, or with the directory
 */
export async function restoreSnapshot(options: {
  platform: Platform;
  log: Log;
  path: string;
  config: ReplicaConfig;
  skipHashCheck: boolean;
  skipRevisions: number;
}): Promise<{ readonly revision: Revision; readonly keys: number }> {
  const { platform, log, path, config, skipHashCheck, skipRevisions } = options;
  const file = await platform.disk.open(path, { readOnly: true });
  try {
    const size = await file.size();
    const hasHash = size % sectorBytes === hashBytes;
    if (!hasHash && !skipHashCheck)
      throw new Error(
        `${path}: snapshot missing hash but --skip-hash-check=false: where it is a copy of a database, say --skip-hash-check`,
      );
    const bytes = hasHash ? size - hashBytes : size;
    if (hasHash && !skipHashCheck) await checkHash(file, path, bytes);
    const read = (position: number, length: number) => readExactly(file, path, position, length);
    const state = await readStoredSnapshot({ bytes, read });
    return await restoreReplica({ platform, config, log, state, skipRevisions });
  } finally {
    await file.close();
  }
}

async function checkHash(file: DiskFile, path: string, bytes: number): Promise<void> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes; at += pieceBytes)
    hash.update(await readExactly(file, path, at, Math.min(pieceBytes, bytes - at)));
  const found = hash.digest();
  const expected = await readExactly(file, path, bytes, hashBytes);
  if (!found.equals(expected))
    throw new Error(`${path} is damaged: expected sha256 ${hex(expected)}, got ${hex(found)}`);
}

/** @throws Error: the file ends before */
export async function readExactly(
  file: DiskFile,
  path: string,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  if ((await file.read(bytes, position)) < length) throw new Error(`${path} ends early`);
  return bytes;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
