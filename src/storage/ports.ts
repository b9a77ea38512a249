import type { KubeObject } from "../apimachinery/index.ts";

/**
 * Objects over kv: what `registry` needs of a store, for one resource. Two implementations: straight on kv, and behind the
 * watch cache. Modelled on k8s.io/apiserver/pkg/storage.Interface; failures are `StorageError`s, which the registry turns into Status.
 *
 * Objects handed out are shared and frozen in spirit: never change one, make a new one.
 */
export interface Storage {
  /** @throws KEY_EXISTS */
  create(key: string, object: KubeObject, options?: { ttlSeconds?: number }): Promise<Stored>;
  /** `resourceVersion`: "" the newest (linearizable), "0" any, N at least as new. @throws KEY_NOT_FOUND, TOO_LARGE_RESOURCE_VERSION */
  get(key: string, options?: { resourceVersion?: string }): Promise<Stored>;
  /** @throws EXPIRED, TOO_LARGE_RESOURCE_VERSION, INVALID_CONTINUE, INVALID_RESOURCE_VERSION */
  list(prefix: string, options: ListOptions): Promise<StoredList>;
  /**
   * Reads, lets `update` make the next object (or throw), writes if nothing changed in between, else again. When the result
   * encodes to the same bytes nothing is written. `update` gets undefined where nothing is stored and `createIfMissing` is set.
   * `ttlSeconds` starts its time anew; without it an object keeps the time that it has.
   * @throws KEY_NOT_FOUND, whatever `update` throws
   */
  guaranteedUpdate(
    key: string,
    update: (current: Stored | undefined) => KubeObject | Promise<KubeObject>,
    options?: { createIfMissing?: boolean; ttlSeconds?: number },
  ): Promise<Stored & { created: boolean }>;
  /** Deletes if `validate` does not throw on the current object; answers what was deleted, at the revision of the delete. @throws KEY_NOT_FOUND */
  delete(key: string, validate?: (current: Stored) => void | Promise<void>): Promise<Stored>;
  /** @throws INVALID_RESOURCE_VERSION; everything later arrives as an ERROR event */
  watch(prefix: string, options: WatchOptions, sink: WatchSink): StorageWatch;
  /** How many objects stand under the prefix now, cheaply. */
  count(prefix: string): Promise<number>;
  /** The newest revision of the store, linearizable. */
  currentResourceVersion(): Promise<string>;
  close(): Promise<void>;
}

/**
 * An object at a revision. `object.metadata.resourceVersion` is set. Its JSON is encoded once, when it is written: answers are put together from
 * the bytes that the store holds, and nothing else is kept of them.
 */
export interface Stored {
  readonly key: string;
  readonly object: KubeObject;
  readonly resourceVersion: string;
  /** JSON of `object`, resourceVersion included; the caller's own. */
  json(): Uint8Array;
  /** How many bytes that is. */
  readonly jsonLength: number;
  /** Writes it where an answer has room for it; the position behind it. */
  copyJson(target: Uint8Array, at: number): number;
  /** Whether it begins so. */
  jsonBeginsWith(bytes: Uint8Array): boolean;
}

/** Values by which objects are selected often, computed on an object: `spec.nodeName` of a pod. */
export type FieldIndexes = Readonly<Record<string, (object: KubeObject) => string>>;

/** What most selections decide by: kept of objects that are not decoded. */
export interface Attributes {
  readonly labels: Readonly<Record<string, string>> | undefined;
  /** Values of the indexed fields. */
  readonly indexed: Readonly<Record<string, string>>;
}

/** Label and field selection. */
export interface SelectionPredicate {
  matches(object: KubeObject): boolean;
  /** The same answer where the attributes are enough for it; undefined: the object has to be looked at. */
  matchesAttributes?(attributes: Attributes): boolean | undefined;
  readonly empty: boolean;
  /** With `metadata.name=x` only this key is looked at, where the prefix (a namespace, or a resource without any) leaves only one. */
  readonly name?: string;
  /** A selection by an indexed field (`spec.nodeName=x`): a watcher with one costs nothing when other values change. See `CacherOptions.indexes`. */
  readonly index?: { readonly field: string; readonly value: string };
}

export interface ListOptions {
  readonly predicate: SelectionPredicate;
  /** "" newest, "0" any, N. */
  readonly resourceVersion: string;
  readonly resourceVersionMatch: "" | "Exact" | "NotOlderThan";
  /** 0: all. */
  readonly limit: number;
  readonly continue: string;
}

export interface StoredList {
  readonly items: readonly Stored[];
  readonly resourceVersion: string;
  /** "" at the end. */
  readonly continue: string;
  readonly remainingItemCount: number | undefined;
}

export interface WatchOptions {
  readonly predicate: SelectionPredicate;
  /** "" or "0": the objects there are as ADDED first, then live; N: what happened after N. */
  readonly resourceVersion: string;
  readonly allowBookmarks: boolean;
  /** Streaming list: objects as ADDED, then a BOOKMARK annotated k8s.io/initial-events-end. */
  readonly sendInitialEvents: boolean;
  /** Only what happens from now on: no objects first, though no resourceVersion says since when. */
  readonly fromNow?: boolean;
}

export type StorageEvent =
  | {
      readonly type: "ADDED" | "MODIFIED" | "DELETED";
      readonly stored: Stored;
      /** What a change or a deletion found, for those who select by what they make of it. */
      readonly previous?: Stored;
    }
  | { readonly type: "BOOKMARK"; readonly resourceVersion: string; readonly initialEventsEnd: boolean };

/**
 * Receives a watch in order. `onEvents` answers false when its buffer is full: the watch is then ended with `onClosed`. What a watch
 * begins with (the objects there are, the changes since its revision) comes in one call, however much it is: take it whole. The
 * arrays are shared with other watchers.
 */
export interface WatchSink {
  onEvents(events: readonly StorageEvent[]): boolean;
  /** Undefined: ended without an error (too slow, shut down); the client reconnects. */
  onClosed(error: StorageError | undefined): void;
}

export interface StorageWatch {
  close(): void;
}

export type StorageErrorCode =
  | "KEY_EXISTS"
  | "KEY_NOT_FOUND"
  | "CONFLICT"
  | "EXPIRED"
  | "TOO_LARGE_RESOURCE_VERSION"
  | "INVALID_RESOURCE_VERSION"
  | "INVALID_CONTINUE"
  | "TOO_LARGE"
  | "UNAVAILABLE"
  | "TIMEOUT"
  | "CORRUPT_OBJECT";

export class StorageError extends Error {
  override readonly name = "StorageError";
  readonly code: StorageErrorCode;
  readonly key: string;
  /** With TOO_LARGE_RESOURCE_VERSION the newest; with EXPIRED of a watch the last one forgotten, of a continued list a token to go on inconsistently. */
  readonly details: { readonly resourceVersion?: string; readonly continue?: string };

  constructor(code: StorageErrorCode, key: string, message: string, details: StorageError["details"] = {}) {
    super(message);
    this.code = code;
    this.key = key;
    this.details = details;
  }
}
