/** What stands in a member's directory, for people. Nothing is changed, and nobody may have it open meanwhile. */
import { join } from "node:path";
import { fromUtf8 } from "../base/index.ts";
import type { Platform } from "../platform/index.ts";
import type { Entry, SnapshotMeta } from "../raft/index.ts";
import { inspectImage } from "../snapshot/index.ts";
import { inspectWal, type WalReport } from "../wal/index.ts";
import type { ReplicaConfig } from "./config.ts";
import { describeEntry } from "./describe.ts";
import { restoreImage } from "./image.ts";
import { newStateMachine } from "./open.ts";
import { type StateSnapshot, snapshotOf } from "./snapshot.ts";
import { decodeSnapshotMeta } from "./transport/message-codec.ts";

interface ImageReport {
  readonly path: string;
  readonly meta: SnapshotMeta;
  /** Loaded whole; close it. */
  readonly state: StateSnapshot;
}

interface DirectoryInspection {
  /** `member.json`: whose directory it is. */
  readonly identity: string;
  /** Oldest first; by path those that cannot be read, and why. */
  readonly images: readonly string[];
  image(path: string): Promise<ImageReport>;
  log(): Promise<WalReport>;
  /** One line about an entry of the log. */
  describe(entry: Entry): string;
  close(): Promise<void>;
}

/** @throws Error where it is no member's directory, or somebody has it open */
export async function inspectDirectory(
  platform: Platform,
  config: ReplicaConfig,
): Promise<DirectoryInspection> {
  const { disk, loop } = platform;
  const { directory } = config;
  const identityPath = join(directory, "member.json");
  if (!(await disk.exists(identityPath)))
    throw new Error(`${directory} is no member's data directory: there is no member.json in it`);
  const lock = await disk.lock(directory).catch((error: { code?: string }) => {
    if (error.code !== "EBUSY") throw error;
    throw new Error(`${directory} is in use by a running member: stop that one first, or inspect a copy`);
  });
  const snapshots = join(directory, "snapshots");
  const names = (await disk.exists(snapshots)) ? await disk.list(snapshots) : [];
  return {
    identity: fromUtf8(await disk.readFile(identityPath)).split("\n")[0] ?? "",
    images: names.filter((name) => name.endsWith(".image")).map((name) => join(snapshots, name)),
    async image(path) {
      const frames = inspectImage(disk, path);
      const label = await frames.next();
      const meta = decodeSnapshotMeta(label.value ?? new Uint8Array(0));
      const state = newStateMachine(platform, config);
      await restoreImage(state, frames);
      state.applied = { index: meta.index, term: meta.term };
      const turn = () => new Promise<void>((resolve) => loop.soon(resolve));
      const taken = snapshotOf(state, { turn, onClosed: () => {} });
      while (taken.collect(versionsPerTurn)) await turn();
      return { path, meta, state: taken };
    },
    log: () => inspectWal(disk, config.walDirectory ?? join(directory, "wal")),
    describe: describeEntry,
    close: () => lock.release(),
  };
}

const versionsPerTurn = 5_000;
