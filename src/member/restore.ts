import { createHash } from "node:crypto";
import type { Revision } from "../base/index.ts";
import { readStoredSnapshot } from "../etcdapi/index.ts";
import type { Platform } from "../platform/index.ts";
import { type ReplicaConfig, restoreReplica } from "../replica/index.ts";
import type { Log } from "../telemetry/index.ts";
import { SnapshotFile } from "./snapshot-file.ts";

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
  const file = await SnapshotFile.open(platform.disk, path);
  try {
    if (!skipHashCheck) await checkHash(file);
    const state = await readStoredSnapshot(file.database);
    return await restoreReplica({ platform, config, log, state, skipRevisions });
  } finally {
    await file.close();
  }
}

/** With etcdutl's words. */
async function checkHash(file: SnapshotFile): Promise<void> {
  if (!file.hasHash) throw new Error("snapshot missing hash but --skip-hash-check=false");
  const { bytes, read } = file.database;
  const hash = createHash("sha256");
  for (let at = 0; at < bytes; at += pieceBytes)
    hash.update(await read(at, Math.min(pieceBytes, bytes - at)));
  const found = hash.digest();
  const expected = await file.readHash();
  if (!found.equals(expected))
    throw new Error(`expected sha256 [${expected.join(" ")}], got [${found.join(" ")}]`);
}
