import type { KubeObject } from "../../apimachinery/index.ts";
import { conditionOf } from "../pods.ts";

/**
 * How fast pods are driven off nodes that are not ready: node by node in each zone, slower where much of a zone is down, and not at all
 * where everything is, for then the fault is more likely here. With the rates of kube-controller-manager's flags.
 */
export class EvictionZones {
  #zones = new Map<string, Zone>();
  #allDown = false;

  /** No node is ready: nobody is driven off, and nobody stays marked for it. */
  get allDown(): boolean {
    return this.#allDown;
  }

  /** Looks at all nodes; `isReady` knows more than their conditions. True where nodes that waited, or went, may do otherwise now. */
  judge(nodes: readonly KubeObject[], isReady: (node: KubeObject) => boolean, now: number): boolean {
    const counts = new Map<string, { ready: number; others: number }>();
    for (const node of nodes) {
      if (node.metadata.labels?.[excluded] !== undefined) continue;
      const key = zoneOf(node);
      const count = counts.get(key) ?? { ready: 0, others: 0 };
      if (isReady(node)) count.ready++;
      else count.others++;
      counts.set(key, count);
    }
    const allDown = counts.size > 0 && [...counts.values()].every(({ ready }) => ready === 0);
    let changed = allDown !== this.#allDown;
    this.#allDown = allDown;
    const zones = new Map<string, Zone>();
    for (const [key, { ready, others }] of counts) {
      const perSecond = rateOf(ready, others);
      const before = this.#zones.get(key);
      if (before !== undefined && before.perSecond !== perSecond) changed = true;
      const isBusy = before !== undefined && before.nextAt > now;
      const nextAt = before?.perSecond === perSecond ? before.nextAt : isBusy ? now + 1000 / perSecond : 0;
      zones.set(key, { perSecond, nextAt });
    }
    this.#zones = zones;
    return changed;
  }

  /** 0: the node's pods may go now, and it is this node's turn; else milliseconds until that may be asked again, infinite ones too. */
  turn(node: KubeObject, now: number): number {
    const zone = this.#zones.get(zoneOf(node));
    if (this.#allDown || zone?.perSecond === 0) return Number.POSITIVE_INFINITY;
    if (zone === undefined) return 0;
    if (zone.nextAt > now) return zone.nextAt - now;
    zone.nextAt = now + 1000 / zone.perSecond;
    return 0;
  }
}

interface Zone {
  /** Nodes. */
  readonly perSecond: number;
  /** When the next one has its turn; monotonic milliseconds. */
  nextAt: number;
}

/** --node-eviction-rate, --secondary-node-eviction-rate: nodes per second. */
const rate = 0.1;
const reducedRate = 0.01;
/** --large-cluster-size-threshold: zones that are smaller stop altogether. Nodes. */
const largeZone = 50;
/** --unhealthy-zone-threshold, and how many nodes must be down at least. */
const unhealthyShare = 0.55;
const unhealthyNodesMin = 3;
const excluded = "node.kubernetes.io/exclude-disruption";

function rateOf(ready: number, others: number): number {
  const size = ready + others;
  const isUnhealthy = others >= unhealthyNodesMin && others / size >= unhealthyShare;
  if (ready === 0 || !isUnhealthy) return rate;
  return size > largeZone ? reducedRate : 0;
}

function zoneOf({ metadata: { labels = {} } }: KubeObject): string {
  const of = (what: string): string =>
    labels[`failure-domain.beta.kubernetes.io/${what}`] ?? labels[`topology.kubernetes.io/${what}`] ?? "";
  return `${of("region")}:\0:${of("zone")}`;
}

/** As the node itself says. */
export const saysReady = (node: KubeObject): boolean => conditionOf(node, "Ready")?.status === "True";
