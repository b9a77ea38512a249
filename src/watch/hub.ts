import type { Revision } from "../base/index.ts";
import { KvError, type KvEvent, type KvWatch, type WatchObserver, type WatchQuery } from "../kv/index.ts";
import { latin1, Matcher, type Ranged, type StringRange, stringRange } from "./matcher.ts";
import type { Changes, WatchHub, WatchHubCounts, WatchHubOptions } from "./types.ts";

/**
 * Watchers, in three groups. All that is kept of a watcher's backlog is a revision: the store has the events.
 *
 *                 start in the past                 everything up to now delivered
 *     watch ──────────────────────► catching up ──────────────────────────► synced ◄──── watch from now on
 *                                       ▲   │                                  │
 *                             resume    │   │      the observer has no room    │
 *                                       │   ▼                                  │
 *                                      slow ◄──────────────────────────────────┘
 *
 * Synced watchers get what `publish` finds new, at once. Those catching up are served by `catchUp` in windows: one walk over a
 * bounded stretch of the store's changes for all watchers that need any of it, beginning where the watcher that has waited
 * longest stands. Slow ones cost nothing until they resume; who stands before the compacted revision then is told so.
 */
export function createWatchHub(options: WatchHubOptions): WatchHub {
  return new Hub(options);
}

const progressIntervalMsDefault = 600_000;
const catchUpChangesMaxDefault = 2_000;
/** Events handed out in one window, counted once for each watcher: many watchers of the same keys make it shorter. */
const catchUpEventsMax = 100_000;

class Watcher implements Ranged {
  readonly range: StringRange;
  readonly query: WatchQuery;
  readonly observer: WatchObserver;
  state: "synced" | "catching-up" | "slow" | "closed" = "closed";
  /** First revision it may not have seen. A synced one has seen all that is published besides. */
  next: number;
  /** Matched and about to be delivered. */
  batch: KvEvent[] = [];
  /** Has had events since the last tick that told progress. */
  heard = false;

  constructor(query: WatchQuery, observer: WatchObserver, next: number) {
    this.range = stringRange(query);
    this.query = query;
    this.observer = observer;
    this.next = next;
  }

  wants(type: KvEvent["type"]): boolean {
    return type === "put" ? !this.query.noPut : !this.query.noDelete;
  }
}

class Hub implements WatchHub {
  readonly #options: WatchHubOptions;
  readonly #catchUpChangesMax: number;
  readonly #progressIntervalMs: number;
  readonly #watchers = new Set<Watcher>();
  readonly #synced = new Matcher<Watcher>();
  readonly #catchingUp = new Matcher<Watcher>();
  /** The same ones, who has waited longest first. */
  readonly #queue = new Set<Watcher>();
  /** Who asked for progress and could not be told yet. */
  readonly #progressWanted = new Set<Watcher>();
  /** Every synced watcher has what it wants up to here. */
  #published: Revision;
  /** Stands behind what is published; undefined when nobody was synced for a while. */
  #changes: Changes | undefined;
  #publishing = false;
  #windowOpen = false;
  #catchUpAnnounced = false;
  #progressToldAt: number | undefined;
  delivered = 0;

  constructor(options: WatchHubOptions) {
    this.#options = options;
    this.#catchUpChangesMax = options.catchUpChangesMax ?? catchUpChangesMaxDefault;
    this.#progressIntervalMs = options.progressIntervalMs ?? progressIntervalMsDefault;
    this.#published = options.source.revision;
  }

