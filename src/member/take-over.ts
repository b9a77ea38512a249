/**
 * A start in the place of etcd: its data directory, or one that `etcdutl snapshot restore` has made, becomes this store's own. What etcd
 * kept stays there, in `member`; beside it come an image of what was in its database, and a log of what its log had behind that.
 *
 * Members of one cluster do it each by itself, with all of etcd stopped. Nothing of raft is decided here: index, term and members are those that
 * they had, and what one of them has and others lack is settled by their first election, as it would have been by etcd's.
 */
import { join } from "node:path";
import type { Index, Term } from "../base/index.ts";
import { readStoredLog, readStoredSnapshot, type StoredLog, type StoredSnapshot } from "../etcdapi/index.ts";
import type { Disk, Platform } from "../platform/index.ts";
import { hasStarted, type Past, type ReplicaConfig, restoreReplica } from "../replica/index.ts";
import type { Log } from "../telemetry/index.ts";
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
  const file = await SnapshotFile.open(disk, database);
  try {
    const state = await readStoredSnapshot(file.database);
    const past = pastOf(state, await readLog(disk, state, directory), directory);
    const made = join(directory, unfinished);
    // Of a time before, when it came to no end.
    for (const name of [unfinished, "wal", "snapshots"])
      if (await disk.exists(join(directory, name))) await disk.remove(join(directory, name));
    const { revision, keys } = await restoreReplica({
      platform,
      log,
      config: { ...config, directory: made },
      state,
      skipRevisions: 0,
      past,
    });
    for (const name of ["wal", "snapshots"]) await disk.rename(join(made, name), join(directory, name));
    await disk.syncDirectory(directory);
    // With it the directory is this store's.
    await disk.rename(join(made, "member.json"), join(directory, "member.json"));
    await disk.syncDirectory(directory);
    await disk.remove(made);
    log.warn("the data directory of etcd was taken over; what etcd kept is not used any more", {
      "data-dir": directory,
      members: past.members.length,
      revision,
      keys,
      "entries-of-its-log": past.entries.length,
      "not-used": theirs,
    });
  } finally {
    await file.close();
  }
}

/** What etcd has in its log and not in its database, it had acknowledged when it was killed, or may have had under way. */
function readLog(disk: Disk, { appliedIndex }: StoredSnapshot, directory: string): Promise<StoredLog> {
  return readStoredLog(filesOf(disk, join(directory, "member", "wal")), appliedIndex);
}

/** Who it is and who the others are etcd knows from its own files, whatever flags say. */
function pastOf(state: StoredSnapshot, log: StoredLog, directory: string): Past {
  const { members, appliedIndex: index } = state;
  const term = log.appliedTerm ?? state.appliedTerm;
  if (index === 0 || term === undefined)
    throw new Error(
      `data directory ${directory} is etcd's own, and its log does not begin where its database ends: start etcd on it once more, and stop it with SIGTERM`,
    );
  if (!members.some(({ id }) => id === log.member))
    throw new Error(
      `data directory ${directory} is that of a member of etcd's that was removed from its cluster: use another --data-dir`,
    );
  const peers = members.filter(({ id }) => id !== log.member);
  return {
    identity: {
      clusterId: log.clusterId,
      memberId: log.member,
      peers: peers.map(({ id, peerUrls }) => ({ id, peerUrls })),
    },
    members,
    position: { index, term },
    // It may have voted in the last one.
    term: (Math.max(log.term, term) + 1) as Term,
    commit: Math.max(log.commit, index) as Index,
    entries: log.behind,
  };
}

async function* filesOf(disk: Disk, directory: string): AsyncGenerator<{ name: string; bytes: Uint8Array }> {
  const names = (await disk.list(directory)).filter((name) => name.endsWith(".wal")).sort();
  if (names.length === 0) throw new Error(`there is no log of etcd's in ${directory}`);
  for (const name of names) yield { name, bytes: await disk.readFile(join(directory, name)) };
}
