/**
 * The patch of `apply`: what the manifest now says, less what it said before, over what there is. As kubectl does for custom
 * resources: an RFC 7386 merge patch in which lists are values; kept in the same annotation, so that both may take turns.
 */
import { isDeepStrictEqual } from "node:util";

export const lastAppliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration";

type Tree = Record<string, unknown>;

/** Undefined when there is nothing to change. */
export function threeWayMergePatch(before: Tree, wanted: Tree, live: Tree): Tree | undefined {
  const patch: Tree = {};
  for (const [key, value] of Object.entries(wanted)) {
    const there = own(live, key);
    if (isTree(value) && isTree(there)) {
      const earlier = own(before, key);
      const inner = threeWayMergePatch(isTree(earlier) ? earlier : {}, value, there);
      if (inner !== undefined) put(patch, key, inner);
    } else if (!isDeepStrictEqual(value, there)) {
      put(patch, key, value);
    }
  }
  for (const key of Object.keys(before)) {
    if (!Object.hasOwn(wanted, key) && Object.hasOwn(live, key)) put(patch, key, null);
  }
  return Object.keys(patch).length > 0 ? patch : undefined;
}

function own(tree: Tree, key: string): unknown {
  return Object.hasOwn(tree, key) ? tree[key] : undefined;
}

/** A key of `__proto__` is a key like any other. */
function put(tree: Tree, key: string, value: unknown): void {
  Object.defineProperty(tree, key, { value, enumerable: true, configurable: true, writable: true });
}

function isTree(value: unknown): value is Tree {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
