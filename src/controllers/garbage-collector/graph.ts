import { deepEqual, type KubeObject, type OwnerReference } from "../../apimachinery/index.ts";
import type { DiscoveredResource } from "../discovery.ts";

/** An object as its owners and dependents see it. */
export interface GraphNode {
  readonly uid: string;
  readonly resource: DiscoveredResource;
  readonly namespace: string;
  readonly name: string;
  owners: readonly OwnerReference[];
  /** It is to be deleted after its dependents (finalizer foregroundDeletion). */
  waitsForDependents: boolean;
  /** It is to be deleted without its dependents (finalizer orphan). */
  orphansDependents: boolean;
  terminating: boolean;
}

/**
 * Who owns whom, by uid, over all kinds. Owners may appear after their dependents, so dependents are kept for uids that are
 * not known as nodes (yet); most nodes have none.
 */
export class OwnerGraph {
  readonly #nodes = new Map<string, GraphNode>();
  /** By the uid of their owner. */
  readonly #dependents = new Map<string, Set<string>>();

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** Uids of those that name this one as an owner. */
  dependentsOf(uid: string): ReadonlySet<string> {
    return this.#dependents.get(uid) ?? none;
  }

  nodes(): IterableIterator<GraphNode> {
    return this.#nodes.values();
  }

  /** The node as it is now, and whether its owners are others than before. */
  put(resource: DiscoveredResource, object: KubeObject): { node: GraphNode; ownersChanged: boolean } {
    const { metadata } = object;
    const uid = metadata.uid as string;
    let node = this.#nodes.get(uid);
    const isNew = node === undefined;
    if (node === undefined) {
      node = {
        uid,
        resource,
        namespace: metadata.namespace ?? "",
        name: metadata.name as string,
        owners: noOwners,
        waitsForDependents: false,
        orphansDependents: false,
        terminating: false,
      };
      this.#nodes.set(uid, node);
    }
    const owners = metadata.ownerReferences ?? noOwners;
    const ownersChanged = isNew ? owners.length > 0 : !deepEqual(owners, node.owners);
    if (ownersChanged) {
      for (const owner of node.owners) this.#unlink(owner.uid, uid);
      for (const owner of owners) this.#link(owner.uid, uid);
      node.owners = owners;
    }
    node.terminating = metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null;
    node.waitsForDependents =
      node.terminating && metadata.finalizers?.includes("foregroundDeletion") === true;
    node.orphansDependents = node.terminating && metadata.finalizers?.includes("orphan") === true;
    return { node, ownersChanged };
  }

  /** The node that is gone. */
  remove(uid: string): GraphNode | undefined {
    const node = this.#nodes.get(uid);
    if (node === undefined) return undefined;
    this.#nodes.delete(uid);
    for (const owner of node.owners) this.#unlink(owner.uid, uid);
    return node;
  }

  #link(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    if (dependents !== undefined) dependents.add(dependent);
    else this.#dependents.set(owner, new Set([dependent]));
  }

  #unlink(owner: string, dependent: string): void {
    const dependents = this.#dependents.get(owner);
    if (dependents?.delete(dependent) === true && dependents.size === 0) this.#dependents.delete(owner);
  }
}

const none: ReadonlySet<string> = new Set();
const noOwners: readonly OwnerReference[] = [];

const kept = [
  "name",
  "namespace",
  "uid",
  "resourceVersion",
  "ownerReferences",
  "deletionTimestamp",
  "finalizers",
] as const;

/** What the graph needs of an object: one of every kind is kept for every object there is, so the rest is let go. */
export function identityOf(object: KubeObject): KubeObject {
  const metadata: Record<string, unknown> = {};
  for (const field of kept) {
    const value = object.metadata[field];
    if (value !== undefined) metadata[field] = value;
  }
  return { metadata };
}
