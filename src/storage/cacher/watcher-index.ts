import type { Revision } from "../../base/index.ts";
import type { Change } from "../change.ts";
import type { FieldIndexes, SelectionPredicate, StorageEvent, WatchSink } from "../ports.ts";

/** A watch served from memory. */
export interface Watcher {
  readonly predicate: SelectionPredicate;
  readonly sink: WatchSink;
  readonly bookmarks: boolean;
  /** Everything up to here was delivered, or is not wanted. */
  seen: Revision;
}

/** Watchers that see the same changes before their predicates. */
interface Scope {
  readonly watchers: Set<Watcher>;
  /** Changes of the batch being delivered. */
  pending: Change[];
}

/**
 * Finds who is concerned by a change without asking everybody: watchers stand under one object's key, one namespace, one value of
 * an indexed field, or the whole resource. A thousand node agents that each watch their own pods cost a pod's change one look-up.
 */
export class WatcherIndex {
  readonly #keyPrefix: string;
  readonly #namespaced: boolean;
  readonly #indexes: FieldIndexes;
  /** By `key`, by `prefix namespace /`, by prefix; and by `field NUL value`. */
  readonly #scopes = new Map<string, Scope>();
  readonly #scopeOf = new Map<Watcher, string>();
  /** How many watchers stand under each field: an index nobody uses is not computed. */
  readonly #fieldUse = new Map<string, number>();

  constructor(options: { keyPrefix: string; namespaced: boolean; indexes: FieldIndexes }) {
    this.#keyPrefix = options.keyPrefix;
    this.#namespaced = options.namespaced;
    this.#indexes = options.indexes;
  }

  get size(): number {
    return this.#scopeOf.size;
  }

  watchers(): IterableIterator<Watcher> {
    return this.#scopeOf.keys();
  }

  has(watcher: Watcher): boolean {
    return this.#scopeOf.has(watcher);
  }

  /** `singleKey`: the only key that the watcher can see. */
  add(watcher: Watcher, prefix: string, singleKey: string | undefined): void {
    const name = singleKey ?? this.#indexedScope(watcher.predicate, prefix) ?? prefix;
    let scope = this.#scopes.get(name);
    if (scope === undefined) {
      scope = { watchers: new Set(), pending: [] };
      this.#scopes.set(name, scope);
    }
    scope.watchers.add(watcher);
    this.#scopeOf.set(watcher, name);
    const field = fieldOf(name);
    if (field !== undefined) this.#fieldUse.set(field, (this.#fieldUse.get(field) ?? 0) + 1);
  }

  delete(watcher: Watcher): boolean {
    const name = this.#scopeOf.get(watcher);
    if (name === undefined) return false;
    this.#scopeOf.delete(watcher);
    const scope = this.#scopes.get(name);
    scope?.watchers.delete(watcher);
    if (scope?.watchers.size === 0) this.#scopes.delete(name);
    const field = fieldOf(name);
    if (field === undefined) return true;
    const left = (this.#fieldUse.get(field) ?? 1) - 1;
    if (left === 0) this.#fieldUse.delete(field);
    else this.#fieldUse.set(field, left);
    return true;
  }

  /** Hands a batch to everybody concerned, each watcher's events in one call. `refused`: those that had no room. */
  deliver(changes: readonly Change[], refused: (watcher: Watcher) => void): void {
    if (this.#scopes.size === 0) return;
    const touched: Scope[] = [];
    for (const change of changes) this.#addPending(change, touched);
    for (const scope of touched) {
      const { pending } = scope;
      scope.pending = [];
      deliverScope(scope, pending, refused);
    }
  }

  #addPending(change: Change, touched: Scope[]): void {
    const key = (change.current ?? change.previous)?.key as string;
    this.#touch(this.#keyPrefix, change, touched);
    this.#touch(key, change, touched);
    if (this.#namespaced) this.#touch(key.slice(0, key.lastIndexOf("/") + 1), change, touched);
    for (const field of this.#fieldUse.keys()) {
      const now = change.current?.attributes?.indexed[field];
      const before = change.previous?.attributes?.indexed[field];
      if (now !== undefined) this.#touch(`${field}\0${now}`, change, touched);
      if (before !== undefined && before !== now) this.#touch(`${field}\0${before}`, change, touched);
    }
  }

  #touch(name: string, change: Change, touched: Scope[]): void {
    const scope = this.#scopes.get(name);
    if (scope === undefined) return;
    if (scope.pending.length === 0) touched.push(scope);
    scope.pending.push(change);
  }

  /** Only for the whole resource: a namespace is a narrower scope already. */
  #indexedScope(predicate: SelectionPredicate, prefix: string): string | undefined {
    const index = predicate.index;
    if (index === undefined || prefix !== this.#keyPrefix || !Object.hasOwn(this.#indexes, index.field)) {
      return undefined;
    }
    return `${index.field}\0${index.value}`;
  }
}

function fieldOf(scope: string): string | undefined {
  const end = scope.indexOf("\0");
  return end < 0 ? undefined : scope.slice(0, end);
}

function deliverScope(scope: Scope, changes: readonly Change[], refused: (watcher: Watcher) => void): void {
  const firstRevision = (changes[0] as Change).revision;
  let unfiltered: StorageEvent[] | undefined;
  for (const watcher of scope.watchers) {
    let events: StorageEvent[];
    if (watcher.predicate.empty && watcher.seen < firstRevision) {
      unfiltered ??= selectEvents(changes, watcher);
      events = unfiltered;
    } else {
      events = selectEvents(changes, watcher);
    }
    if (events.length > 0 && !watcher.sink.onEvents(events)) refused(watcher);
  }
}

/** What a watcher sees of changes, those it has seen already left out. */
export function selectEvents(
  changes: readonly Change[],
  watcher: Pick<Watcher, "predicate" | "seen">,
): StorageEvent[] {
  const events: StorageEvent[] = [];
  for (const change of changes) {
    if (change.revision <= watcher.seen) continue;
    const event = change.seenThrough(watcher.predicate);
    if (event !== undefined) events.push(event);
  }
  return events;
}
