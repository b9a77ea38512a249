import type { KubeObject } from "../../apimachinery/index.ts";
import type { RbacKind, RbacPolicy } from "../../auth/index.ts";
import type { Clock } from "../../platform/index.ts";
import { type Registry, selectionPredicate } from "../../registry/index.ts";
import type { StorageEvent, StorageWatch } from "../../storage/index.ts";
import type { ServerLog } from "../log.ts";

const resources: Readonly<Record<RbacKind, string>> = {
  Role: "roles",
  ClusterRole: "clusterroles",
  RoleBinding: "rolebindings",
  ClusterRoleBinding: "clusterrolebindings",
};

/** Between a watch that broke and the next try. Milliseconds. */
const retryMs = 100;

/** Keeps a policy as the watch caches say. */
export interface PolicyFeed {
  /** The policy knows all there is. Stays open when the feed is closed before. */
  readonly synced: Promise<void>;
  close(): void;
}

export function feedPolicy(
  policy: RbacPolicy,
  { registry, clock, log }: { readonly registry: Registry; readonly clock: Clock; readonly log: ServerLog },
): PolicyFeed {
  const feeds = (Object.keys(resources) as RbacKind[]).map(
    (kind) => new KindFeed(kind, { policy, registry, clock, log }),
  );
  return {
    synced: Promise.all(feeds.map(({ synced }) => synced)).then(() => {}),
    close: () => {
      for (const feed of feeds) feed.close();
    },
  };
}

interface FeedDeps {
  readonly policy: RbacPolicy;
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: ServerLog;
}

/** One kind: what there is, and from then on every change. After a break the policy keeps what it knows until all is known anew. */
class KindFeed {
  readonly synced: Promise<void>;
  readonly #kind: RbacKind;
  readonly #deps: FeedDeps;
  #resolveSynced: () => void = () => {};
  #watch: StorageWatch | undefined;
  #closed = false;

  constructor(kind: RbacKind, deps: FeedDeps) {
    this.#kind = kind;
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
    const at = { group: "rbac.authorization.k8s.io", version: "v1", resource: resources[this.#kind] };
    const handler = registry.resource(at);
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
          log.error("the authorizer lost its watch", { resource: at.resource, error: error?.message ?? "" });
          clock.after(retryMs, () => this.#start(), { background: true });
        },
      },
    );
  }

  /** `initial` collects until the end of what there was is told; undefined from then on. */
  #take(event: StorageEvent, initial: KubeObject[] | undefined): KubeObject[] | undefined {
    const { policy } = this.#deps;
    if (event.type === "BOOKMARK") {
      if (!event.initialEventsEnd || initial === undefined) return initial;
      policy.replace(this.#kind, initial);
      this.#resolveSynced();
      return undefined;
    }
    const { object } = event.stored;
    if (initial !== undefined) {
      initial.push(object);
      return initial;
    }
    if (event.type === "DELETED") policy.delete(this.#kind, object);
    else policy.set(this.#kind, object);
    return undefined;
  }
}
