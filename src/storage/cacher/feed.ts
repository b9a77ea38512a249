import { fromUtf8, prefixEnd, type Revision, utf8 } from "../../base/index.ts";
import { type KeyValue, type Kv, KvError, type KvEvent, type KvWatch } from "../../kv/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import { storageErrorOf } from "../errors.ts";
import { StorageError } from "../ports.ts";

/** Keys read at once at the start. */
const pageKeysMax = 10_000;
/** How far the start may reach back to show the changes since `windowFrom`. */
const reachBackMax = 10_000;
const retryMsMin = 50;
const retryMsMax = 2_000;

/** Where the feed's state goes. Called synchronously and in order. */
export interface FeedTarget {
  /** The whole state at a revision; whatever was known before is void. */
  replace(objects: readonly KeyValue[], revision: Revision): void;
  apply(events: readonly KvEvent[], revision: Revision): void;
  progress(revision: Revision): void;
  /** Changes were missed: nothing that was known can be trusted. */
  lost(): void;
}

export interface FeedOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  readonly keyPrefix: string;
  readonly windowFrom: Revision | undefined;
}

/**
 * Follows the keys of one resource: lists once, then watches for as long as it can, with one kv watch for everybody. A watch that
 * breaks goes on where it was; one whose next revision was compacted away begins anew with a list.
 */
export class Feed {
  readonly #options: FeedOptions;
  readonly #target: FeedTarget;
  #starting: Promise<void> | undefined;
  #watch: KvWatch | undefined;
  #revision = 0 as Revision;
  /** Ready once this is reached. */
  #readyAt = 0 as Revision;
  #onReady: { resolve: () => void; reject: (error: unknown) => void } | undefined;
  #ready = false;
  #retry: Timer | undefined;
  #retryMs = retryMsMin;
  #closed = false;

  constructor(options: FeedOptions, target: FeedTarget) {
    this.#options = options;
    this.#target = target;
  }

  /** The target has the whole state. */
  get isReady(): boolean {
    return this.#ready;
  }

  /** Starts where that is needed. @throws StorageError the start failed; the next call tries again */
  ready(): Promise<void> {
    if (this.#closed) return Promise.reject(new StorageError("UNAVAILABLE", "", "the watch cache is closed"));
    this.#starting ??= this.#start();
    return this.#starting;
  }

  requestProgress(): void {
    this.#watch?.requestProgress();
  }

  /** What was brought cannot be trusted: all is read again. */
  restart(): void {
    if (this.#closed || !this.#ready) return;
    this.#retry?.cancel();
    this.#watch?.close();
    this.#watch = undefined;
    this.#startAnew();
  }

  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#watch?.close();
    this.#watch = undefined;
    this.#onReady?.reject(new StorageError("UNAVAILABLE", "", "the watch cache is closed"));
    this.#onReady = undefined;
  }

  async #start(): Promise<void> {
    try {
      const { kvs, revision, newest } = await this.#list();
      if (this.#closed) throw new StorageError("UNAVAILABLE", "", "the watch cache is closed");
      this.#target.replace(kvs, revision);
      this.#revision = revision;
      this.#readyAt = newest;
      this.#openWatch();
      if (revision < newest) await this.#caughtUp();
      this.#ready = true;
    } catch (error) {
      this.#watch?.close();
      this.#watch = undefined;
      this.#starting = undefined;
      throw storageErrorOf(error, this.#options.keyPrefix);
    }
  }

  #caughtUp(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#onReady = { resolve, reject };
      this.requestProgress();
    });
  }

  /**
   * Everything under the prefix: as of `windowFrom` where that is kept and near, so that a watch may begin there although nobody
   * was interested in the resource at that time; else as of now.
   */
  async #list(): Promise<{ kvs: readonly KeyValue[]; revision: Revision; newest: Revision }> {
    const { kv, keyPrefix, windowFrom } = this.#options;
    if (windowFrom !== undefined) {
      const { header } = await kv.range({ key: utf8(keyPrefix), countOnly: true });
      if (windowFrom < header.revision && header.revision - windowFrom <= reachBackMax) {
        try {
          return { ...(await this.#listAt(windowFrom)), newest: header.revision };
        } catch (error) {
          if (!(error instanceof KvError) || error.code !== "COMPACTED") throw error;
        }
      }
    }
    const now = await this.#listAt(0 as Revision);
    return { ...now, newest: now.revision };
  }

  async #listAt(at: Revision): Promise<{ kvs: readonly KeyValue[]; revision: Revision }> {
    const rangeEnd = prefixEnd(utf8(this.#options.keyPrefix));
    const kvs: KeyValue[] = [];
    let key = utf8(this.#options.keyPrefix);
    let revision = at;
    for (;;) {
      const answer = await this.#options.kv.range({ key, rangeEnd, limit: pageKeysMax, revision });
      if (revision === 0) revision = answer.header.revision;
      for (const each of answer.kvs) kvs.push(each);
      const last = answer.kvs.at(-1);
      if (!answer.more || last === undefined) return { kvs, revision };
      key = utf8(`${fromUtf8(last.key)}\0`);
    }
  }

  #openWatch(): void {
    const { kv, keyPrefix } = this.#options;
    const key = utf8(keyPrefix);
    const startRevision = (this.#revision + 1) as Revision;
    this.#watch = kv.watch(
      { key, rangeEnd: prefixEnd(key), startRevision, progressNotify: true },
      {
        onEvents: (events, revision) => {
          this.#retryMs = retryMsMin;
          this.#target.apply(events, revision);
          this.#reached(revision);
          return true;
        },
        onProgress: (revision) => {
          this.#target.progress(revision);
          this.#reached(revision);
        },
        onClosed: (reason) => this.#onWatchClosed(reason),
      },
    );
  }

  #reached(revision: Revision): void {
    if (revision > this.#revision) this.#revision = revision;
    if (this.#onReady === undefined || this.#revision < this.#readyAt) return;
    this.#onReady.resolve();
    this.#onReady = undefined;
  }

  #onWatchClosed(reason: KvError): void {
    this.#watch = undefined;
    if (this.#closed) return;
    if (this.#onReady !== undefined) {
      this.#onReady.reject(reason);
      this.#onReady = undefined;
      return;
    }
    if (reason.code === "COMPACTED") {
      this.#startAnew();
      return;
    }
    if (reason.code === "STOPPED") {
      this.#lose();
      return;
    }
    this.#retry = this.#options.clock.after(this.#retryMs, () => this.#openWatch(), { background: true });
    this.#retryMs = Math.min(retryMsMax, this.#retryMs * 2);
  }

  #startAnew(): void {
    this.#lose();
    // Whoever comes next would start it as well; starting now saves them the wait, and its failure concerns only them.
    this.ready().catch(() => {});
  }

  #lose(): void {
    this.#ready = false;
    this.#starting = undefined;
    this.#target.lost();
  }
}
