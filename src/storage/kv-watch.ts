import { prefixEnd, type Revision, utf8 } from "../base/index.ts";
import type { Kv, KvError, KvEvent, KvWatch } from "../kv/index.ts";
import { Change } from "./change.ts";
import { storageErrorOf } from "./errors.ts";
import {
  type StorageError,
  type StorageEvent,
  StorageError as StorageFailure,
  type StorageWatch,
  type StoredList,
  type WatchOptions,
  type WatchSink,
} from "./ports.ts";
import { parseResourceVersion } from "./resource-version.ts";
import { StoredObject } from "./stored-object.ts";

/** One key, or all that begin with it. */
export interface WatchScope {
  readonly key: string;
  readonly single: boolean;
}

/** A watch straight on the store: one kv watch for each. @throws StorageError INVALID_RESOURCE_VERSION */
export function watchKv(
  kv: Kv,
  scope: WatchScope,
  options: WatchOptions,
  sink: WatchSink,
  list: () => Promise<StoredList>,
): StorageWatch {
  const watch = new DirectWatch(kv, scope, options, sink);
  const from = parseResourceVersion(options.resourceVersion);
  if (from === 0 || options.sendInitialEvents || options.fromNow === true) watch.startWithList(list, from);
  else watch.start(from);
  return watch;
}

class DirectWatch implements StorageWatch {
  readonly #kv: Kv;
  readonly #scope: WatchScope;
  readonly #options: WatchOptions;
  readonly #sink: WatchSink;
  #watch: KvWatch | undefined;
  #closed = false;

  constructor(kv: Kv, scope: WatchScope, options: WatchOptions, sink: WatchSink) {
    this.#kv = kv;
    this.#scope = scope;
    this.#options = options;
    this.#sink = sink;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  startWithList(list: () => Promise<StoredList>, atLeast: Revision): void {
    list().then(
      (listed) => {
        if (this.#closed) return;
        const told = this.#options.fromNow === true ? [] : listed.items;
        const events: StorageEvent[] = told.map((stored) => ({ type: "ADDED", stored }));
        if (this.#options.sendInitialEvents && this.#options.allowBookmarks) {
          events.push({ type: "BOOKMARK", resourceVersion: listed.resourceVersion, initialEventsEnd: true });
        }
        if (events.length > 0 && !this.#deliver(events)) return;
        this.start(Math.max(atLeast, Number(listed.resourceVersion)) as Revision);
      },
      (error: unknown) => this.#end(error as StorageError),
    );
  }

  /** Everything after `revision`. */
  start(revision: Revision): void {
    const key = utf8(this.#scope.key);
    const keys = this.#scope.single ? { key } : { key, rangeEnd: prefixEnd(key) };
    const startRevision = (revision + 1) as Revision;
    this.#watch = this.#kv.watch(
      { ...keys, startRevision, prevKv: true, progressNotify: true },
      {
        onEvents: (events) => this.#onEvents(events),
        onProgress: (at) => {
          if (this.#options.allowBookmarks && at >= revision) {
            this.#deliver([{ type: "BOOKMARK", resourceVersion: String(at), initialEventsEnd: false }]);
          }
        },
        onClosed: (reason) => this.#end(watchErrorOf(reason, this.#scope.key)),
      },
    );
    if (this.#closed) this.#watch.close();
  }

  #onEvents(events: readonly KvEvent[]): boolean {
    const selected: StorageEvent[] = [];
    try {
      for (const event of events) {
        const revision = event.kv.modRevision;
        const current = event.type === "put" ? StoredObject.of(event.kv) : undefined;
        const previous = event.prevKv === undefined ? undefined : StoredObject.of(event.prevKv);
        const found = new Change(revision, current, previous).seenThrough(this.#options.predicate);
        if (found !== undefined) selected.push(found);
      }
    } catch (error) {
      this.#watch?.close();
      this.#end(error as StorageError);
      return true;
    }
    if (selected.length > 0) this.#deliver(selected);
    return true;
  }

  #deliver(events: readonly StorageEvent[]): boolean {
    if (this.#closed) return false;
    if (this.#sink.onEvents(events)) return true;
    this.#watch?.close();
    this.#end(undefined);
    return false;
  }

  #end(error: StorageError | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sink.onClosed(error);
  }
}

/** Only what the client must act on is an error; a store that went away ends the watch, and the client comes again. */
function watchErrorOf(reason: KvError, prefix: string): StorageError | undefined {
  if (reason.code !== "COMPACTED") return undefined;
  const error = storageErrorOf(reason, prefix) as StorageError;
  return new StorageFailure(error.code, prefix, "The resourceVersion for the provided watch is too old.");
}