  get counts(): WatchHubCounts {
    const synced = this.#synced.size;
    const catchingUp = this.#catchingUp.size;
    return { synced, catchingUp, slow: this.#watchers.size - synced - catchingUp };
  }

  watch(query: WatchQuery, observer: WatchObserver): KvWatch {
    const createdRevision = this.#options.source.revision;
    const start = query.startRevision ?? 0;
    const fromNowOn = start === 0 || start > createdRevision;
    const next = fromNowOn ? Math.max(start, createdRevision + 1) : start;
    const watcher = new Watcher(query, observer, next);
    this.#watchers.add(watcher);
    this.#enter(watcher, fromNowOn ? "synced" : "catching-up");
    return {
      createdRevision,
      resume: () => {
        if (watcher.state === "slow") this.#enter(watcher, "catching-up");
      },
      requestProgress: () => this.#requestProgress(watcher),
      close: () => this.#remove(watcher),
    };
  }

  publish(): void {
    // An observer may make the owner apply and publish; the outer call goes on with that.
    if (this.#publishing) return;
    this.#publishing = true;
    try {
      while (this.#published < this.#options.source.revision) this.#publishNew();
      for (const watcher of this.#progressWanted) if (watcher.state === "synced") this.#tellProgress(watcher);
    } finally {
      this.#publishing = false;
    }
  }

  catchUp(): boolean {
    if (this.#windowOpen) return true;
    this.#windowOpen = true;
    try {
      const oldest = this.#oldestThatCanGoOn();
      if (oldest !== undefined) this.#serveWindow(oldest.next);
    } finally {
      this.#windowOpen = false;
    }
    this.#catchUpAnnounced = this.#queue.size > 0;
    return this.#catchUpAnnounced;
  }

  tick(now: number): void {
    // In the middle of a publication somebody's events are still to come; the next tick will do.
    if (this.#publishing) return;
    this.#progressToldAt ??= now;
    if (now - this.#progressToldAt < this.#progressIntervalMs) return;
    this.#progressToldAt = now;
    for (const watcher of [...this.#watchers]) {
      const { heard } = watcher;
      watcher.heard = false;
      if (watcher.query.progressNotify && watcher.state === "synced" && !heard) this.#tellProgress(watcher);
    }
  }

  restored(): void {
    const published = this.#published;
    this.#published = this.#options.source.revision;
    this.#changes = undefined;
    for (const watcher of [...this.#watchers]) {
      if (watcher.state !== "synced") continue;
      // In the middle of a publication a batch may be matched and not delivered.
      watcher.next = watcher.batch[0]?.kv.modRevision ?? Math.max(watcher.next, published + 1);
      if (watcher.next <= this.#published) this.#enter(watcher, "catching-up");
    }
  }

  close(reason: KvError): void {
    for (const watcher of [...this.#watchers]) this.#closeWith(watcher, reason);
  }

  #publishNew(): void {
    const { source } = this.#options;
    const from = this.#published + 1;
    const to = source.revision;
    if (source.compactRevision > from) {
      // What was to be published is gone already: whoever it concerns learns that when catching up.
      this.restored();
      return;
    }
    const touched: Watcher[] = [];
    if (this.#synced.size > 0) {
      this.#changes ??= source.changesSince(from as Revision);
      while (this.#changes.next()) offer(this.#changes, this.#synced, 0, touched);
    } else {
      this.#changes = undefined;
    }
    this.#published = to;
    for (const watcher of touched) if (watcher.state === "synced") this.#deliver(watcher, to);
  }

  /** The watcher that has waited longest; those before it that need no window are dealt with. */
  #oldestThatCanGoOn(): Watcher | undefined {
    const { compactRevision } = this.#options.source;
    for (const watcher of this.#queue) {
      if (watcher.next < compactRevision) this.#closeWith(watcher, compacted(compactRevision));
      else if (watcher.next > this.#published) this.#sync(watcher);
      else return watcher;
    }
    return undefined;
  }

  /** Serves all watchers that stand at `from` or later, up to where the window ends: always between two revisions. */
  #serveWindow(from: number): void {
    const { source } = this.#options;
    const changes = source.changesSince(from as Revision);
    const touched: Watcher[] = [];
    let to = source.revision;
    let seen = 0;
    let offered = 0;
    let last = 0 as Revision;
    while (changes.next()) {
      const { revision } = changes;
      const full = seen >= this.#catchUpChangesMax || offered >= catchUpEventsMax;
      if (full && revision !== last) {
        to = last;
        break;
      }
      last = revision;
      seen++;
      offered += offer(changes, this.#catchingUp, from, touched);
    }
    for (const watcher of [...this.#queue]) {
      if (watcher.state !== "catching-up" || watcher.next < from || watcher.next > to) continue;
      if (watcher.next === from) {
        // Its turn is over: to the end of the queue.
        this.#queue.delete(watcher);
        this.#queue.add(watcher);
      }
      if (watcher.batch.length > 0) this.#deliver(watcher, to);
      else watcher.next = to + 1;
      if (watcher.state === "catching-up" && watcher.next > this.#published) this.#sync(watcher);
    }
  }

  #deliver(watcher: Watcher, revision: Revision): void {
    const { batch } = watcher;
    watcher.batch = [];
    const taken = watcher.observer.onEvents(batch, revision);
    if (taken) this.delivered += batch.length;
    if (watcher.state === "closed") return;
    if (taken) {
      watcher.next = revision + 1;
      watcher.heard = true;
    } else {
      watcher.next = (batch[0] as KvEvent).kv.modRevision;
      this.#enter(watcher, "slow");
    }
  }

  #requestProgress(watcher: Watcher): void {
    if (watcher.state === "closed") return;
    const upToDate = !this.#publishing && this.#published === this.#options.source.revision;
    if (upToDate && watcher.state === "synced") this.#tellProgress(watcher);
    else this.#progressWanted.add(watcher);
  }

  #tellProgress(watcher: Watcher): void {
    this.#progressWanted.delete(watcher);
    // It may have caught up with what is not published yet, or want nothing before a revision to come.
    const seen = Math.min(watcher.next - 1, this.#options.source.revision);
    watcher.observer.onProgress?.(Math.max(this.#published, seen) as Revision);
  }

  #sync(watcher: Watcher): void {
    this.#enter(watcher, "synced");
    if (this.#progressWanted.has(watcher)) this.#tellProgress(watcher);
  }

  #enter(watcher: Watcher, state: Watcher["state"]): void {
    if (watcher.state === "synced") this.#synced.remove(watcher);
    if (watcher.state === "catching-up") {
      this.#catchingUp.remove(watcher);
      this.#queue.delete(watcher);
    }
    watcher.state = state;
    watcher.batch = [];
    if (state === "synced") this.#synced.add(watcher);
    if (state !== "catching-up") return;
    this.#catchingUp.add(watcher);
    this.#queue.add(watcher);
    if (this.#catchUpAnnounced) return;
    this.#catchUpAnnounced = true;
    this.#options.onCatchUpNeeded();
  }

  #remove(watcher: Watcher): void {
    this.#enter(watcher, "closed");
    this.#watchers.delete(watcher);
    this.#progressWanted.delete(watcher);
  }

  #closeWith(watcher: Watcher, reason: KvError): void {
    if (watcher.state === "closed") return;
    this.#remove(watcher);
    watcher.observer.onClosed(reason);
  }
}

/** Puts the change on the batches of those in the group who need it and stand at `from` or later; how many there are. */
function offer(changes: Changes, group: Matcher<Watcher>, from: number, touched: Watcher[]): number {
  const { revision, type } = changes;
  let plain: KvEvent | undefined;
  let withPrevKv: KvEvent | undefined;
  let offered = 0;
  group.visit(latin1(changes.key), (watcher) => {
    if (watcher.next < from || watcher.next > revision || !watcher.wants(type)) return;
    let event: KvEvent;
    // One object for all who get the same: what encodes it may remember it by the object.
    if (watcher.query.prevKv) event = withPrevKv ??= changes.event(true);
    else event = plain ??= changes.event(false);
    if (watcher.batch.push(event) === 1) touched.push(watcher);
    offered++;
  });
  return offered;
}

function compacted(compactRevision: Revision): KvError {
  return new KvError("COMPACTED", "etcdserver: mvcc: required revision has been compacted", {
    compactRevision,
  });
}
