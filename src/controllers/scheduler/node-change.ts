/** Whether a node that came or changed may take a pod that was refused: upstream's queueing hints for nodes. */
import type { KubeObject } from "../../apimachinery/index.ts";
import { deepEqual } from "../../apimachinery/index.ts";
import { allocatableOf, type Cure, isCordonedFor } from "./filter.ts";
import { matchesNodeAffinity } from "./node-affinity.ts";
import { type Amounts, podRequests } from "./requests.ts";
import { type Toleration, toleratesNode } from "./taints.ts";

export interface NodeChange {
  readonly node: KubeObject;
  /** Undefined: it is new. */
  readonly old: KubeObject | undefined;
}

/** By cure: whether the change is one. The others are not of nodes. */
const helps: Readonly<Partial<Record<Cure, (pod: KubeObject, change: NodeChange) => boolean>>> = {
  node: () => true,
  "new node": (_, { old }) => old === undefined,
  labels: (_, { node, old }) => !deepEqual(node.metadata.labels, old?.metadata.labels),
  selected: becomes((pod, node) => matchesNodeAffinity(pod, node)),
  schedulable: becomes((pod, node) => !isCordonedFor(pod, node)),
  tolerated: becomes((pod, node) => toleratesNode((pod.spec?.tolerations ?? []) as Toleration[], node)),
  capacity: hasMore,
};

export function nodeMayHelp(pod: KubeObject, cures: ReadonlySet<Cure>, change: NodeChange): boolean {
  for (const cure of cures) if (helps[cure]?.(pod, change) === true) return true;
  return false;
}

/** A node that is so now, and was not. */
function becomes(isSo: (pod: KubeObject, node: KubeObject) => boolean) {
  return (pod: KubeObject, { node, old }: NodeChange): boolean =>
    isSo(pod, node) && (old === undefined || !isSo(pod, old));
}

/** An empty node would have room for the pod, and has more of something that the pod asks for than it had. */
function hasMore(pod: KubeObject, { node, old }: NodeChange): boolean {
  const asked: Amounts = new Map([...podRequests(pod), ["pods", 1_000_000_000n]]);
  const now = allocatableOf(node);
  const before = old && allocatableOf(old);
  let grew = before === undefined;
  for (const [resource, amount] of asked) {
    const there = now.get(resource) ?? 0n;
    if (amount > there) return false;
    if (before !== undefined && amount > 0n && there > (before.get(resource) ?? 0n)) grew = true;
  }
  return grew;
}

/** A change of a node that pods can care about: not its heartbeat. */
export function isOfInterest({ node, old }: NodeChange): boolean {
  const view = ({ metadata, spec, status }: KubeObject): string =>
    JSON.stringify([metadata.labels, spec?.taints, spec?.unschedulable, status?.allocatable]);
  return old === undefined || view(node) !== view(old);
}
