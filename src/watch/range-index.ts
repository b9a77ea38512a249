import { type NumberSource, seededPrng } from "../base/index.ts";

interface Node<T> {
  readonly start: string;
  /** Exclusive; undefined: to the last key. */
  readonly end: string | undefined;
  readonly items: Set<T>;
  readonly priority: number;
  left: Node<T> | undefined;
  right: Node<T> | undefined;
  /** The latest end in this subtree. */
  endMax: string | undefined;
}

type Subtree<T> = Node<T> | undefined;

/**
 * Which ranges hold a key: an interval tree (a treap by start, then end; each node knows the latest end below it). Finding the
 * k ranges of a key among n takes about k · log n steps; equal ranges share a node.
 */
export class RangeIndex<T> {
  #root: Subtree<T>;
  readonly #random: NumberSource = seededPrng(1);

  add(start: string, end: string | undefined, item: T): void {
    const node = find(this.#root, start, end);
    if (node !== undefined) {
      node.items.add(item);
      return;
    }
    const added: Node<T> = {
      start,
      end,
      items: new Set([item]),
      priority: this.#random(),
      left: undefined,
      right: undefined,
      endMax: end,
    };
    const [before, after] = split(this.#root, start, end);
    this.#root = merge(merge(before, added), after);
  }

  remove(start: string, end: string | undefined, item: T): void {
    const node = find(this.#root, start, end);
    if (node === undefined || !node.items.delete(item) || node.items.size > 0) return;
    this.#root = without(this.#root, node);
  }

  /** Calls `visit` for the items of every range that holds the key. */
  visit(key: string, visit: (item: T) => void): void {
    visitNode(this.#root, key, visit);
  }
}

function visitNode<T>(node: Subtree<T>, key: string, visit: (item: T) => void): void {
  if (node === undefined || !isBefore(key, node.endMax)) return;
  visitNode(node.left, key, visit);
  if (key < node.start) return;
  if (isBefore(key, node.end)) for (const item of node.items) visit(item);
  visitNode(node.right, key, visit);
}

function isBefore(key: string, end: string | undefined): boolean {
  return end === undefined || key < end;
}

/** Order of the nodes: by start, then by end. */
function compare<T>(node: Node<T>, start: string, end: string | undefined): number {
  if (node.start !== start) return node.start < start ? -1 : 1;
  if (node.end === end) return 0;
  return isBefore(node.end ?? "", end) && node.end !== undefined ? -1 : 1;
}

function find<T>(root: Subtree<T>, start: string, end: string | undefined): Subtree<T> {
  let node = root;
  while (node !== undefined) {
    const order = compare(node, start, end);
    if (order === 0) return node;
    node = order > 0 ? node.left : node.right;
  }
  return undefined;
}

/** Sets the subtree's latest end from its children. */
function refreshed<T>(node: Node<T>): Node<T> {
  let { end } = node;
  for (const child of [node.left, node.right]) {
    if (child !== undefined && end !== undefined && (child.endMax === undefined || child.endMax > end))
      end = child.endMax;
  }
  node.endMax = end;
  return node;
}

/** Everything before the range, and the rest. */
function split<T>(node: Subtree<T>, start: string, end: string | undefined): [Subtree<T>, Subtree<T>] {
  if (node === undefined) return [undefined, undefined];
  if (compare(node, start, end) < 0) {
    const [before, after] = split(node.right, start, end);
    node.right = before;
    return [refreshed(node), after];
  }
  const [before, after] = split(node.left, start, end);
  node.left = after;
  return [before, refreshed(node)];
}

/** All of `before` comes before all of `after`. */
function merge<T>(before: Subtree<T>, after: Subtree<T>): Subtree<T> {
  if (before === undefined || after === undefined) return before ?? after;
  if (before.priority > after.priority) {
    before.right = merge(before.right, after);
    return refreshed(before);
  }
  after.left = merge(before, after.left);
  return refreshed(after);
}

function without<T>(root: Subtree<T>, node: Node<T>): Subtree<T> {
  if (root === undefined) return undefined;
  if (root === node) return merge(node.left, node.right);
  if (compare(root, node.start, node.end) > 0) root.left = without(root.left, node);
  else root.right = without(root.right, node);
  return refreshed(root);
}
