import type { KubeObject } from "../../apimachinery/index.ts";
import { controllerOf } from "../owners.ts";
import { repels } from "./pod-affinity.ts";
import { type Amounts, hostPorts, podRequests } from "./requests.ts";

export interface PlacedPod {
  readonly pod: KubeObject;
  readonly node: string;
}

/** What the pods of one node take. */
export interface NodeUsage {
  readonly amounts: Map<string, bigint>;
  readonly pods: Map<string, KubeObject>;
  /** Host ports, with the uid of their pod. */
  readonly ports: Map<string, string>;
  /** How many of the pods each owner has, by the owner's uid. */
  readonly owners: Map<string, number>;
}

/** All nodes' usage: pods that run, and pods just bound that the informer has not shown yet. */
export class Usage {
  readonly #nodes = new Map<string, NodeUsage>();
  readonly #placed = new Map<
    string,
    { node: string; amounts: Amounts; ports: string[]; owner: string | undefined }
  >();
  /** Placed pods that keep others away, by uid. */
  readonly #repelling = new Map<string, PlacedPod>();

  of(node: string): NodeUsage {
    let usage = this.#nodes.get(node);
    if (usage === undefined) {
      usage = { amounts: new Map(), pods: new Map(), ports: new Map(), owners: new Map() };
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
    if (before !== undefined && before.node !== node) this.remove(uid);
    if (repels(pod)) this.#repelling.set(uid, { pod, node });
    if (before?.node === node) {
      this.of(node).pods.set(uid, pod);
      return;
    }
    const amounts = podRequests(pod);
    const ports = hostPorts(pod);
    const usage = this.of(node);
    for (const [resource, amount] of amounts) {
      usage.amounts.set(resource, (usage.amounts.get(resource) ?? 0n) + amount);
    }
    for (const port of ports) usage.ports.set(port, uid);
    usage.pods.set(uid, pod);
    const owner = controllerOf(pod)?.uid;
    if (owner !== undefined) usage.owners.set(owner, (usage.owners.get(owner) ?? 0) + 1);
    this.#placed.set(uid, { node, amounts, ports, owner });
  }

  /** The pods whose own anti-affinity may keep another one away from their nodes. */
  repelling(): Iterable<PlacedPod> {
    return this.#repelling.values();
  }

  remove(uid: string): void {
    const placed = this.#placed.get(uid);
    if (placed === undefined) return;
    this.#placed.delete(uid);
    this.#repelling.delete(uid);
    const usage = this.of(placed.node);
    for (const [resource, amount] of placed.amounts) {
      usage.amounts.set(resource, (usage.amounts.get(resource) ?? 0n) - amount);
    }
    for (const port of placed.ports) if (usage.ports.get(port) === uid) usage.ports.delete(port);
    usage.pods.delete(uid);
    if (placed.owner !== undefined) {
      const left = (usage.owners.get(placed.owner) ?? 0) - 1;
      if (left > 0) usage.owners.set(placed.owner, left);
      else usage.owners.delete(placed.owner);
    }
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
  const owners = new Map(usage.owners);
  const countOwner = (pod: KubeObject, change: number): void => {
    const owner = controllerOf(pod)?.uid;
    if (owner !== undefined) owners.set(owner, (owners.get(owner) ?? 0) + change);
  };
  for (const pod of change.without ?? []) {
    const uid = pod.metadata.uid as string;
    if (!pods.delete(uid)) continue;
    countOwner(pod, -1);
    for (const [resource, amount] of podRequests(pod))
      amounts.set(resource, (amounts.get(resource) ?? 0n) - amount);
    for (const port of hostPorts(pod)) if (ports.get(port) === uid) ports.delete(port);
  }
  for (const pod of change.plus ?? []) {
    const uid = pod.metadata.uid as string;
    if (pods.has(uid)) continue;
    pods.set(uid, pod);
    countOwner(pod, 1);
    for (const [resource, amount] of podRequests(pod))
      amounts.set(resource, (amounts.get(resource) ?? 0n) + amount);
    for (const port of hostPorts(pod)) ports.set(port, uid);
  }
  return { amounts, pods, ports, owners };
}
