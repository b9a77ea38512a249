import type { KubeObject } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Registry } from "../../registry/index.ts";
import type { StorageWatch } from "../../storage/index.ts";

const services = { group: "", version: "v1", resource: "services" };
const endpointSlices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" };
const serviceNameLabel = "kubernetes.io/service-name";
const retryMs = 500;

/** `default/metrics-server` */
export const serviceKey = (namespace: string, name: string): string => `${namespace}/${name}`;

const keyOf = ({ kind, metadata }: KubeObject): string =>
  serviceKey(
    metadata.namespace ?? "",
    (kind === "EndpointSlice" ? metadata.labels?.[serviceNameLabel] : metadata.name) ?? "",
  );

/** Tells of every change of some Services and their EndpointSlices. Nothing is watched before there are any. */
export class ServiceChanges {
  readonly #registry: Registry;
  readonly #clock: Clock;
  readonly #changed: (service: string) => void;
  readonly #watches = new Map<string, StorageWatch>();
  /** Whose changes are told, by `serviceKey`. */
  #wanted: ReadonlySet<string> = new Set();
  #closed = false;

  constructor(deps: { registry: Registry; clock: Clock; changed: (service: string) => void }) {
    this.#registry = deps.registry;
    this.#clock = deps.clock;
    this.#changed = deps.changed;
  }

  follow(wanted: ReadonlySet<string>): void {
    this.#wanted = wanted;
    if (wanted.size === 0) {
      this.#endWatches();
      return;
    }
    for (const resource of [services, endpointSlices])
      if (!this.#watches.has(resource.resource)) this.#watch(resource);
  }

  close(): void {
    this.#closed = true;
    this.#endWatches();
  }

  #endWatches(): void {
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }

  #watch(resource: typeof services): void {
    const matches = (object: KubeObject): boolean => this.#wanted.has(keyOf(object));
    const watch = this.#registry.resource(resource)?.watch?.(
      {
        namespace: "",
        options: {
          predicate: { matches, empty: false },
          resourceVersion: "",
          allowBookmarks: false,
          sendInitialEvents: false,
        },
      },
      {
        onEvents: (events) => {
          for (const event of events)
            if (event.type !== "BOOKMARK") this.#changed(keyOf(event.stored.object));
          return true;
        },
        onClosed: () => {
          if (!this.#watches.delete(resource.resource)) return;
          this.#clock.after(retryMs, () => !this.#closed && this.follow(this.#wanted), { background: true });
        },
      },
    );
    if (watch !== undefined) this.#watches.set(resource.resource, watch);
  }
}
