import { join } from "node:path";
import { type AccessCommand, Passwords } from "../access/index.ts";
import { type Index, noMember, type Revision, type Term } from "../base/index.ts";
import { KvError } from "../kv/index.ts";
import type { StoredVersion } from "../mvcc/index.ts";
import type { Platform } from "../platform/index.ts";
import { createMetrics, type Log } from "../telemetry/index.ts";
import { openWal } from "../wal/index.ts";
import type { Command } from "./command.ts";
import type { ReplicaConfig } from "./config.ts";
import { durations } from "./durations.ts";
import { identityOf, initialMemberIds, writeIdentity } from "./identity.ts";
import { imageOf } from "./image.ts";
import { Images } from "./images.ts";
import { encodePeerUrls } from "./membership.ts";
import { newStateMachine } from "./open.ts";
import type { StateSnapshot } from "./snapshot.ts";
import type { StateMachine } from "./state-machine.ts";

/** What a directory is made of: a state, whoever had it. */
export interface RestoredState
  extends Pick<StateSnapshot, "compactRevision" | "leases" | "alarms" | "access"> {
  versions(): AsyncIterable<StoredVersion>;
  /** What was asked for after that, and is done here: what is refused now was refused then. */
  readonly commands?: readonly RestoredCommand[];
}

/** A password is hashed, and then takes the place of the hash. */
type RestoredCommand = Command & { readonly password?: string };

const versionsPerTurn = 5_000;
const firstTerm = 1 as Term;

/**
 * Makes the directory of one of the members that a new cluster begins with, holding this state: an image, and a log that begins
 * behind it. Every initial member needs a directory made of the same state with the same initial members; then they agree.
 * @throws Error where there is something in the directory, KvError CORRUPT where the state cannot be
 */
export async function restoreReplica({
  platform,
  config,
  log,
  state: given,
  skipRevisions,
}: {
  platform: Platform;
  config: ReplicaConfig;
  log: Log;
  state: RestoredState;
  /** So many revisions pass, and all before the last of them is compacted: watchers of the store's former life learn that they have to read anew. */
  skipRevisions: number;
}): Promise<{ readonly revision: Revision; readonly keys: number }> {
  const { disk, loop, random } = platform;
  const { directory } = config;
  const identity = identityOf(config);
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
    const members = initialMemberIds(config).sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const { id, peerUrls } of members) {
      state.membership.apply({ type: "add-voter", member: id, context: encodePeerUrls(peerUrls) });
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
    const passwords = new Passwords(config.access?.passwordCost);
    for (const [i, command] of (given.commands ?? []).entries()) {
      applyKnown(state, await hashed(command, passwords));
      if (i % versionsPerTurn === 0) await turn();
    }
    while (state.mvcc.reclaim(versionsPerTurn)) await turn();

    // As if the log of a new cluster, which adds its members one by one, had been applied and let go.
    const index = members.length as Index;
    const confState = { voters: members.map(({ id }) => id), votersOutgoing: [], learners: [] };
    const meta = { index, term: firstTerm, confState };
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
    await wal.append({ hardState: { term: firstTerm, vote: noMember, commit: index }, snapshot: meta });
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

async function hashed({ password, ...command }: RestoredCommand, passwords: Passwords): Promise<Command> {
  if (command.type !== "access" || password === undefined) return command;
  const passwordHash = await passwords.hash(password);
  return { ...command, change: { ...command.change, passwordHash } as AccessCommand };
}

/** @throws whatever is no refusal */
function applyKnown(state: StateMachine, command: Command): void {
  try {
    state.apply(command, firstTerm);
  } catch (error) {
    if (!(error instanceof KvError)) throw error;
  }
}
