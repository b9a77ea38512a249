/** Which nodes can take a pod, and upstream's words for why the others cannot (pkg/scheduler/framework/plugins). */
import type { KubeObject } from "../../apimachinery/index.ts";
import type { Taint } from "../node-lifecycle/taints.ts";
import { matchesNodeAffinity } from "./node-affinity.ts";
import type { NodeUsage } from "./node-usage.ts";
import type { PodAffinityVerdict } from "./pod-affinity.ts";
import { type Amounts, amountsOf, portsConflict } from "./requests.ts";
import { type Toleration, tolerates, toleratesNode } from "./taints.ts";

export interface PodNeeds {
  readonly pod: KubeObject;
  readonly requests: Amounts;
  readonly ports: readonly string[];
  readonly affinity: ((node: KubeObject) => PodAffinityVerdict) | undefined;
}

export interface Refusal {
  readonly reasons: readonly string[];
  /** Taking other pods away would not help. */
  readonly final: boolean;
  /** What could change it. */
  readonly cures: readonly Cure[];
}

/**
 * Of nodes, one that comes or changes; one that comes; whose labels change; that the pod selects, may be scheduled to, tolerates, or that has more
 * room, as it did not before (`node-change.ts`). A pod that leaves one; a pod that comes to one; a claim or volume; a claim to devices, or devices.
 */
export type Cure =
  | "node"
  | "new node"
  | "labels"
  | "selected"
  | "schedulable"
  | "tolerated"
  | "capacity"
  | "leaving"
  | "coming"
  | "volume"
  | "device";

const unschedulableTaint: Taint = { key: "node.kubernetes.io/unschedulable", effect: "NoSchedule" };

const spreadReason = "node(s) didn't match pod topology spread constraints";

const affinityReasons: Record<Exclude<PodAffinityVerdict, "fits">, readonly [string, boolean]> = {
  affinity: ["node(s) didn't match pod affinity rules", true],
  "anti-affinity": ["node(s) didn't match pod anti-affinity rules", false],
  "existing-anti-affinity": ["node(s) didn't satisfy existing pods anti-affinity rules", false],
  spread: [spreadReason, false],
  "spread-label": [`${spreadReason} (missing required label)`, true],
};

const ofNode = (reason: string, cure: Cure): Refusal => ({ reasons: [reason], final: true, cures: [cure] });

/** A node that is none of those which the pod's affinity names. */
export const notNamed = ofNode("node(s) didn't satisfy plugin(s) [NodeAffinity]", "selected");

/** Nothing new is to come to the node, as far as the pod minds. */
export function isCordonedFor(pod: KubeObject, node: KubeObject): boolean {
  const tolerations = (pod.spec?.tolerations ?? []) as Toleration[];
  return (
    node.spec?.unschedulable === true &&
    !tolerations.some((toleration) => tolerates(toleration, unschedulableTaint))
  );
}

/** Undefined: the node can take the pod. */
export function refusalOf(needs: PodNeeds, node: KubeObject, usage: NodeUsage): Refusal | undefined {
  const { pod } = needs;
  const tolerations = (pod.spec?.tolerations ?? []) as Toleration[];
  if (isCordonedFor(pod, node)) return ofNode("node(s) were unschedulable", "schedulable");
  if (!toleratesNode(tolerations, node)) return ofNode("node(s) had untolerated taint(s)", "tolerated");
  if (!matchesNodeAffinity(pod, node)) {
    return ofNode("node(s) didn't match Pod's node affinity/selector", "selected");
  }
  for (const port of needs.ports) {
    for (const taken of usage.ports.keys()) {
      if (portsConflict(port, taken)) {
        const reasons = ["node(s) didn't have free ports for the requested pod ports"];
        return { reasons, final: false, cures: ["new node", "leaving"] };
      }
    }
  }
  const lacking = lackingResources(needs.requests, node, usage);
  if (lacking !== undefined) return lacking;
  const verdict = needs.affinity?.(node) ?? "fits";
  if (verdict === "fits") return undefined;
  const [reason, final] = affinityReasons[verdict];
  return { reasons: [reason], final, cures: ["new node", "labels", "leaving", "coming"] };
}

function lackingResources(requests: Amounts, node: KubeObject, usage: NodeUsage): Refusal | undefined {
  const allocatable = allocatableOf(node);
  const reasons: string[] = [];
  let final = false;
  const podsMax = (allocatable.get("pods") ?? 0n) / 1_000_000_000n;
  if (BigInt(usage.pods.size) + 1n > podsMax) reasons.push("Too many pods");
  for (const [resource, amount] of requests) {
    if (amount === 0n) continue;
    const whole = allocatable.get(resource) ?? 0n;
    if (amount <= whole - (usage.amounts.get(resource) ?? 0n)) continue;
    reasons.push(`Insufficient ${resource}`);
    if (amount > whole) final = true;
  }
  return reasons.length === 0 ? undefined : { reasons, final, cures: ["capacity", "leaving"] };
}

const allocatableCache = new WeakMap<object, Amounts>();

/** Parsed once for each version of a node's status. */
export function allocatableOf(node: KubeObject): Amounts {
  const quantities: Record<string, string> | undefined = node.status?.allocatable ?? node.status?.capacity;
  if (quantities === undefined) return new Map();
  let amounts = allocatableCache.get(quantities);
  if (amounts === undefined) {
    amounts = amountsOf(quantities);
    allocatableCache.set(quantities, amounts);
  }
  return amounts;
}

/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable. no new claims …`: FitError's text and preemption's.
 * `preemption` in place of what it says of each node; "" where it helps.
 */
export function unschedulableMessage(
  refusals: readonly Refusal[],
  claims: "claims devices" | "claims none",
  preemption?: string,
): string {
  if (refusals.length === 0) return noNodes;
  const reasons = histogram(refusals.flatMap((refusal) => refusal.reasons));
  return `${availableHead(refusals.length)}: ${reasons}.${preemptionTail(refusals, preemption, claims === "claims none" ? noClaims : "still not schedulable")}`;
}

/**
 * A pod that no node could take, whatever it were like: seen before the nodes are looked at. Upstream's plugin for devices then misses what it would
 * have noted by then, which is why the text ends as it does.
 */
export function impossibleMessage(reason: string, nodes: number): string {
  if (nodes === 0) return noNodes;
  return `${availableHead(nodes)}: ${reason}. not found`;
}

/** The same where it is the pod's claims to devices that cannot be had, and the plugin for devices has seen it. */
export function withoutDevicesMessage(reason: string, nodes: number): string {
  if (nodes === 0) return noNodes;
  const refusals = Array.from({ length: nodes }, (): Refusal => ({ reasons: [], final: true, cures: [] }));
  return `${availableHead(nodes)}: ${reason}.${preemptionTail(refusals, undefined, noClaims)}`;
}

const noClaims = "no new claims to deallocate";

const noNodes = "no nodes available to schedule pods";

const availableHead = (nodes: number): string => `0/${nodes} nodes are available`;

/** `devices`: what upstream's plugin for devices has to say. */
function preemptionTail(
  refusals: readonly Refusal[],
  preemption: string | undefined,
  devices: string,
): string {
  if (preemption === "") return "";
  const verdicts = refusals.map(({ final }) =>
    final ? "Preemption is not helpful for scheduling" : "No preemption victims found for incoming pod",
  );
  const text = preemption ?? `${availableHead(refusals.length)}: ${histogram(verdicts)}.`;
  return ` ${devices}, preemption: ${text}`;
}

function histogram(reasons: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts]
    .map(([reason, count]) => `${count} ${reason}`)
    .sort()
    .join(", ");
}
