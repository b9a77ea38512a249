import type { KubeObject } from "../../apimachinery/index.ts";
import { fromUtf8, type Revision } from "../../base/index.ts";
import type { KeyValue, Kv, KvEvent } from "../../kv/index.ts";
import type { Clock } from "../../platform/index.ts";
import { Change } from "../change.ts";
import { encodeContinue } from "../continue-token.ts";
import { DecodedObjects } from "../decoded-objects.ts";
import { keyNotFound, watchExpired } from "../errors.ts";
import { type ListPlan, planList } from "../kv-list.ts";
import { KvStorage, type UpdateObject } from "../kv-storage.ts";
import {
  type FieldIndexes,
  type ListOptions,
  type Storage,
  StorageError,
  type StorageEvent,
  type StorageWatch,
  type Stored,
  type StoredList,
  type WatchOptions,
  type WatchSink,
} from "../ports.ts";
import { parseResourceVersion } from "../resource-version.ts";
import { StoredObject } from "../stored-object.ts";
import { WritesUnderWay } from "../writes-under-way.ts";
import { Written } from "../written.ts";
import { BookmarkSchedule } from "./bookmarks.ts";
import { type ComparedCache, Comparison, type ComparisonStatus } from "./comparison.ts";
import { EventWindow, type WindowLimits, windowLimits } from "./event-window.ts";
import { Feed, type FeedTarget } from "./feed.ts";
import { Freshness } from "./freshness.ts";
import { SortedMap } from "./sorted-map.ts";
import { selectEvents, type Watcher, WatcherIndex } from "./watcher-index.ts";

/**
 * The watch cache, modelled on k8s.io/apiserver/pkg/storage/cacher: the objects of one resource and their recent changes in
 * memory, fed by one kv watch, so that any number of clients cost the store nothing.
 *
 *     kv ──list, watch──▶ Feed ──▶ objects (SortedMap) + recent changes (EventWindow) ──▶ WatcherIndex ──▶ sinks
 *
 * What a reader is promised: "" is the newest state, confirmed by a quorum (the store is asked for its revision, the cache waits
 * until it has seen it); "0" whatever is here; N at least N, or 504 after three seconds. Exact revisions and pages of old lists come
 * from memory where nothing changed since, else from the store. A watcher gets every change after its revision once, in order, and
 * is closed when it does not keep up. Nothing is started before somebody asks.
 */
export interface CacherOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  /** All keys of the resource begin with this, ending in a slash: `/kubernetes.io/pods/`. */
  readonly keyPrefix: string;
  /** Keys are `prefix namespace / name`, else `prefix name`. */
  readonly namespaced: boolean;
  /** Watches may begin at this revision although the cache is started later: the revision at which the server started. */
  readonly windowFrom?: Revision;
  /** Fields by which watchers are found (`SelectionPredicate.index`), by name: `spec.nodeName` of pods. */
  readonly indexes?: FieldIndexes;
  readonly window?: WindowLimits;
  /** The cache was compared with the store; where keys differ, everything is read anew and those who watch begin anew. */
  readonly onCompared?: (status: ComparisonStatus, differing: readonly string[]) => void;
  /** Objects are shared by all who look at them: a change of one throws. It costs a walk of each, so for tests. */
  readonly frozen?: boolean;
}

export function createCacher(options: CacherOptions): Storage {
  return new Cacher(options);
}

class Cacher implements Storage, FeedTarget, ComparedCache {
  readonly #clock: Clock;
  readonly #store: KvStorage;
  readonly #writes = new WritesUnderWay();
  /** Only then a quiet resource can be known to be current; else reads of now are the store's, as upstream's are with such an etcd. */
  readonly #answersProgress: boolean;
  readonly #feed: Feed;
  readonly #objects = new SortedMap<StoredObject>();
  readonly #decoded: DecodedObjects;
  readonly #window: EventWindow;
  readonly #watchers: WatcherIndex;
  readonly #freshness: Freshness;
  readonly #bookmarks: BookmarkSchedule;
  readonly #comparison: Comparison | undefined;
  readonly #onCompared: CacherOptions["onCompared"];
  /** Whose bookmark waits for the store to say how far it is. */
  #bookmarksDue = new Set<Watcher>();
  /** The last change of the resource: all its states from here to the cache's revision are the one in memory. */
  #lastChange = 0 as Revision;
  #closed = false;

