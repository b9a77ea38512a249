import { fromUtf8, type LeaseId, noLease, type Revision } from "../../src/base/index.ts";
import {
  type Header,
  type Kv,
  KvError,
  type KvWatch,
  type Leases,
  type RangeQuery,
  type RangeResult,
  type Txn,
  type TxnResult,
  type WatchObserver,
  type WatchQuery,
} from "../../src/kv/index.ts";
import { type ChangeCursor, createMvcc, type Mvcc } from "../../src/mvcc/index.ts";

/** The real multi-version store as a Kv of one member, with the faults a test wants: watches that lag or break, answers that wait. */
export class MvccKv implements Kv {
  readonly mvcc: Mvcc;
  readonly leases: Leases;
  readonly #keysOf = new Map<LeaseId, Map<string, Uint8Array>>();
  readonly #watches = new Set<MvccWatch>();
  #nextLease = 1n;
  /** Watches see nothing while this is set. */
  lagging = false;
  /** Watches miss what happens while this is set, and go on as if it had not happened. */
  losing = false;
  ranges = 0;
  grants = 0;
  /** Awaited before every transaction. */
  beforeTxn: (() => Promise<void> | void) | undefined;
  /** Awaited before every range. */
  beforeRange: (() => Promise<void> | void) | undefined;
  failing: KvError | undefined;

  constructor() {
    this.mvcc = createMvcc({
      leases: {
        has: (id) => this.#keysOf.has(id),
        attach: (id, key) => void this.#keysOf.get(id)?.set(fromUtf8(key), key),
        detach: (id, key) => void this.#keysOf.get(id)?.delete(fromUtf8(key)),
      },
    });
    this.leases = this.#makeLeases();
  }

  get watchCount(): number {
    return this.#watches.size;
  }

  async range(query: RangeQuery): Promise<RangeResult> {
    this.ranges++;
    await this.beforeRange?.();
    await undefined;
    if (this.failing !== undefined) throw this.failing;
    const answer = this.mvcc.range(query);
    return { ...answer, header: this.#header() };
  }

  async txn(txn: Txn): Promise<TxnResult> {
    await this.beforeTxn?.();
    await undefined;
    if (this.failing !== undefined) throw this.failing;
    const { succeeded, results } = this.mvcc.apply(txn);
    const header = this.#header();
    this.publish();
    return { header, succeeded, results };
  }

  async compact(revision: Revision): Promise<Header> {
    this.mvcc.compact(revision);
    return this.#header();
  }

  watch(query: WatchQuery, observer: WatchObserver): KvWatch {
    const watch = new MvccWatch(this, query, observer, () => this.#watches.delete(watch));
    this.#watches.add(watch);
    setImmediate(() => this.publish());
    return watch;
  }

  publish(): void {
    if (this.lagging) return;
    for (const watch of [...this.#watches]) watch.publish();
  }

  /** Ends every watch, as the store does. */
  breakWatches(reason: KvError): void {
    for (const watch of [...this.#watches]) {
      watch.close();
      watch.observer.onClosed(reason);
    }
  }

  #header(): Header {
    return { clusterId: 1n, memberId: 1n as never, revision: this.mvcc.revision, term: 1 as never };
  }

  #makeLeases(): Leases {
    return {
      grant: async ({ id, ttlSeconds }) => {
        this.grants++;
        const chosen = id === noLease ? (this.#nextLease++ as LeaseId) : id;
        this.#keysOf.set(chosen, new Map());
        return { header: this.#header(), id: chosen, ttlSeconds };
      },
      revoke: async (id) => {
        const keys = this.#keysOf.get(id);
        if (keys === undefined) throw new KvError("LEASE_NOT_FOUND", "etcdserver: requested lease not found");
        this.#keysOf.delete(id);
        this.mvcc.deleteKeys([...keys.values()]);
        this.publish();
        return this.#header();
      },
      keepAlive: async () => ({ header: this.#header(), ttlSeconds: 1 }),
      timeToLive: async () => ({ header: this.#header(), lease: undefined }),
      list: async () => ({ header: this.#header(), ids: [...this.#keysOf.keys()] }),
    };
  }
}

class MvccWatch implements KvWatch {
  readonly createdRevision: Revision;
  readonly observer: WatchObserver;
  readonly #kv: MvccKv;
  readonly #query: WatchQuery;
  readonly #onClose: () => void;
  #cursor: ChangeCursor | undefined;
  #from: Revision;
  #progressAsked = false;
  #closed = false;

  constructor(kv: MvccKv, query: WatchQuery, observer: WatchObserver, onClose: () => void) {
    this.#kv = kv;
    this.#query = query;
    this.observer = observer;
    this.#onClose = onClose;
    this.createdRevision = kv.mvcc.revision;
    this.#from = query.startRevision || ((kv.mvcc.revision + 1) as Revision);
  }

  publish(): void {
    if (this.#closed) return;
    if (this.#cursor === undefined) {
      if (this.#from < this.#kv.mvcc.compactRevision) {
        this.close();
        const compactRevision = this.#kv.mvcc.compactRevision;
        this.observer.onClosed(
          new KvError("COMPACTED", "etcdserver: mvcc: required revision has been compacted", {
            compactRevision,
          }),
        );
        return;
      }
      this.#cursor = this.#kv.mvcc.changesSince(this.#from);
    }
    const events = [];
    while (this.#cursor.next()) {
      if (this.#cursor.revision < this.#from || !this.#sees(fromUtf8(this.#cursor.key))) continue;
      events.push(this.#cursor.event(this.#query.prevKv ?? false));
    }
    if (events.length > 0 && !this.#kv.losing) this.observer.onEvents(events, this.#kv.mvcc.revision);
    if (this.#progressAsked) {
      this.#progressAsked = false;
      this.observer.onProgress?.(this.#kv.mvcc.revision);
    }
  }

  resume(): void {}

  requestProgress(): void {
    this.#progressAsked = true;
    setImmediate(() => this.#kv.publish());
  }

  close(): void {
    this.#closed = true;
    this.#onClose();
  }

  #sees(key: string): boolean {
    const start = fromUtf8(this.#query.key);
    if (this.#query.rangeEnd === undefined) return key === start;
    return key >= start && key < fromUtf8(this.#query.rangeEnd);
  }
}
