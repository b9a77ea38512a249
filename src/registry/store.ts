import type { GroupVersionKind, GroupVersionResource, KubeObject } from "../apimachinery/index.ts";
import type { Random } from "../platform/index.ts";
import type { KindForm, ResourceInfo } from "../schema/index.ts";
import {
  type Storage,
  StorageError,
  type StorageWatch,
  type Stored,
  type StoredList,
  type WatchOptions,
  type WatchSink,
} from "../storage/index.ts";
import type { RequestContext } from "./context.ts";
import { createObject } from "./create.ts";
import { deleteObject, isGone, warnOfPropagation } from "./delete.ts";
import { statusOf } from "./failures.ts";
import { listPrefix, objectKey } from "./keys.ts";
import type {
  CreateOptions,
  DeleteOptions,
  DeleteResult,
  EquivalentForm,
  ListQuery,
  NextObject,
  ResourceHandler,
  UpdateOptions,
  Verb,
} from "./ports.ts";
import { apiVersionOf, type StoreParts } from "./store-parts.ts";
import type { Strategy } from "./strategy.ts";
import { updateObject } from "./update.ts";

/** Deletions of one deletecollection that run at the same time. */
const deleteWorkers = 8;

export interface GenericStoreOptions {
  readonly info: ResourceInfo;
  /** What its objects are stored as. */
  readonly form: KindForm;
  readonly strategy: Strategy;
  readonly storage: Storage;
  /** Ends in a slash. */
  readonly keyPrefix: string;
  readonly random: Random;
  /** Other versions of its objects; none by default. */
  readonly equivalents?: () => readonly EquivalentForm[];
}

/**
 * The generic store: every verb of a resource over `Storage`, with the kind's rules taken from its Strategy. What
 * k8s.io/apiserver/pkg/registry/generic/registry Store is upstream. It decides names, identity, times, optimistic locking,
 * graceful deletion and finalizers; it never looks at spec or status.
 */
export class GenericStore implements ResourceHandler, StoreParts {
  readonly resource: GroupVersionResource;
  readonly info: ResourceInfo;
  readonly subresource = "";
  readonly kind: GroupVersionKind;
  readonly form: KindForm;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly verbs: readonly Verb[];
  readonly strategy: Strategy;
  readonly rules: Strategy;
  readonly storage: Storage;
  readonly keyPrefix: string;
  readonly random: Random;
  readonly #equivalents: () => readonly EquivalentForm[];

  constructor(options: GenericStoreOptions) {
    const { group, version, resource } = options.info;
    this.resource = { group, version, resource };
    this.info = options.info;
    this.kind = options.form.kind;
    this.form = options.form;
    this.apiVersion = apiVersionOf(this.kind);
    this.namespaced = options.strategy.namespaced;
    this.verbs = options.info.verbs as readonly Verb[];
    this.strategy = options.strategy;
    this.rules = options.strategy;
    this.storage = options.storage;
    this.keyPrefix = options.keyPrefix;
    this.random = options.random;
    this.#equivalents = options.equivalents ?? (() => []);
  }

  get equivalents(): readonly EquivalentForm[] {
    return this.#equivalents();
  }

  async get(
    name: string,
    context: RequestContext,
    options: { resourceVersion?: string } = {},
  ): Promise<Stored> {
    try {
      return await this.storage.get(objectKey(this, context.namespace, name), options);
    } catch (error) {
      throw statusOf(error, { resource: this.resource, verb: "get", name, ...options });
    }
  }

  async read(key: string): Promise<Stored | undefined> {
    try {
      return await this.storage.get(key);
    } catch (error) {
      if (error instanceof StorageError && error.code === "KEY_NOT_FOUND") return undefined;
      throw statusOf(error, { resource: this.resource, verb: "get" });
    }
  }

  async list(query: ListQuery, _context: RequestContext): Promise<StoredList> {
    try {
      return await this.storage.list(listPrefix(this, query.namespace), query);
    } catch (error) {
      throw statusOf(error, {
        resource: this.resource,
        verb: "list",
        resourceVersion: query.resourceVersion,
      });
    }
  }

  watch(query: { namespace: string; options: WatchOptions }, sink: WatchSink): StorageWatch {
    try {
      return this.storage.watch(listPrefix(this, query.namespace), query.options, sink);
    } catch (error) {
      throw statusOf(error, {
        resource: this.resource,
        verb: "watch",
        resourceVersion: query.options.resourceVersion,
      });
    }
  }

  create(object: KubeObject, context: RequestContext, options: CreateOptions): Promise<Stored> {
    return createObject(this, object, context, options);
  }

  update(
    name: string,
    next: NextObject,
    context: RequestContext,
    options: UpdateOptions,
  ): Promise<Stored & { created: boolean }> {
    return updateObject(this, this.strategy, name, next, context, options);
  }

  delete(name: string, context: RequestContext, options: DeleteOptions): Promise<DeleteResult> {
    return deleteObject(this, name, context, options);
  }

  /** Lists, then deletes what was listed, a few at a time; answers the list as it was. The first failure ends it. */
  async deleteCollection(
    query: ListQuery,
    context: RequestContext,
    options: DeleteOptions,
  ): Promise<StoredList> {
    warnOfPropagation(this, context, options);
    const list = await this.list(query, context);
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < list.items.length) {
        const { metadata } = (list.items[next++] as Stored).object;
        const scope = { ...context, namespace: metadata.namespace ?? "" };
        await this.delete(metadata.name ?? "", scope, options).catch((error) => {
          if (!isGone(error)) throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: Math.min(deleteWorkers, list.items.length) }, work));
    return list;
  }
}
