import { dirname, join, resolve } from "node:path";
import type { Index } from "../base/index.ts";
import type { Platform } from "../platform/index.ts";
import { bootstrap, createRaft, joining, type RaftConfig } from "../raft/index.ts";
import { createMetrics, type Log, type Metrics } from "../telemetry/index.ts";
import { openWal, type Wal, type WalRestored } from "../wal/index.ts";
import { tokenTtlSecondsOf } from "./access-service.ts";
import type { ReplicaConfig } from "./config.ts";
import { forceNewCluster } from "./force-new-cluster.ts";
import { identityOf, initialMemberIds, readIdentity, writeIdentity } from "./identity.ts";
import { restoreImage } from "./image.ts";
import { Images } from "./images.ts";
import { joinCluster } from "./joining.ts";
import {
  appendBytesMax,
  committedBytesMax,
  inflightBytesMax,
  inflightMessagesMax,
  ticksPerHeartbeat,
  uncommittedBytesMax,
} from "./limits.ts";
import { encodePeerUrls } from "./membership.ts";
import { replicaMetrics } from "./metrics.ts";
import type { ReplicaParts } from "./parts.ts";
import { Replica } from "./replica.ts";
import { StateMachine } from "./state-machine.ts";

type Restored = RaftConfig["restored"];

/**
 * Opens a member's directory (a new one, or one from an earlier life: the last image, then the log behind it), and starts the
 * member. It takes part at once; `ready` tells when it has caught up. Requests that come before there is a leader wait for one.
 *
 *     member.json   whose directory it is
 *     wal/          the log
 *     snapshots/    images of the state machine, the newest two
 *     lock          held while a process uses it
 *
 * @throws Error where the directory is another member's, is in use, or is damaged
 */
export async function openReplica({
  platform,
  config,
  log,
  metrics: registry = createMetrics(),
  assemble = (parts) => parts,
}: {
  platform: Platform;
  config: ReplicaConfig;
  log: Log;
  metrics?: Metrics;
  /** May put something between the parts and the member that they make: the simulator watches them, and breaks them on purpose. */
  assemble?: (parts: ReplicaParts) => ReplicaParts;
}): Promise<Replica> {
  const { clock, disk, random } = platform;
  const metrics = replicaMetrics(registry);
  await disk.makeDirectory(config.directory);
  // A directory whose name is lost is lost. Writing `member.json` does the same for what is in this one. A parent that may not be
  // read cannot be synced, nor was it made here.
  await disk.syncDirectory(dirname(resolve(config.directory))).catch(() => {});
  const lock = await lockDirectory(platform, config.directory);
  let wal: Wal | undefined;
  try {
    const joins = config.initialState === "existing";
    const known = await readIdentity(disk, config);
    const identity = known ?? (joins ? await joinCluster(platform, config) : identityOf(config));
    const images = await Images.open(platform, join(config.directory, "snapshots"), {
      log,
      durations: metrics.durations,
    });
    const opened = await openWal({
      disk,
      directory: config.walDirectory ?? join(config.directory, "wal"),
      salt: Math.floor(random.number() * 2 ** 32),
      ...(config.segmentBytes === undefined ? {} : { segmentBytes: config.segmentBytes }),
      timing: {
        monotonic: () => clock.monotonic(),
        observe: (milliseconds) => metrics.durations.sync.observe(milliseconds / 1000),
      },
      onTorn: () => log.info("the last write to the log was cut short by a crash, and is cut off"),
      onFailed: (error) => log.error("the log has failed", { error: error.message }),
    });
    wal = opened.wal;
    let restored: Restored;
    if (opened.restored.hardState !== undefined) restored = await restoredState(opened.restored, images);
    else {
      if (known !== undefined)
        throw new Error(`the log in data directory ${config.directory} is gone: ${replaceMember}`);
      restored = joins ? joining : firstState(config);
      await wal.append({ hardState: restored.hardState, entries: restored.entries });
    }
    if (known === undefined) await writeIdentity(disk, config, identity);
    const state = newStateMachine(platform, config);
    const { snapshot } = restored;
    if (snapshot.index > 0) {
      await restoreImage(state, images.read(snapshot));
      state.applied = { index: snapshot.index, term: snapshot.term };
    }
    if (config.forceNewCluster === true && known !== undefined) {
      const forced = forceNewCluster(restored, state.membership, identity.memberId);
      await wal.append({ hardState: forced.restored.hardState, entries: forced.appended });
      log.warn("the other members are out, by --force-new-cluster", { entries: forced.appended.length });
      restored = forced.restored;
    }
    const raftConfig: RaftConfig = {
      id: identity.memberId,
      electionTicks: Math.max(2, Math.round(config.electionMs / config.heartbeatMs)) * ticksPerHeartbeat,
      heartbeatTicks: ticksPerHeartbeat,
      random: () => random.number(),
      appendBytesMax,
      inflightMessagesMax,
      inflightBytesMax,
      uncommittedBytesMax,
      committedBytesMax,
      ...(config.trailingBytes === undefined
        ? {}
        : { trailingBytesMax: config.trailingBytes, sharedBytesMax: config.trailingBytes }),
      restored,
    };
    const raft = createRaft(raftConfig);
    const parts = { platform, config, log, metrics, identity, raftConfig, state, raft, wal, images, lock };
    const replica = new Replica(assemble(parts));
    await replica.start();
    return replica;
  } catch (error) {
    await wal?.close().catch(() => {});
    await lock.release();
    throw error;
  }
}

