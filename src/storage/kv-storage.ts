import type { KubeObject } from "../apimachinery/index.ts";
import { noLease, prefixEnd, type Revision, utf8 } from "../base/index.ts";
import { type Compare, type KeyValue, type Kv, KvError, type Op, type TxnResult } from "../kv/index.ts";
import type { Clock } from "../platform/index.ts";
import { keyExists, keyNotFound, storageErrorOf, tooLargeResourceVersion } from "./errors.ts";
import { listFromKv } from "./kv-list.ts";
import { watchKv } from "./kv-watch.ts";
import type {
  ListOptions,
  Storage,
  StorageWatch,
  Stored,
  StoredList,
  WatchOptions,
  WatchSink,
} from "./ports.ts";
import { parseResourceVersion } from "./resource-version.ts";
import { RevisionReader } from "./revision-reader.ts";
import { encodeObject, StoredObject } from "./stored-object.ts";
import { TtlLeases } from "./ttl-leases.ts";
import type { WritesUnderWay } from "./writes-under-way.ts";
import { Written } from "./written.ts";

/**
 * Objects straight on kv, modelled on k8s.io/apiserver/pkg/storage/etcd3. One key an object, its JSON the value, its mod revision
 * the resourceVersion. Every write is one transaction that compares the mod revision with the one read, so that concurrent
 * writers lose nothing: one wins, the others look again at what the failed transaction brought back.
 */
export interface KvStorageOptions {
  readonly kv: Kv;
  readonly clock: Clock;
  /** All keys of the resource begin with this, ending in a slash: `/kubernetes.io/pods/`. */
  readonly keyPrefix: string;
  /** Keys are `prefix namespace / name`, else `prefix name`. */
  readonly namespaced: boolean;
  /** Told what is being written, for those who will read it by a watch. */
  readonly writes?: WritesUnderWay;
}

/** Makes the next object from the present one. */
export type UpdateObject = (current: Stored | undefined) => KubeObject | Promise<KubeObject>;

export interface Updated {
  readonly stored: StoredObject;
  readonly created: boolean;
}

/** One try to write an object. */
interface Write {
  readonly key: string;
  readonly value: Uint8Array;
  /** What `value` is encoded from. */
  readonly object: KubeObject;
  readonly expected: StoredObject | undefined;
  readonly ttlSeconds: number | undefined;
}

export function createKvStorage(options: KvStorageOptions): KvStorage {
  return new KvStorage(options);
}

export class KvStorage implements Storage {
  readonly #kv: Kv;
  readonly #leases: TtlLeases;
  readonly #revisions: RevisionReader;
  readonly #keyPrefix: string;
  readonly #namespaced: boolean;
  readonly #writes: WritesUnderWay | undefined;

  constructor(options: KvStorageOptions) {
    this.#kv = options.kv;
    this.#leases = new TtlLeases(options.kv.leases, options.clock);
    this.#revisions = new RevisionReader(options.kv, options.keyPrefix);
    this.#keyPrefix = options.keyPrefix;
    this.#namespaced = options.namespaced;
    this.#writes = options.writes;
  }

