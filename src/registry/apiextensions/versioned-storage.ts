import type { KubeObject } from "../../apimachinery/index.ts";
import type {
  ListOptions,
  SelectionPredicate,
  Storage,
  StorageWatch,
  Stored,
  StoredList,
  WatchOptions,
  WatchSink,
} from "../../storage/index.ts";
import { Written } from "../../storage/index.ts";
import { transientObject } from "../transient.ts";
import { type Convert, fitToSchema, readStored, type VersionForm } from "./conversion.ts";
import { ConvertingSink } from "./converting-sink.ts";

export interface VersionedStorageOptions {
  /** Keeps objects in any version that was ever stored. */
  readonly inner: Storage;
  /** The one that readers and writers speak. */
  readonly served: VersionForm;
  /** The one that is written to the store. */
  readonly stored: VersionForm;
  /** All of the CRD, by apiVersion: what stands in the store may be of any. */
  readonly versions: ReadonlyMap<string, VersionForm>;
  readonly convert: Convert;
  /** It asks somebody: what an object is in another version is known later. */
  readonly asks: boolean;
}

/**
 * The store of a custom kind as one of its versions sees it. Whatever is read is pruned and defaulted by the schema of the version it is
 * stored in, then converted; whatever is written is converted first. Each stored revision is looked at once, for everybody; where nothing
 * has to be changed, its very bytes are handed on.
 */
export class VersionedStorage implements Storage {
  readonly #inner: Storage;
  readonly #options: VersionedStorageOptions;
  readonly #shown = new WeakMap<Stored, Stored | Promise<Stored>>();
  readonly #objects = new WeakMap<KubeObject, KubeObject>();
  readonly #watches = new Set<{ readonly watch: StorageWatch; readonly sink: WatchSink }>();

  constructor(options: VersionedStorageOptions) {
    this.#inner = options.inner;
    this.#options = options;
  }

  #show(stored: Stored): Stored | Promise<Stored> {
    let shown = this.#shown.get(stored);
    if (shown === undefined) {
      shown = this.#convert(stored);
      this.#shown.set(stored, shown);
      // A webhook that fails is asked again by the next reader.
      if (shown instanceof Promise) shown.catch(() => this.#shown.delete(stored));
    }
    return shown;
  }

