import { join } from "node:path";
import type { Index, Term } from "../base/index.ts";
import type { Platform } from "../platform/index.ts";
import { bootstrap, createRaft, type RaftConfig } from "../raft/index.ts";
import type { Log } from "../telemetry/index.ts";
import { openWal, type Wal, type WalRestored } from "../wal/index.ts";
import type { ReplicaConfig } from "./config.ts";
import { initialMemberIds, readIdentity, writeIdentity } from "./identity.ts";
import { restoreImage } from "./image.ts";
import { Images } from "./images.ts";
import { appendBytesMax, committedBytesMax, inflightMessagesMax, uncommittedBytesMax } from "./limits.ts";
import { encodePeerUrls } from "./membership.ts";
import { Replica } from "./replica.ts";
import { StateMachine } from "./state-machine.ts";

/**
 * Opens a member's directory (a new one, or one from an earlier life: the last image, then the log behind it), and starts the member.
 * It takes part at once; it answers when there is a leader.
 * @throws Error where the directory is another member's, is in use, or is damaged
 */
export async function openReplica({
  platform,
  config,
  log,
}: {
  platform: Platform;
  config: ReplicaConfig;
  log: Log;
}): Promise<Replica> {
  const { disk, clock, random } = platform;
  await disk.makeDirectory(config.directory);
  const lock = await disk.lock(config.directory);
  let wal: Wal | undefined;
  try {
    const identity = await readIdentity(disk, config);
    const images = await Images.open(disk, join(config.directory, "snapshots"), log);
    const opened = await openLog(platform, config, images, log);
    wal = opened.wal;
    if (opened.isNew)
      await wal.append({ hardState: opened.restored.hardState, entries: opened.restored.entries });
    if (identity.fresh) await writeIdentity(disk, config, identity);
    // The hub calls back only after `publish` or `watch`, when the replica stands.
    const catchUp = () => {
      if (state.hub.catchUp()) clock.after(0, catchUp);
    };
    const state = new StateMachine({
      leaseTtlSecondsMin: Math.ceil((config.electionMs * 1.5) / 1000),
      onCatchUpNeeded: () => clock.after(0, catchUp),
      monotonic: () => clock.monotonic(),
    });
    const { snapshot } = opened.restored;
    if (snapshot.index > 0) {
      await restoreImage(state, images.read(snapshot));
      state.applied = { index: snapshot.index, term: snapshot.term };
    }
    const raft = createRaft({
      id: identity.memberId,
      electionTicks: Math.max(2, Math.round(config.electionMs / config.heartbeatMs)),
      heartbeatTicks: 1,
      random: () => random.number(),
      appendBytesMax,
      inflightMessagesMax,
      uncommittedBytesMax,
      committedBytesMax,
      restored: opened.restored,
    });
    const replica = new Replica({ platform, config, log, identity, state, raft, wal, images, lock });
    await replica.start();
    return replica;
  } catch (error) {
    await wal?.close().catch(() => {});
    await lock.release();
    throw error;
  }
}

/** The log, and what the core begins with: what the disk remembers, or the start of a new cluster. */
async function openLog(
  { disk, random }: Platform,
  config: ReplicaConfig,
  images: Images,
  log: Log,
): Promise<{ wal: Wal; restored: RaftConfig["restored"]; isNew: boolean }> {
  const newest = images.newest();
  const { wal, restored } = await openWal({
    disk,
    directory: join(config.directory, "wal"),
    salt: Math.floor(random.number() * 2 ** 32),
    ...(newest === undefined ? {} : { after: newest.index }),
    ...(config.segmentBytes === undefined ? {} : { segmentBytes: config.segmentBytes }),
    onFailed: (error) => log.error("the log has failed", { error: error.message }),
  });
  if (restored.hardState === undefined) {
    const voters = initialMemberIds(config).map(({ id, peerUrls }) => ({
      member: id,
      context: encodePeerUrls(peerUrls),
    }));
    return { wal, restored: bootstrap(voters), isNew: true };
  }
  return { wal, restored: restoredState(restored, newest), isNew: false };
}

function restoredState(
  { hardState, snapshot: marked, entries }: WalRestored,
  newest: RaftConfig["restored"]["snapshot"] | undefined,
): RaftConfig["restored"] {
  if (hardState === undefined) throw new Error("a log without a hard state");
  if (marked !== undefined && (newest === undefined || newest.index < marked.index)) {
    throw new Error(
      `the image at index ${marked.index} is missing or damaged, and the log begins after it: re-seed this member`,
    );
  }
  const none = {
    index: 0 as Index,
    term: 0 as Term,
    confState: { voters: [], votersOutgoing: [], learners: [] },
  };
  const snapshot = newest ?? none;
  // A commit index is not synced by itself: the image may be ahead of the last one written.
  const commit = Math.max(hardState.commit, snapshot.index) as Index;
  return { hardState: { ...hardState, commit }, snapshot, entries, applied: snapshot.index };
}