  constructor(options: CacherOptions) {
    const { kv, clock, keyPrefix, namespaced, indexes = {}, frozen = false } = options;
    this.#clock = clock;
    this.#store = new KvStorage({ kv, clock, keyPrefix, namespaced, writes: this.#writes });
    this.#answersProgress = kv.answersProgress !== false;
    const windowFrom = this.#answersProgress ? options.windowFrom : undefined;
    this.#feed = new Feed({ kv, clock, keyPrefix, windowFrom }, this);
    this.#decoded = new DecodedObjects(indexes, { frozen });
    this.#window = new EventWindow(options.window ?? windowLimits);
    this.#watchers = new WatcherIndex({ keyPrefix, namespaced, indexes });
    this.#freshness = new Freshness(clock, () => this.#feed.requestProgress());
    this.#bookmarks = new BookmarkSchedule(clock, (due) => this.#onBookmarksDue(due));
    this.#comparison = this.#answersProgress ? new Comparison({ kv, clock, keyPrefix }, this) : undefined;
    this.#onCompared = options.onCompared;
  }

  // Writes go to the store, tried first with the copy from memory.

  async create(key: string, object: KubeObject, options?: { ttlSeconds?: number }): Promise<Stored> {
    return this.#shared(await this.#store.create(key, object, options));
  }

  async guaranteedUpdate(
    key: string,
    update: UpdateObject,
    options: { createIfMissing?: boolean; ttlSeconds?: number } = {},
  ): Promise<Stored & { created: boolean }> {
    const written = await this.#store.update(key, update, { ...options, cached: this.#cached(key) });
    return new Written(this.#shared(written.stored), written.created);
  }

  delete(key: string, validate?: (current: Stored) => void | Promise<void>): Promise<Stored> {
    return this.#store.delete(key, validate, { cached: this.#cached(key) });
  }

  #cached(key: string): StoredObject | undefined {
    return this.#feed.isReady ? this.#objects.get(byteOrdered(key)) : undefined;
  }