  async create(
    key: string,
    object: KubeObject,
    options: { ttlSeconds?: number } = {},
  ): Promise<StoredObject> {
    const value = encodeObject(object);
    const written = await this.#put({
      key,
      value,
      object,
      expected: undefined,
      ttlSeconds: options.ttlSeconds,
    });
    if (written instanceof StoredObject) return written;
    throw keyExists(key);
  }

  async get(key: string, options: { resourceVersion?: string } = {}): Promise<StoredObject> {
    const text = options.resourceVersion ?? "";
    const minimum = parseResourceVersion(text);
    const answer = await this.#range(key, text === "0");
    if (answer.revision < minimum) throw tooLargeResourceVersion(text, answer.revision);
    if (answer.stored === undefined) throw keyNotFound(key);
    return answer.stored;
  }

  list(prefix: string, options: ListOptions): Promise<StoredList> {
    return listFromKv(this.#kv, prefix, options, this.singleKey(prefix, options.predicate.name));
  }

  /** Whether the store still knows how it was at `revision`: it has not compacted it. Asks this member alone. */
  async keeps(revision: Revision): Promise<boolean> {
    const query = { key: utf8(this.#keyPrefix), revision, countOnly: true, serializable: true };
    try {
      await this.#kv.range(query);
      return true;
    } catch (error) {
      if (error instanceof KvError && error.code === "COMPACTED") return false;
      throw storageErrorOf(error, this.#keyPrefix);
    }
  }

  /** The one key that a selection by name can match, where the prefix leaves only one. */
  singleKey(prefix: string, name: string | undefined): string | undefined {
    if (name === undefined || (this.#namespaced && prefix === this.#keyPrefix)) return undefined;
    return prefix + name;
  }

  async guaranteedUpdate(
    key: string,
    update: UpdateObject,
    options: { createIfMissing?: boolean; ttlSeconds?: number } = {},
  ): Promise<Stored & { created: boolean }> {
    const { stored, created } = await this.update(key, update, options);
    return new Written(stored, created);
  }

  /** `guaranteedUpdate`, answering our own form. `cached`: a copy that may be stale, to try with before anything is read. */
  async update(
    key: string,
    update: UpdateObject,
    options: { createIfMissing?: boolean; ttlSeconds?: number; cached?: StoredObject | undefined } = {},
  ): Promise<Updated> {
    let current = options.cached;
    let fresh = false;
    for (;;) {
      if (current === undefined && !fresh) {
        current = (await this.#range(key, false)).stored;
        fresh = true;
      }
      if (current === undefined && options.createIfMissing !== true) throw keyNotFound(key);
      const attempt = await this.#attempt({ key, current, fresh, update, ttlSeconds: options.ttlSeconds });
      if (attempt.done !== undefined) return attempt.done;
      current = attempt.next;
      fresh = attempt.fresh;
    }
  }

  async #attempt(at: {
    key: string;
    current: StoredObject | undefined;
    fresh: boolean;
    update: UpdateObject;
    ttlSeconds: number | undefined;
  }): Promise<{ done?: Updated; next?: StoredObject | undefined; fresh: boolean }> {
    const { key, current } = at;
    let object: KubeObject;
    try {
      object = await at.update(current);
    } catch (error) {
      // A refusal of a stale copy says nothing about the object as it is now.
      if (at.fresh) throw error;
      const latest = (await this.#range(key, false)).stored;
      if (latest !== undefined && latest.revision === current?.revision) throw error;
      return { next: latest, fresh: true };
    }
    const value = encodeObject(object);
    if (current?.holds(value)) {
      const isSure = at.fresh && this.#kv.isStale === undefined;
      const latest = isSure ? { stored: current, isStale: false } : await this.#range(key, false);
      if (latest.stored?.revision !== current.revision) return { next: latest.stored, fresh: true };
      if (!latest.isStale) return { done: { stored: current, created: false }, fresh: true };
    }
    const written = await this.#put({ key, value, object, expected: current, ttlSeconds: at.ttlSeconds });
    if (written instanceof StoredObject)
      return { done: { stored: written, created: current === undefined }, fresh: true };
    return { next: written.found, fresh: true };
  }

  async delete(
    key: string,
    validate?: (current: Stored) => void | Promise<void>,
    options: { cached?: StoredObject | undefined } = {},
  ): Promise<StoredObject> {
    let current = options.cached;
    let fresh = current === undefined;
    if (current === undefined) current = (await this.#range(key, false)).stored;
    for (;;) {
      if (current === undefined) throw keyNotFound(key);
      try {
        await validate?.(current);
      } catch (error) {
        if (fresh) throw error;
        const latest: StoredObject | undefined = (await this.#range(key, false)).stored;
        if (latest?.revision === current.revision) throw error;
        current = latest;
        fresh = true;
        continue;
      }
      const bytes = utf8(key);
      const result = await this.#txn(
        key,
        [{ key: bytes, target: "mod", result: "equal", revision: current.revision }],
        [{ type: "delete", key: bytes }],
      );
      if (result.succeeded) return current.at(result.header.revision);
      current = foundIn(result, key);
      fresh = true;
    }
  }

  watch(prefix: string, options: WatchOptions, sink: WatchSink): StorageWatch {
    const match = options.resourceVersion === "" || options.resourceVersion === "0" ? "" : "NotOlderThan";
    const key = this.singleKey(prefix, options.predicate.name);
    return watchKv(this.#kv, { key: key ?? prefix, single: key !== undefined }, options, sink, () =>
      this.list(prefix, {
        predicate: options.predicate,
        resourceVersion: options.resourceVersion,
        resourceVersionMatch: match,
        limit: 0,
        continue: "",
      }),
    );
  }

  async count(prefix: string): Promise<number> {
    try {
      const key = utf8(prefix);
      const answer = await this.#kv.range({
        key,
        rangeEnd: prefixEnd(key),
        countOnly: true,
        serializable: true,
      });
      return answer.count;
    } catch (error) {
      throw storageErrorOf(error, prefix);
    }
  }

  async currentResourceVersion(): Promise<string> {
    return String(await this.currentRevision());
  }

  currentRevision(): Promise<Revision> {
    return this.#revisions.read();
  }

  async close(): Promise<void> {}

  async #range(
    key: string,
    serializable: boolean,
  ): Promise<{ stored: StoredObject | undefined; isStale: boolean; revision: Revision }> {
    try {
      const answer = await this.#kv.range({ key: utf8(key), serializable });
      const kv = answer.kvs[0];
      return {
        stored: kv === undefined ? undefined : StoredObject.of(kv, key),
        isStale: kv !== undefined && this.#kv.isStale?.(kv) === true,
        revision: answer.header.revision,
      };
    } catch (error) {
      throw storageErrorOf(error, key);
    }
  }

  /** Writes if the key is still as expected (undefined: not there); else answers what was found. */
  async #put(write: Write): Promise<StoredObject | { found: StoredObject | undefined }> {
    const underWay = this.#writes?.begin(write.key, write.value, write.object);
    try {
      return await this.#tryPut(write);
    } finally {
      if (underWay !== undefined) this.#writes?.end(underWay);
    }
  }

  async #tryPut(write: Write): Promise<StoredObject | { found: StoredObject | undefined }> {
    const key = utf8(write.key);
    const compare: Compare = {
      key,
      target: "mod",
      result: "equal",
      revision: write.expected?.revision ?? (0 as Revision),
    };
    for (let attempt = 0; ; attempt++) {
      try {
        // Without a time of its own an object keeps the one that it has.
        const lease =
          write.ttlSeconds === undefined
            ? (write.expected?.lease ?? noLease)
            : await this.#leases.leaseFor(write.ttlSeconds);
        const result = await this.#kv.txn({
          compare: [compare],
          success: [{ type: "put", key, value: write.value, lease }],
          failure: [{ type: "range", key }],
        });
        if (!result.succeeded) return { found: foundIn(result, write.key) };
        const at = { key: write.key, value: write.value, revision: result.header.revision, lease };
        return StoredObject.from(write.object, at);
      } catch (error) {
        // A shared lease may be revoked under us (by hand, or by a clock that jumped): once more with a new one.
        const leaseGone = error instanceof KvError && error.code === "LEASE_NOT_FOUND";
        if (!leaseGone || write.ttlSeconds === undefined || attempt > 0)
          throw storageErrorOf(error, write.key);
        this.#leases.forget(write.ttlSeconds);
      }
    }
  }

  async #txn(key: string, compare: Compare[], success: Op[]): Promise<TxnResult> {
    try {
      return await this.#kv.txn({ compare, success, failure: [{ type: "range", key: utf8(key) }] });
    } catch (error) {
      throw storageErrorOf(error, key);
    }
  }
}

/** What a failed transaction read instead. */
function foundIn(result: TxnResult, key: string): StoredObject | undefined {
  const answer = result.results[0];
  const kv: KeyValue | undefined = answer?.type === "range" ? answer.kvs[0] : undefined;
  return kv === undefined ? undefined : StoredObject.of(kv, key);
}
