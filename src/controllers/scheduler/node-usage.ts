import type { KubeObject } from "../../apimachinery/index.ts";
import { type Amounts, hostPorts, podRequests } from "./requests.ts";

/** What the pods of one node take. */
export interface NodeUsage {
  readonly amounts: Map<string, bigint>;
  readonly pods: Map<string, KubeObject>;
  /** Host ports, with the uid of their pod. */
  readonly ports: Map<string, string>;
}

/** All nodes' usage: pods that run, and pods just bound that the informer has not shown yet. */
export class Usage {
  readonly #nodes = new Map<string, NodeUsage>();
  readonly #placed = new Map<string, { node: string; amounts: Amounts; ports: string[] }>();

  of(node: string): NodeUsage {
    let usage = this.#nodes.get(node);
    if (usage === undefined) {
      usage = { amounts: new Map(), pods: new Map(), ports: new Map() };
      this.#nodes.set(node, usage);
    }
    return usage;
  }

  /** The pod is on a node, or on its way to one. */
  has(uid: string): boolean {
    return this.#placed.has(uid);
  }

  place(pod: KubeObject, node: string): void {
    const uid = pod.metadata.uid as string;
    const before = this.#placed.get(uid);
    if (before?.node === node) {
      this.of(node).pods.set(uid, pod);
      return;
    }
    if (before !== undefined) this.remove(uid);
    const amounts = podRequests(pod);
    const ports = hostPorts(pod);
    const usage = this.of(node);
    for (const [resource, amount] of amounts) {
      usage.amounts.set(resource, (usage.amounts.get(resource) ?? 0n) + amount);
    }
    for (const port of ports) usage.ports.set(port, uid);
    usage.pods.set(uid, pod);
    this.#placed.set(uid, { node, amounts, ports });
  }

  remove(uid: string): void {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return;
    this.#placed.delete(uid);
    const usage = this.of(placed.node);
    for (const [resource, amount] of placed.amounts) {
      usage.amounts.set(resource, (usage.amounts.get(resource) ?? 0n) - amount);
    }
    for (const port of placed.ports) if (usage.ports.get(port) === uid) usage.ports.delete(port);
    usage.pods.delete(uid);
    if (usage.pods.size === 0) this.#nodes.delete(placed.node);
  }
}

/** What a node's pods would take without some and with others. */
export function usageAfter(
  usage: NodeUsage,
  change: { readonly without?: Iterable<KubeObject>; readonly plus?: Iterable<KubeObject> },
): NodeUsage {
  const amounts = new Map(usage.amounts);
  const pods = new Map(usage.pods);
  const ports = new Map(usage.ports);
  for (const pod of change.without ?? []) {
    const uid = pod.metadata.uid as string;
    if (!pods.delete(uid)) continue;
    for (const [resource, amount] of podRequests(pod))
      amounts.set(resource, (amounts.get(resource) ?? 0n) - amount);
    for (const port of hostPorts(pod)) if (ports.get(port) === uid) ports.delete(port);
  }
  for (const pod of change.plus ?? []) {
    const uid = pod.metadata.uid as string;
    if (pods.has(uid)) continue;
    pods.set(uid, pod);
    for (const [resource, amount] of podRequests(pod))
      amounts.set(resource, (amounts.get(resource) ?? 0n) + amount);
    for (const port of hostPorts(pod)) ports.set(port, uid);
  }
  return { amounts, pods, ports };
}