  /** The copy in memory where it is the same revision: its JSON is made once. */
  #shared(stored: StoredObject): StoredObject {
    const cached = this.#cached(stored.key);
    return cached?.revision === stored.revision ? cached : stored;
  }

  // Reads.

  async get(key: string, options: { resourceVersion?: string } = {}): Promise<Stored> {
    const asked = options.resourceVersion ?? "";
    // One key costs the store no more than its revision, which would have to be asked for anyway.
    if (asked === "") return this.#shared(await this.#store.get(key));
    const revision = parseResourceVersion(asked);
    await this.#feed.ready();
    await this.#freshness.waitFor(revision, asked);
    const stored = this.#objects.get(byteOrdered(key));
    if (stored === undefined) throw keyNotFound(key);
    return stored;
  }

  async list(prefix: string, options: ListOptions): Promise<StoredList> {
    const plan = planList(prefix, options);
    await this.#feed.ready();
    if (plan.exactRevision > 0) {
      const at = plan.exactRevision;
      // What the store has compacted has expired although it is here: no server goes on with a list that another would refuse.
      if (this.#holds(at) && (await this.#store.keeps(at)) && this.#holds(at))
        return this.#listAt(prefix, options, plan, at);
      return this.#store.list(prefix, options);
    }
    if (plan.continues) return this.#store.list(prefix, options);
    if (plan.minimumRevision > 0) {
      await this.#freshness.waitFor(plan.minimumRevision, options.resourceVersion);
    } else if (!plan.stale && !this.#answersProgress) {
      return this.#store.list(prefix, options);
    } else if (!plan.stale) {
      const newest = await this.#store.currentRevision();
      try {
        await this.#freshness.waitFor(newest, String(newest));
      } catch (error) {
        // The watch lags behind the store: then the store itself answers.
        if (error instanceof StorageError && error.code === "TOO_LARGE_RESOURCE_VERSION") {
          return this.#store.list(prefix, options);
        }
        throw error;
      }
    }
    return this.#listAt(prefix, options, plan, this.#freshness.revision);
  }

  /** Whether the state at a revision is the one in memory. */
  #holds(revision: Revision): boolean {
    return this.#feed.isReady && revision >= this.#lastChange && revision <= this.#freshness.revision;
  }

  #listAt(prefix: string, options: ListOptions, plan: ListPlan, revision: Revision): StoredList {
    const { predicate } = options;
    const resourceVersion = String(revision);
    const singleKey = this.#store.singleKey(prefix, predicate.name);
    if (singleKey !== undefined) {
      const stored = this.#objects.get(byteOrdered(singleKey));
      const items = stored?.matches(predicate) === true ? [stored] : [];
      return { items, resourceVersion, continue: "", remainingItemCount: undefined };
    }
    const start = byteOrdered(plan.startKey);
    const end = endOf(byteOrdered(prefix));
    const items: StoredObject[] = [];
    let next: string | undefined;
    let last = "";
    this.#objects.scan(start, end, (key, stored) => {
      if (plan.limit > 0 && items.length === plan.limit) {
        next = key;
        return false;
      }
      last = stored.key;
      if (stored.matches(predicate)) items.push(stored);
      return true;
    });
    if (next === undefined) return { items, resourceVersion, continue: "", remainingItemCount: undefined };
    return {
      items,
      resourceVersion,
      continue: encodeContinue({ startKey: `${last}\0`, revision }, prefix),
      remainingItemCount: predicate.empty ? this.#objects.count(next, end) : undefined,
    };
  }

  async count(prefix: string): Promise<number> {
    if (!this.#feed.isReady) return this.#store.count(prefix);
    const start = byteOrdered(prefix);
    return this.#objects.count(start, endOf(start));
  }

  currentResourceVersion(): Promise<string> {
    return this.#store.currentResourceVersion();
  }

  // Watches.

  watch(prefix: string, options: WatchOptions, sink: WatchSink): StorageWatch {
    const from = parseResourceVersion(options.resourceVersion);
    // It begins with what is there now.
    if (options.resourceVersion === "" && !this.#answersProgress)
      return this.#store.watch(prefix, options, sink);
    const watcher: Watcher = {
      predicate: options.predicate,
      sink,
      bookmarks: options.allowBookmarks,
      seen: from,
    };
    const handle = { closed: false };
    this.#startWatch(watcher, { prefix, options, from, handle }).catch((error: unknown) => {
      if (handle.closed) return;
      handle.closed = true;
      this.#drop(watcher);
      sink.onClosed(error as StorageError);
    });
    return {
      close: () => {
        handle.closed = true;
        this.#drop(watcher);
      },
    };
  }

  async #startWatch(
    watcher: Watcher,
    request: { prefix: string; options: WatchOptions; from: Revision; handle: { closed: boolean } },
  ): Promise<void> {
    const { prefix, options, from, handle } = request;
    await this.#feed.ready();
    const fromNow = options.fromNow === true;
    const wantsState = !fromNow && (from === 0 || options.sendInitialEvents);
    if (fromNow || (wantsState && options.resourceVersion === "")) {
      const newest = await this.#store.currentRevision();
      await this.#freshness.waitFor(newest, String(newest));
    } else if (wantsState) {
      await this.#freshness.waitFor(from, options.resourceVersion);
    }
    // From here to the registration nothing may come in between, or a change would be missed or told twice.
    if (handle.closed) return;
    if (!this.#feed.isReady) {
      sinkEnd(watcher);
      return;
    }
    const initial = wantsState
      ? this.#stateEvents(prefix, options)
      : this.#eventsSince(prefix, watcher, fromNow ? this.#freshness.revision : from);
    watcher.seen = Math.max(from, this.#freshness.revision) as Revision;
    this.#watchers.add(watcher, prefix, this.#store.singleKey(prefix, options.predicate.name));
    if (watcher.bookmarks) this.#bookmarks.add(watcher);
    if (initial.length > 0 && !watcher.sink.onEvents(initial)) this.#refuse(watcher);
  }

  /** The objects there are as ADDED, and the bookmark that ends a streaming list. */
  #stateEvents(prefix: string, options: WatchOptions): StorageEvent[] {
    const listOptions: ListOptions = {
      predicate: options.predicate,
      resourceVersion: "0",
      resourceVersionMatch: "",
      limit: 0,
      continue: "",
    };
    const revision = this.#freshness.revision;
    const { items } = this.#listAt(prefix, listOptions, planList(prefix, listOptions), revision);
    const events: StorageEvent[] = items.map((stored) => ({ type: "ADDED", stored }));
    if (options.sendInitialEvents && options.allowBookmarks) {
      events.push({ type: "BOOKMARK", resourceVersion: String(revision), initialEventsEnd: true });
    }
    return events;
  }

  /** @throws StorageError EXPIRED */
  #eventsSince(prefix: string, watcher: Watcher, from: Revision): StorageEvent[] {
    if (from < this.#window.forgotten) throw watchExpired(from, this.#window.forgotten);
    const singleKey = this.#store.singleKey(prefix, watcher.predicate.name);
    const changes = this.#window.since(from).filter((change) => {
      const key = keyOf(change);
      return singleKey === undefined ? key.startsWith(prefix) : key === singleKey;
    });
    return selectEvents(changes, watcher);
  }

  #refuse(watcher: Watcher): void {
    if (this.#drop(watcher)) watcher.sink.onClosed(undefined);
  }

  #drop(watcher: Watcher): boolean {
    this.#bookmarks.delete(watcher);
    this.#bookmarksDue.delete(watcher);
    return this.#watchers.delete(watcher);
  }

  #onBookmarksDue(due: ReadonlySet<Watcher>): void {
    // Those of last time whom the store never answered get what is known.
    this.#sendBookmarks();
    for (const watcher of due) this.#bookmarksDue.add(watcher);
    this.#feed.requestProgress();
  }

  #sendBookmarks(): void {
    if (this.#bookmarksDue.size === 0) return;
    const due = this.#bookmarksDue;
    this.#bookmarksDue = new Set();
    const revision = this.#freshness.revision;
    const bookmark: StorageEvent = {
      type: "BOOKMARK",
      resourceVersion: String(revision),
      initialEventsEnd: false,
    };
    for (const watcher of due) {
      if (watcher.seen > revision || !this.#watchers.has(watcher)) continue;
      if (!watcher.sink.onEvents([bookmark])) this.#refuse(watcher);
    }
  }

  // What the feed brings.

  replace(objects: readonly KeyValue[], revision: Revision): void {
    this.#objects.clear();
    for (const kv of objects) {
      const stored = this.#read(kv);
      if (stored !== undefined) this.#objects.set(byteOrdered(stored.key), stored);
    }
    this.#window.reset(revision);
    this.#lastChange = revision;
    this.#freshness.advance(revision);
    this.#comparison?.start();
  }

  apply(events: readonly KvEvent[], revision: Revision): void {
    const now = this.#clock.monotonic();
    const changes: Change[] = [];
    for (const event of events) {
      const at = event.kv.modRevision;
      const current = event.type === "put" ? this.#read(event.kv) : undefined;
      const key = byteOrdered(current?.key ?? fromUtf8(event.kv.key));
      const previous = current === undefined ? this.#objects.delete(key) : this.#objects.set(key, current);
      this.#lastChange = at;
      if (current === undefined && previous === undefined) continue;
      const change = new Change(at, current, previous);
      this.#window.push(change, now);
      changes.push(change);
    }
    this.#freshness.advance(revision);
    this.#watchers.deliver(changes, (watcher) => this.#refuse(watcher));
  }

  progress(revision: Revision): void {
    this.#freshness.advance(revision);
    this.#sendBookmarks();
  }

  lost(): void {
    this.#comparison?.stop();
    this.#endWatchers();
  }

  // The comparison with the store.

  reach(revision: Revision): Promise<void> {
    return this.#freshness.waitFor(revision, String(revision));
  }

  revisions(start: string, end: string): Map<string, Revision> {
    const revisions = new Map<string, Revision>();
    this.#objects.scan(byteOrdered(start), byteOrdered(end), (_, stored) => {
      revisions.set(stored.key, stored.revision);
      return true;
    });
    return revisions;
  }

  changedSince(revision: Revision): Set<string> | undefined {
    if (revision < this.#window.forgotten) return undefined;
    return new Set(this.#window.since(revision).map(keyOf));
  }

  keeps(kv: KeyValue): boolean {
    return this.#objectOf(fromUtf8(kv.key), kv) !== undefined;
  }

  compared(status: ComparisonStatus, differing: readonly string[]): void {
    if (status === "failure") this.#feed.restart();
    this.#onCompared?.(status, differing);
  }

  #read(kv: KeyValue): StoredObject | undefined {
    const key = fromUtf8(kv.key);
    const content = this.#writes.take(key, kv.value);
    if (content === undefined) return this.#objectOf(key, kv);
    const { value, modRevision: revision, lease } = kv;
    return StoredObject.from(content, { key, value, revision, lease }, this.#decoded);
  }

  /** Undefined where the value is no object: somebody else wrote it. It is not there for lists and watches; a get names the fault. */
  #objectOf(key: string, kv: KeyValue): StoredObject | undefined {
    const stored = StoredObject.of(kv, key, this.#decoded);
    try {
      void stored.attributes;
      return stored;
    } catch (error) {
      if (error instanceof StorageError && error.code === "CORRUPT_OBJECT") return undefined;
      throw error;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#comparison?.stop();
    this.#feed.close();
    this.#freshness.close();
    this.#endWatchers();
    await this.#store.close();
  }

  #endWatchers(): void {
    for (const watcher of [...this.#watchers.watchers()]) this.#refuse(watcher);
  }
}

const keyOf = ({ current, previous }: Change): string => (current ?? previous)?.key as string;

function sinkEnd(watcher: Watcher): void {
  watcher.sink.onClosed(undefined);
}

/** The key with one code unit for each byte of its UTF-8, so that texts sort as the store sorts bytes. */
function byteOrdered(key: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: all of ASCII is as it should be.
  return /^[\x00-\x7f]*$/.test(key) ? key : Buffer.from(key).toString("latin1");
}

/** After all keys that begin with a prefix, which ends in a slash. */
function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
