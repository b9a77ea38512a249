import { fromUtf8, prefixEnd, type Revision, utf8 } from "../../base/index.ts";
import { type KeyValue, type Kv, KvError } from "../../kv/index.ts";
import type { Clock, Timer } from "../../platform/index.ts";
import { StorageError } from "../ports.ts";

/** Upstream's consistencyCheckPeriod. */
const intervalMs = 5 * 60_000;
/** Keys asked for at once: more would hold up everybody else. */
const pageKeysMax = 1_000;

/** How a comparison ended; upstream's words in the metric apiserver_storage_consistency_checks_total. */
export type ComparisonStatus = "success" | "failure" | "error";

/** What is compared with the store. */
export interface ComparedCache {
  /** Every change up to `revision` has been applied. @throws StorageError the cache lags */
  reach(revision: Revision): Promise<void>;
  /** Keys from `start` up to and excluding `end`, as they are at this moment, with their revisions, for the caller to keep. */
  revisions(start: string, end: string): Map<string, Revision>;
  /** The keys of changes after `revision`; undefined where they are no longer known. */
  changedSince(revision: Revision): ReadonlySet<string> | undefined;
  /** Whether the cache would keep such a value at all. */
  keeps(kv: KeyValue): boolean;
  /** The comparison is over. `differing`: keys that are not in the cache as they are in the store. */
  compared(status: ComparisonStatus, differing: readonly string[]): void;
}

/**
 * The cache and the store beside each other, now and then, as k8s.io/apiserver/pkg/storage/cacher does it: were a change ever lost on its way, every
 * list would be wrong from then on, and nobody would know. Compared are keys and their revisions, which are never told twice with another content. The
 * cache goes on while that happens: what has changed since the store was read counts for nothing.
 */
export class Comparison {
  readonly #kv: Kv;
  readonly #keyPrefix: string;
  readonly #cache: ComparedCache;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #running = false;

  constructor({ kv, clock, keyPrefix }: { kv: Kv; clock: Clock; keyPrefix: string }, cache: ComparedCache) {
    this.#kv = kv;
    this.#clock = clock;
    this.#keyPrefix = keyPrefix;
    this.#cache = cache;
  }

  /** From now on, in the background. */
  start(): void {
    this.#timer ??= this.#clock.every(intervalMs, () => void this.#run(), { background: true });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  async #run(): Promise<void> {
    // One that takes longer than the interval: the next one's turn comes.
    if (this.#running) return;
    this.#running = true;
    try {
      const differing = await this.#differing();
      if (this.#timer === undefined || differing === undefined) return;
      this.#cache.compared(differing.length === 0 ? "success" : "failure", differing);
    } catch (error) {
      if (!(error instanceof KvError) && !(error instanceof StorageError)) throw error;
      if (this.#timer !== undefined) this.#cache.compared("error", []);
    } finally {
      this.#running = false;
    }
  }

  /** Undefined: it cannot be told, for more has changed than the cache remembers. */
  async #differing(): Promise<string[] | undefined> {
    const rangeEnd = prefixEnd(utf8(this.#keyPrefix));
    let start = this.#keyPrefix;
    let revision = 0 as Revision;
    for (;;) {
      const query = { key: utf8(start), rangeEnd, revision, limit: pageKeysMax, keysOnly: true };
      const { kvs, more, header } = await this.#kv.range(query);
      if (revision === 0) revision = header.revision;
      await this.#cache.reach(revision);
      const last = kvs.at(-1);
      const next = more && last !== undefined ? `${fromUtf8(last.key)}\0` : undefined;
      const suspects = this.#suspects(kvs, start, next ?? fromUtf8(rangeEnd as Uint8Array));
      if (suspects.length > 0) {
        const changed = this.#cache.changedSince(revision);
        if (changed === undefined) return undefined;
        const differing = [];
        for (const key of suspects.filter((suspect) => !changed.has(suspect)))
          if (await this.#differs(key, revision)) differing.push(key);
        if (differing.length > 0) return differing;
      }
      if (next === undefined) return [];
      start = next;
    }
  }

  /** Keys that are not the same here and there. */
  #suspects(kvs: readonly KeyValue[], start: string, end: string): string[] {
    const cached = this.#cache.revisions(start, end);
    const suspects: string[] = [];
    for (const { key, modRevision } of kvs) {
      const name = fromUtf8(key);
      if (cached.get(name) !== modRevision) suspects.push(name);
      cached.delete(name);
    }
    return [...suspects, ...cached.keys()];
  }

  /** Values that are no objects are in the store alone, as it should be. */
  async #differs(key: string, revision: Revision): Promise<boolean> {
    const { kvs } = await this.#kv.range({ key: utf8(key), revision });
    return kvs[0] === undefined || this.#cache.keeps(kvs[0]);
  }
}
