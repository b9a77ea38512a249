import type { ConfigurationViews, ObjectView } from "../admission/index.ts";
import type { GroupVersionResource, KubeObject } from "../apimachinery/index.ts";
import { type FeedDeps, ObjectFeed, type ObjectSink } from "./object-feed.ts";

/** What admission plugins are configured by, kept at hand: a request that nothing concerns costs a look at an empty list. */
export class AdmissionViews implements ConfigurationViews {
  readonly #deps: FeedDeps;
  readonly #views = new Map<string, { readonly view: KeptObjects; readonly feed: ObjectFeed }>();
  #unsynced = 0;
  #whenSynced: Promise<void> = Promise.resolve();

  constructor(deps: FeedDeps) {
    this.#deps = deps;
  }

  get synced(): boolean {
    return this.#unsynced === 0;
  }

  get whenSynced(): Promise<void> {
    return this.#whenSynced;
  }

  of(resource: GroupVersionResource): ObjectView {
    const key = `${resource.resource}.${resource.version}.${resource.group}`;
    const present = this.#views.get(key);
    if (present !== undefined) return present.view;
    const view = new KeptObjects();
    const feed = new ObjectFeed(resource, view, this.#deps);
    this.#views.set(key, { view, feed });
    this.#unsynced++;
    feed.synced.then(() => {
      this.#unsynced--;
    });
    const before = this.#whenSynced;
    this.#whenSynced = before.then(() => feed.synced);
    return view;
  }

  close(): void {
    for (const { feed } of this.#views.values()) feed.close();
  }
}

const nothing: readonly KubeObject[] = [];

class KeptObjects implements ObjectView, ObjectSink {
  generation = 0;
  readonly #objects = new Map<string, KubeObject>();
  #sorted: readonly KubeObject[] | undefined = nothing;
  #byNamespace: Map<string, KubeObject[]> | undefined;

  get all(): readonly KubeObject[] {
    this.#sorted ??= [...this.#objects.values()].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
    return this.#sorted;
  }

  inNamespace(namespace: string): readonly KubeObject[] {
    if (this.#objects.size === 0) return nothing;
    this.#byNamespace ??= Map.groupBy(this.all, ({ metadata }) => metadata.namespace ?? "");
    return this.#byNamespace.get(namespace) ?? nothing;
  }

  replace(objects: readonly KubeObject[]): void {
    this.#objects.clear();
    for (const object of objects) this.#objects.set(keyOf(object), object);
    this.#changed();
  }

  set(object: KubeObject): void {
    this.#objects.set(keyOf(object), object);
    this.#changed();
  }

  delete(object: KubeObject): void {
    this.#objects.delete(keyOf(object));
    this.#changed();
  }

  #changed(): void {
    this.generation++;
    this.#sorted = undefined;
    this.#byNamespace = undefined;
  }
}

function keyOf({ metadata: { namespace = "", name = "" } }: KubeObject): string {
  return `${namespace}/${name}`;
}
