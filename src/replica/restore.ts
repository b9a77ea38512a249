import { join } from "node:path";
import { Passwords } from "../access/index.ts";
import { type Index, noMember, type Revision, type Term } from "../base/index.ts";
import type { StoredVersion } from "../mvcc/index.ts";
import type { Platform } from "../platform/index.ts";
import { createMetrics, type Log } from "../telemetry/index.ts";
import { openWal } from "../wal/index.ts";
import type { ReplicaConfig } from "./config.ts";
import { durations } from "./durations.ts";
import { identityOf, initialMemberIds, writeIdentity } from "./identity.ts";
import { imageOf } from "./image.ts";
import { Images } from "./images.ts";
import { encodePeerUrls } from "./membership.ts";
import { newStateMachine } from "./open.ts";
import { entriesOf, type Past } from "./past.ts";
import type { StateSnapshot } from "./snapshot.ts";

/** What a directory is made of: a state, whoever had it. */
export interface RestoredState
  extends Pick<StateSnapshot, "compactRevision" | "leases" | "alarms" | "access"> {
  versions(): AsyncIterable<StoredVersion>;
}

const versionsPerTurn = 5_000;
const firstTerm = 1 as Term;

/**
 * Makes the directory of a member that holds this state: an image, and a log that begins behind it. Without a past it is one of the members that
 * a new cluster begins with: every one of them needs a directory made of the same state with the same initial members; then they agree. With
 * one the member goes on in its cluster where it was.
 * @throws Error where there is something in the directory, KvError CORRUPT where the state cannot be
 */
export async function restoreReplica({
  platform,
  config,
  log,
  state: given,
  skipRevisions,
  past = newCluster(config),
}: {
  platform: Platform;
  config: ReplicaConfig;
  log: Log;
  state: RestoredState;
  /** So many revisions pass, and all before the last of them is compacted: watchers of the store's former life learn that they have to read anew. */
  skipRevisions: number;
  past?: Past;
}): Promise<{ readonly revision: Revision; readonly keys: number }> {
  const { disk, loop, random } = platform;
  const { directory } = config;
  if ((await disk.exists(directory)) && (await disk.list(directory)).length > 0)
    throw new Error(`data-dir "${directory}" not empty or could not be read`);
  await disk.makeDirectory(directory);
  const lock = await disk.lock(directory);
  try {
    const turn = () => new Promise<void>((resolve) => loop.soon(resolve));
    const state = newStateMachine(platform, config);
    for (const lease of given.leases) {
      state.lessor.grant(lease, 0);
      state.lessor.checkpoint(lease, 0);
    }
    for (const alarm of given.alarms) state.alarms.activate(alarm);
    state.access.adopt(given.access);
    const { identity, members, position } = past;
    for (const { id, learner, peerUrls, ...attributes } of members) {
      const type = learner ? "add-learner" : "add-voter";
      state.membership.apply({ type, member: id, context: encodePeerUrls(peerUrls) });
      state.membership.setAttributes(id, attributes);
      log.info("added member", {
        "cluster-id": identity.clusterId.toString(16),
        "added-peer-id": id.toString(16),
        "added-peer-peer-urls": peerUrls,
      });
    }
    const replay = state.mvcc.replay();
    let versions = 0;
    for await (const version of given.versions()) {
      replay.add(version);
      if (++versions % versionsPerTurn === 0) await turn();
    }
    replay.finish({ compactRevision: given.compactRevision, skipRevisions });
    while (state.mvcc.reclaim(versionsPerTurn)) await turn();

    const ids = (learners: boolean) =>
      members.filter(({ learner }) => learner === learners).map(({ id }) => id);
    const meta = {
      ...position,
      confState: { voters: ids(false), votersOutgoing: [], learners: ids(true) },
    };
    const images = await Images.open(platform, join(directory, "snapshots"), {
      log,
      // Nobody will ask how long it took.
      durations: durations(createMetrics()),
    });
    await images.write(meta, imageOf(state));
    const { wal } = await openWal({
      disk,
      directory: config.walDirectory ?? join(directory, "wal"),
      salt: Math.floor(random.number() * 2 ** 32),
    });
    const { term, commit, entries } = past;
    await wal.append({
      // Whatever it voted for before, it was not in this term.
      hardState: { term, vote: noMember, commit },
      snapshot: meta,
      entries: await entriesOf(entries, new Passwords(config.access?.passwordCost)),
    });
    await wal.close();
    await writeIdentity(disk, config, identity);
    await lock.release();
    return { revision: state.mvcc.revision, keys: state.mvcc.liveKeys };
  } catch (error) {
    await lock.release();
    // It was not there, or empty.
    await disk.remove(directory);
    throw error;
  }
}

/** As if the log of a new cluster, which adds its members one by one, had been applied and let go. */
function newCluster(config: ReplicaConfig): Past {
  const members = initialMemberIds(config)
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ id, peerUrls }) => ({ id, peerUrls, name: "", clientUrls: [], learner: false }));
  const index = members.length as Index;
  return {
    identity: identityOf(config),
    members,
    position: { index, term: firstTerm },
    term: firstTerm,
    commit: index,
    entries: [],
  };
}
