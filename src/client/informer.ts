import type { KubeObject } from "../apimachinery/index.ts";
import type { Clock, Random } from "../platform/index.ts";
import { errorText, type Log } from "./log.ts";
import type { Client, ResourceScope } from "./ports.ts";
import { runReflector } from "./reflector.ts";
import { type IndexFunction, keyOf, type Lister, Store } from "./store.ts";

/**
 * Told of every change, after the store has it, in the order of the changes, synchronously. `update` also comes for
 * objects that a relist shows again with another resourceVersion.
 */
export interface InformerHandler<T extends KubeObject> {
  /** `initial`: it was there before this handler was. */
  add?(object: T, initial: boolean): void;
  update?(next: T, old: T): void;
  /** `object` is the last state known, which may be older than the last one there was. */
  delete?(object: T): void;
}

/** One resource, watched once, read by many. */
export interface Informer<T extends KubeObject = KubeObject> {
  readonly lister: Lister<T>;
  /** Calls `add` for everything already known. The answer takes the handler away. */
  addHandler(handler: InformerHandler<T>): () => void;
  /** Before or after start; an index of that name that is there already stays. */
  addIndex(name: string, file: IndexFunction<T>): void;
  /** The first list has been delivered. Never rejects; stays open when the informer is stopped before. */
  readonly synced: Promise<void>;
  readonly hasSynced: boolean;
  /** Starts watching until the signal fires; later calls do nothing. */
  start(signal: AbortSignal): void;
}

export interface InformerOptions<T extends KubeObject = KubeObject> {
  readonly client: Client;
  readonly scope: ResourceScope;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly streamingList?: boolean;
  /**
   * What is kept of an object and shown to handlers; all but its managedFields when left out. Keeps the identifying metadata. As client-go's
   * SetTransform.
   */
  readonly transform?: (object: T) => T;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

/** A shared informer without resync: handlers hear of changes only. */
export function createInformer<T extends KubeObject = KubeObject>(options: InformerOptions<T>): Informer<T> {
  const keep = options.transform ?? withoutManagedFields;
  const store = new Store<T>();
  const handlers = new Set<InformerHandler<T>>();
  let started = false;
  let hasSynced = false;
  let resolveSynced: () => void = () => {};
  const synced = new Promise<void>((resolve) => {
    resolveSynced = resolve;
  });

  /** One handler's mistake must not keep the others from hearing. */
  function tell(call: (handler: InformerHandler<T>) => void): void {
    for (const handler of handlers) {
      try {
        call(handler);
      } catch (error) {
        options.log.error("an informer's handler failed", {
          resource: options.scope.resource,
          error: error instanceof Error ? (error.stack ?? error.message) : errorText(error),
        });
      }
    }
  }

  function put(object: T, initial: boolean): void {
    const old = store.put(keyOf(object), object);
    if (old !== undefined && old.metadata.uid === object.metadata.uid) {
      if (old.metadata.resourceVersion === object.metadata.resourceVersion) return;
      tell((handler) => handler.update?.(object, old));
      return;
    }
    // Deleted and made anew between two looks: owners of the old one must hear of both.
    if (old !== undefined) tell((handler) => handler.delete?.(old));
    tell((handler) => handler.add?.(object, initial));
  }

  function remove(key: string, last?: T): void {
    const old = store.delete(key);
    if (old !== undefined) tell((handler) => handler.delete?.(last ?? old));
  }

  return {
    lister: store,
    synced,
    get hasSynced() {
      return hasSynced;
    },
    addIndex: (name, file) => store.addIndex(name, file),
    addHandler(handler) {
      handlers.add(handler);
      for (const object of store.list()) handler.add?.(object, true);
      return () => handlers.delete(handler);
    },
    start(signal) {
      if (started) return;
      started = true;
      void runReflector<T>({
        ...options,
        signal,
        sink: {
          replace(items) {
            const seen = new Set<string>();
            for (const item of items) seen.add(keyOf(item));
            for (const key of [...store.keys()]) if (!seen.has(key)) remove(key);
            for (const item of items) put(keep(item), !hasSynced);
            hasSynced = true;
            resolveSynced();
          },
          apply(event) {
            const object = keep(event.object);
            if (event.type === "DELETED") remove(keyOf(object), object);
            else put(object, false);
          },
        },
      });
    },
  };
}

/**
 * Who owns which field is half of an object on the heap, and says nothing to those who read from here; the server keeps it for an object
 * that is written without it. The object itself may be the server's own, where that is in this process.
 */
function withoutManagedFields<T extends KubeObject>(object: T): T {
  const { managedFields, ...metadata } = object.metadata;
  return managedFields === undefined ? object : { ...object, metadata };
}

/** What to watch; the same answer shares one informer. */
export interface InformerRequest extends ResourceScope {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

/** Informers of one process, each resource and selection watched once. */
export interface InformerFactory {
  informer<T extends KubeObject = KubeObject>(request: InformerRequest): Informer<T>;
  /** The informer, if somebody asked for it before. */
  peek(request: InformerRequest): Informer | undefined;
  /** Starts all that were asked for, now and later, until the signal fires. */
  start(signal: AbortSignal): void;
  /** Resolves when every informer asked for so far has its first list. */
  synced(): Promise<void>;
}

export function createInformerFactory(options: {
  client: Client;
  clock: Clock;
  random: Random;
  log: Log;
  streamingList?: boolean;
}): InformerFactory {
  const informers = new Map<string, Informer>();
  let running: AbortSignal | undefined;
  const keyOfRequest = (request: InformerRequest): string =>
    JSON.stringify([
      request.group,
      request.version,
      request.resource,
      request.namespace,
      request.labelSelector,
      request.fieldSelector,
    ]);
  return {
    peek: (request) => informers.get(keyOfRequest(request)),
    informer<T extends KubeObject>(request: InformerRequest) {
      const { group, version, resource, namespace, labelSelector, fieldSelector } = request;
      const key = keyOfRequest(request);
      let informer = informers.get(key) as Informer<T> | undefined;
      if (informer === undefined) {
        informer = createInformer<T>({
          ...options,
          scope: { group, version, resource, ...(namespace === undefined ? {} : { namespace }) },
          ...(labelSelector === undefined ? {} : { labelSelector }),
          ...(fieldSelector === undefined ? {} : { fieldSelector }),
        });
        informers.set(key, informer as unknown as Informer);
        if (running !== undefined) informer.start(running);
      }
      return informer;
    },
    start(signal) {
      running = signal;
      for (const informer of informers.values()) informer.start(signal);
    },
    async synced() {
      await Promise.all([...informers.values()].map((informer) => informer.synced));
    },
  };
}