  #convert(stored: Stored): Stored | Promise<Stored> {
    const { served, versions, convert } = this.#options;
    const apiVersion = stored.object.apiVersion ?? "";
    const read = readStored(stored.object, versions.get(apiVersion));
    if (apiVersion === served.apiVersion) return this.#finish(stored, read);
    const converted = convert(read, served.apiVersion);
    const fitted = (object: KubeObject): Stored => {
      const next = { ...object, metadata: { ...object.metadata } };
      fitToSchema(next, served.root);
      return this.#finish(stored, next);
    };
    return converted instanceof Promise ? converted.then(fitted) : fitted(converted);
  }

  #finish(stored: Stored, object: KubeObject): Stored {
    const { form } = this.#options.served;
    const next = transientObject(stored.key, form.canonicalize(object));
    return Buffer.from(next.json()).equals(stored.json()) ? stored : next;
  }

  async #toStored(object: KubeObject): Promise<KubeObject> {
    const { served, stored, convert } = this.#options;
    if (served.apiVersion === stored.apiVersion) return object;
    const { resourceVersion, ...metadata } = object.metadata;
    const converted = await convert({ ...object, metadata }, stored.apiVersion);
    const next = { ...converted, metadata: { ...converted.metadata } };
    if (resourceVersion !== undefined) next.metadata.resourceVersion = resourceVersion;
    fitToSchema(next, stored.root);
    return stored.form.canonicalize(next);
  }

  async create(key: string, object: KubeObject, options?: { ttlSeconds?: number }): Promise<Stored> {
    return this.#show(await this.#inner.create(key, await this.#toStored(object), options));
  }

  async get(key: string, options?: { resourceVersion?: string }): Promise<Stored> {
    return this.#show(await this.#inner.get(key, options));
  }

  async list(prefix: string, options: ListOptions): Promise<StoredList> {
    if (this.#options.asks && !options.predicate.empty) return this.#listShown(prefix, options);
    const list = await this.#inner.list(prefix, { ...options, predicate: this.#selects(options.predicate) });
    return { ...list, items: await this.#showAll(list.items) };
  }

  /** Selects among what is shown, page after page until there is enough. */
  async #listShown(prefix: string, options: ListOptions): Promise<StoredList> {
    const { predicate, limit } = options;
    const items: Stored[] = [];
    let asked: ListOptions = { ...options, predicate: everyOne(predicate) };
    for (;;) {
      const page = await this.#inner.list(prefix, asked);
      for (const shown of await this.#showAll(page.items))
        if (predicate.matches(shown.object)) items.push(shown);
      if (page.continue === "" || items.length >= limit)
        return { ...page, items, remainingItemCount: undefined };
      asked = {
        ...asked,
        resourceVersion: "",
        resourceVersionMatch: "",
        continue: page.continue,
        limit: limit - items.length,
      };
    }
  }

  #showAll(items: readonly Stored[]): readonly Stored[] | Promise<readonly Stored[]> {
    const shown = items.map((item) => this.#show(item));
    return shown.some((item) => item instanceof Promise)
      ? Promise.all(shown)
      : (shown as unknown as readonly Stored[]);
  }

  /** Selects by what clients see, which nobody else has to be asked for. */
  #selects(predicate: SelectionPredicate): SelectionPredicate {
    if (predicate.empty) return predicate;
    // Labels are part of what a conversion may change.
    const { matchesAttributes: _, ...others } = predicate;
    return { ...others, matches: (object) => predicate.matches(this.#seen(object)) };
  }

  #seen(object: KubeObject): KubeObject {
    let seen = this.#objects.get(object);
    if (seen === undefined) {
      const { served, versions, convert } = this.#options;
      const read = readStored(object, versions.get(object.apiVersion ?? ""));
      const isServed = object.apiVersion === served.apiVersion;
      seen = isServed ? read : (convert(read, served.apiVersion) as KubeObject);
      this.#objects.set(object, seen);
    }
    return seen;
  }

  async guaranteedUpdate(
    key: string,
    update: (current: Stored | undefined) => KubeObject | Promise<KubeObject>,
    options?: { createIfMissing?: boolean; ttlSeconds?: number },
  ): Promise<Stored & { created: boolean }> {
    const written = await this.#inner.guaranteedUpdate(
      key,
      async (current) => this.#toStored(await update(current && (await this.#show(current)))),
      options,
    );
    return new Written(await this.#show(written), written.created);
  }

  async delete(key: string, validate?: (current: Stored) => void | Promise<void>): Promise<Stored> {
    const removed = await this.#inner.delete(
      key,
      validate && (async (current) => validate(await this.#show(current))),
    );
    return this.#show(removed);
  }

  watch(prefix: string, options: WatchOptions, sink: WatchSink): StorageWatch {
    const selectsShown = this.#options.asks && !options.predicate.empty;
    const predicate = selectsShown ? everyOne(options.predicate) : this.#selects(options.predicate);
    const converting = new ConvertingSink({
      sink,
      show: (stored) => this.#show(stored),
      select: selectsShown ? (stored) => options.predicate.matches(stored.object) : undefined,
    });
    const watch = this.#inner.watch(prefix, { ...options, predicate }, converting);
    const open = { watch, sink: converting };
    this.#watches.add(open);
    converting.onEnd(() => this.#watches.delete(open));
    return {
      close: () => {
        this.#watches.delete(open);
        watch.close();
      },
    };
  }

  /** Ends all watches, whose clients come back. */
  endWatches(): void {
    for (const { watch, sink } of [...this.#watches]) {
      watch.close();
      sink.onClosed(undefined);
    }
    this.#watches.clear();
  }

  count(prefix: string): Promise<number> {
    return this.#inner.count(prefix);
  }

  currentResourceVersion(): Promise<string> {
    return this.#inner.currentResourceVersion();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

/** A selection that leaves to somebody else what it is by, but for the one name that nobody may change. */
function everyOne({ name }: SelectionPredicate): SelectionPredicate {
  if (name === undefined) return { matches: () => true, empty: true };
  return { matches: ({ metadata }) => metadata.name === name, empty: false, name };
}
