import type { KubeObject } from "../../apimachinery/index.ts";
import type { Clock } from "../../platform/index.ts";
import type { Registry, ResourceHandler } from "../../registry/index.ts";
import type { Outbound } from "../connect/outbound.ts";
import type { ServerLog } from "../log.ts";
import { ObjectFeed } from "../object-feed.ts";
import { MetricsStore, metricsGroup } from "./stores.ts";
import { Summaries } from "./summaries.ts";

export { metricsGroup, metricsVersion } from "./stores.ts";

const nodes = { group: "", version: "v1", resource: "nodes" };
const pods = { group: "", version: "v1", resource: "pods" };

/** The registry with metrics.k8s.io beside what it serves, as long as some node's agent can be asked. */
export function withNodeMetrics(
  registry: Registry,
  deps: {
    readonly outbound: Outbound;
    /** Another server has been added for the group: it is asked instead. */
    readonly elsewhere: () => boolean;
    readonly clock: Clock;
    readonly log: ServerLog;
  },
): Registry {
  const { clock, log } = deps;
  const known = new Map<string, KubeObject>();
  const summaries = new Summaries(deps.outbound, clock);
  const source = {
    summaries: () => summaries.of([...known.values()]),
    node: (name: string) => known.get(name),
    async pod(namespace: string, name: string) {
      const context = {
        user: { name: "", groups: [] },
        namespace,
        dryRun: false,
        fieldManager: "",
        now: clock.now(),
        warn: () => {},
      };
      const found = await registry
        .resource(pods)
        ?.get?.(name, context)
        .catch(() => undefined);
      return found?.object;
    },
    now: () => clock.now(),
  };
  const stores: readonly ResourceHandler[] = [
    new MetricsStore("nodes", source),
    new MetricsStore("pods", source),
  ];
  const listeners = new Set<() => void>();
  let changes = 0;
  const keep = (change: () => void): void => {
    const before = known.size > 0;
    change();
    if (before === known.size > 0) return;
    changes++;
    for (const listener of listeners) listener();
  };
  const set = (node: KubeObject): void => {
    const name = node.metadata.name ?? "";
    if ((node.status?.daemonEndpoints?.kubeletEndpoint?.Port ?? 0) > 0) known.set(name, node);
    else known.delete(name);
  };
  const feed = new ObjectFeed(
    nodes,
    {
      replace: (objects) =>
        keep(() => {
          known.clear();
          for (const object of objects) set(object);
        }),
      set: (object) => keep(() => set(object)),
      delete: (object) => keep(() => void known.delete(object.metadata.name ?? "")),
    },
    { registry, clock, log },
  );
  const served = (): readonly ResourceHandler[] => (known.size > 0 && !deps.elsewhere() ? stores : []);
  return {
    get ready() {
      return registry.ready;
    },
    onChange(changed) {
      listeners.add(changed);
      const stopListening = registry.onChange(changed);
      return () => {
        listeners.delete(changed);
        stopListening();
      };
    },
    get generation() {
      return registry.generation + changes;
    },
    get resources() {
      return [...registry.resources, ...served()];
    },
    resource(resource) {
      const found = registry.resource(resource);
      if (found !== undefined || resource.group !== metricsGroup) return found;
      return served().find(
        (store) =>
          store.resource.resource === resource.resource && store.resource.version === resource.version,
      );
    },
    /** Only what was added: the registry is its owner's. */
    close: async () => feed.close(),
  };
}
