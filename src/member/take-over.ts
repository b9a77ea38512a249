/**
 * A start in the place of etcd: its data directory, or one that `etcdutl snapshot restore` has made, becomes this store's own. What etcd
 * kept stays there, in `member`; beside it come an image of what was in its database and, where it was killed, in the end of its log, and a log that begins there.
 */
import { join } from "node:path";
import { readStoredLog, readStoredSnapshot, type StoredLog, type StoredSnapshot } from "../etcdapi/index.ts";
import type { Disk, Platform } from "../platform/index.ts";
import { hasStarted, type ReplicaConfig } from "../replica/index.ts";
import type { Log } from "../telemetry/index.ts";
import { restoreSnapshot } from "./restore.ts";
import { SnapshotFile } from "./snapshot-file.ts";

/** Where the new directory is made, until it is whole. */
const unfinished = "taking-over";

/**
 * Does nothing where etcd has left nothing, or this store has started before.
 * @throws Error that says what stands in the way, and the way out; nothing of etcd's is changed in any case
 */
export async function takeOver(platform: Platform, config: ReplicaConfig, log: Log): Promise<void> {
  const { disk } = platform;
  const { directory, walDirectory } = config;
  const theirs = join(directory, "member");
  if ((await hasStarted(disk, config)) || !(await disk.exists(theirs))) return;
  const database = join(theirs, "snap", "db");
  if (!(await disk.exists(database)))
    throw new Error(
      `data directory ${directory} is etcd's own, but there is no database in it (${database}): use another --data-dir`,
    );
  if (walDirectory !== undefined)
    throw new Error(
      `data directory ${directory} is etcd's own, and its log is elsewhere: move ${walDirectory} to ${join(theirs, "wal")}, and start without --wal-dir`,
    );
  const stored = await readDatabase(disk, database);
  // First: what is not in the database may be its members.
  const commands = await readLog(disk, stored, directory);
  checkMembers(stored, config);
  const made = join(directory, unfinished);
  // Of a time before, when it came to no end.
  for (const name of [unfinished, "wal", "snapshots"])
    if (await disk.exists(join(directory, name))) await disk.remove(join(directory, name));
  const { revision, keys } = await restoreSnapshot({
    platform,
    log,
    path: database,
    config: { ...config, directory: made, initialState: "new" },
    skipHashCheck: true,
    skipRevisions: 0,
    commands,
  });
  for (const name of ["wal", "snapshots"]) await disk.rename(join(made, name), join(directory, name));
  await disk.syncDirectory(directory);
  // With it the directory is this store's.
  await disk.rename(join(made, "member.json"), join(directory, "member.json"));
  await disk.syncDirectory(directory);
  await disk.remove(made);
  log.warn("the data directory of etcd was taken over; what etcd kept is not used any more", {
    "data-dir": directory,
    revision,
    keys,
    "commands-of-its-log": commands.length,
    "not-used": theirs,
  });
}

async function readDatabase(disk: Disk, path: string): Promise<StoredSnapshot> {
  const file = await SnapshotFile.open(disk, path);
  try {
    return await readStoredSnapshot(file.database);
  } finally {
    await file.close();
  }
}

/** Whoever starts is told by flags who belongs to the cluster; etcd knows it from its database. */
function checkMembers({ members }: StoredSnapshot, { directory, initialMembers }: ReplicaConfig): void {
  const urlsOf = (all: readonly { readonly peerUrls: readonly string[] }[]) =>
    all.map(({ peerUrls }) => [...peerUrls].sort().join()).sort();
  if (urlsOf(members).join(" ") === urlsOf(initialMembers).join(" ")) return;
  const list = members.flatMap(({ name, peerUrls }) => peerUrls.map((url) => `${name}=${url}`)).join();
  throw new Error(
    `data directory ${directory} is etcd's own, of other members than --initial-cluster names: say --initial-cluster ${list}, and the --initial-cluster-token that etcd was told`,
  );
}

/** What is in etcd's log and not in its database: what it had acknowledged when it was killed, and may have had under way. */
async function readLog(disk: Disk, stored: StoredSnapshot, directory: string): Promise<StoredLog["behind"]> {
  const wal = join(directory, "member", "wal");
  const { commands, behind, changesMembers } = await readStoredLog(filesOf(disk, wal), stored.appliedIndex);
  if (commands > 0 && stored.members.length > 1)
    throw new Error(
      `data directory ${directory} is etcd's own, of one of ${stored.members.length} members, each of which may have got to somewhere else: save a snapshot (etcdctl snapshot save FILE), and make the directories of all of it (raftsman store restore FILE --data-dir DIR --name NAME --initial-cluster LIST --initial-advertise-peer-urls URL)`,
    );
  if (changesMembers)
    throw new Error(
      `data directory ${directory} is etcd's own, which was killed while it was told who its members are: start etcd on it once more, and stop it with SIGTERM`,
    );
  return behind;
}

async function* filesOf(disk: Disk, directory: string): AsyncGenerator<{ name: string; bytes: Uint8Array }> {
  const names = (await disk.list(directory)).filter((name) => name.endsWith(".wal")).sort();
  if (names.length === 0) throw new Error(`there is no log of etcd's in ${directory}`);
  for (const name of names) yield { name, bytes: await disk.readFile(join(directory, name)) };
}
