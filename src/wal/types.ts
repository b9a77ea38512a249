import type { Index } from "../base/index.ts";
import type { Disk } from "../platform/index.ts";
import type { Entry, HardState, SnapshotMeta } from "../raft/index.ts";

export interface WalOptions {
  readonly disk: Disk;
  /** Made where missing. One log per directory, and nothing else in it. */
  readonly directory: string;
  /** A segment is closed when it has grown past this; 64 MiB where absent. */
  readonly segmentBytes?: number;
  /** A random 32-bit number for a new log. */
  readonly salt: number;
  /** Milliseconds, monotonic, and who wants to know how many of them each write took until it was durable. */
  readonly timing?: { monotonic(): number; observe(milliseconds: number): void };
  /** The last write of an earlier life was made in part, and has been cut off. Called before the log is open. */
  readonly onTorn?: () => void;
  /** The log has failed for good: nothing that is not durable by now ever will be. Called once. */
  readonly onFailed?: (error: Error) => void;
}

/** What the log knew when it was opened. */
export interface WalRestored {
  /** Undefined in a new log. */
  readonly hardState: HardState | undefined;
  /** The newest image that was marked. */
  readonly snapshot: SnapshotMeta | undefined;
  /** Contiguous, from the oldest that is kept. */
  readonly entries: readonly Entry[];
}

export interface WalBatch {
  readonly hardState?: HardState | undefined;
  /** An image at this point is durable. One that the log does not lead up to replaces the log. */
  readonly snapshot?: SnapshotMeta | undefined;
  /** Written after the log is cut to what is before the first of them. */
  readonly entries?: readonly Entry[];
  /** False: a hard state that may be lost (its commit index moved, nothing else); it goes along with the next write. */
  readonly sync?: boolean;
  /** Nobody has anything to do before it is durable. */
  readonly alone?: boolean;
}

export interface WalStats {
  /** Datasyncs done. */
  readonly syncs: number;
  /** Bytes of all frames written. */
  readonly bytes: number;
  readonly segments: number;
}

export interface Wal {
  /**
   * Resolves once this batch and all before it are durable; batches resolve in order. Everything that arrives while a write
   * is under way shares the next one.
   * @throws WalFailedError
   */
  append(batch: WalBatch): Promise<void>;
  /** Removes segments that hold only entries before `index`. */
  release(index: Index): Promise<void>;
  /** Writes what is left and closes the files. */
  close(): Promise<void>;
  readonly stats: WalStats;
}
