import type { Revision } from "../base/index.ts";
import type { KvError, KvEvent, KvWatch, WatchObserver, WatchQuery } from "../kv/index.ts";

/** Changes in order, read one by one. The store's cursor fits. */
export interface Changes {
  /** Steps to the next change; false at the end, and later calls find what came since. */
  next(): boolean;
  readonly revision: Revision;
  readonly type: KvEvent["type"];
  readonly key: Uint8Array;
  event(prevKv: boolean): KvEvent;
}

/** Where changes come from. The multi-version store fits. */
export interface ChangeSource {
  readonly revision: Revision;
  readonly compactRevision: Revision;
  /** From `revision` (compactRevision at least) on. */
  changesSince(revision: Revision): Changes;
}

export interface WatchHubOptions {
  readonly source: ChangeSource;
  /** Called when `catchUp` has something to do and had nothing before. Must not call back at once. */
  readonly onCatchUpNeeded: () => void;
  /** How often a quiet watcher with progressNotify is told the revision (etcd: 600,000). */
  readonly progressIntervalMs?: number;
  /** Changes looked at in one step of `catchUp`; a revision is never cut. */
  readonly catchUpChangesMax?: number;
}

export interface WatchHubCounts {
  readonly synced: number;
  readonly catchingUp: number;
  readonly slow: number;
}

export interface WatchHub {
  readonly counts: WatchHubCounts;
  /** Events that observers took, since the hub was made. */
  readonly delivered: number;
  /** Never calls the observer before it returns. */
  watch(query: WatchQuery, observer: WatchObserver): KvWatch;
  /** Delivers what the source has applied since the last call. To be called after every apply, or after several. */
  publish(): void;
  /** Brings watchers that are behind a bounded step forward; true while there is more to do. */
  catchUp(): boolean;
  /** Tells quiet watchers the revision, when their interval has passed. `now`: monotonic milliseconds. */
  tick(now: number): void;
  /** The source was replaced by an image: everybody goes on from where they were, or is told that it is compacted. */
  restored(): void;
  /** Closes every watcher for this reason. */
  close(reason: KvError): void;
}