const replaceMember = "remove this member from the cluster and add it anew with an empty data directory";

async function lockDirectory({ disk }: Platform, directory: string): Promise<{ release(): Promise<void> }> {
  try {
    return await disk.lock(directory);
  } catch (error) {
    if ((error as { code?: string }).code !== "EBUSY") throw error;
    throw new Error(
      `data directory ${directory} is in use by another process: stop that one, or use another --data-dir`,
      { cause: error },
    );
  }
}

/** An empty one. */
export function newStateMachine({ clock, loop, random }: Platform, config: ReplicaConfig): StateMachine {
  const randomUint32 = () => Buffer.from(random.bytes(4)).readUInt32LE();
  // The hub calls back only after `publish` or `watch`, when the replica stands.
  const catchUp = () => {
    if (state.hub.catchUp()) loop.soon(catchUp);
  };
  const state = new StateMachine({
    leaseTtlSecondsMin: Math.ceil((config.electionMs * 1.5) / 1000),
    ...(config.leaseCheckpointMs === undefined ? {} : { leaseCheckpointMs: config.leaseCheckpointMs }),
    onCatchUpNeeded: () => loop.soon(catchUp),
    monotonic: () => clock.monotonic(),
    hashSeed: [randomUint32(), randomUint32()],
    tokenTtlSeconds: tokenTtlSecondsOf(config.access ?? {}),
    ...(config.txnOpsMax === undefined ? {} : { txnOpsMax: config.txnOpsMax }),
    ...(config.learnersMax === undefined ? {} : { learnersMax: config.learnersMax }),
    ...(config.progressIntervalMs === undefined ? {} : { progressIntervalMs: config.progressIntervalMs }),
  });
  return state;
}

/** The start of a new cluster. */
function firstState(config: ReplicaConfig): Restored {
  return bootstrap(
    initialMemberIds(config).map(({ id, peerUrls }) => ({ member: id, context: encodePeerUrls(peerUrls) })),
  );
}

/**
 * The newest image that the log has marked, and the entries behind it. An image that is not marked is no part of this
 * member's past yet: the crash came between the two, and the log still leads there.
 * @throws Error where image and log do not meet
 */
async function restoredState(
  { hardState, snapshot: marked, entries }: WalRestored,
  images: Images,
): Promise<Restored> {
  if (hardState === undefined) throw new Error("a log without a hard state");
  const snapshot = (await images.keepUpTo((marked?.index ?? 0) as Index)) ?? joining.snapshot;
  const behind = entries.filter(({ index }) => index > snapshot.index);
  const first = behind[0];
  const last = behind.at(-1)?.index ?? snapshot.index;
  if ((first !== undefined && first.index !== snapshot.index + 1) || last < (marked?.index ?? 0)) {
    throw new Error(`the image at index ${marked?.index} is missing or damaged: ${replaceMember}`);
  }
  // A commit index is not synced by itself: the image may be ahead of the last one written.
  const commit = Math.max(hardState.commit, snapshot.index) as Index;
  if (commit > last) {
    throw new Error(`the log ends at index ${last}, but ${commit} was committed: ${replaceMember}`);
  }
  return { hardState: { ...hardState, commit }, snapshot, entries: behind, applied: snapshot.index };
}
