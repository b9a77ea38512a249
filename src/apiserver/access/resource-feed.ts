import type { GroupVersionResource, KubeObject } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import { type Registry, selectionPredicate } from "../../registry/index.ts";
import type { StorageEvent, StorageWatch } from "../../storage/index.ts";
import type { ServerLog } from "../log.ts";

/** Between a watch that broke and the next try. Milliseconds. */
const retryMs = 100;

/** Who is told of all objects of a resource, synchronously and in order. */
export interface FeedTarget {
  /** All there are, at the beginning and after contact was lost. */
  replace(objects: readonly KubeObject[]): void;
  set(object: KubeObject): void;
  delete(object: KubeObject): void;
}

export interface FeedDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: ServerLog;
}

/**
 * One resource from its watch cache: what there is, and from then on every change. After a break the target keeps what it knows until all is
 * known anew.
 */
export class ResourceFeed {
  /** The target knows all there is. Stays open when the feed is closed before. */
  readonly synced: Promise<void>;
  readonly #resource: GroupVersionResource;
  readonly #target: FeedTarget;
  readonly #deps: FeedDeps;
  #resolveSynced: () => void = () => {};
  #watch: StorageWatch | undefined;
  #closed = false;

  constructor(resource: GroupVersionResource, target: FeedTarget, deps: FeedDeps) {
    this.#resource = resource;
    this.#target = target;
    this.#deps = deps;
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve;
    });
    this.#start();
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  #start(): void {
    if (this.#closed) return;
    const { registry, clock, log } = this.#deps;
    const handler = registry.resource(this.#resource);
    if (handler?.watch === undefined) return this.#resolveSynced();
    const options = {
      predicate: selectionPredicate(handler.strategy, { labelSelector: "", fieldSelector: "" }),
      resourceVersion: "",
      allowBookmarks: true,
      sendInitialEvents: true,
    };
    let initial: KubeObject[] | undefined = [];
    this.#watch = handler.watch(
      { namespace: "", options },
      {
        onEvents: (events) => {
          for (const event of events) initial = this.#take(event, initial);
          return true;
        },
        onClosed: (error) => {
          if (this.#closed) return;
          const { resource } = this.#resource;
          log.error("the authorizer lost its watch", { resource, error: error?.message ?? "" });
          clock.after(retryMs, () => this.#start(), { background: true });
        },
      },
    );
  }

  /** `initial` collects until the end of what there was is told; undefined from then on. */
  #take(event: StorageEvent, initial: KubeObject[] | undefined): KubeObject[] | undefined {
    if (event.type === "BOOKMARK") {
      if (!event.initialEventsEnd || initial === undefined) return initial;
      this.#target.replace(initial);
      this.#resolveSynced();
      return undefined;
    }
    const { object } = event.stored;
    if (initial !== undefined) {
      initial.push(object);
      return initial;
    }
    if (event.type === "DELETED") this.#target.delete(object);
    else this.#target.set(object);
    return undefined;
  }
}
