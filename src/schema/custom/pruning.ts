import type { Json, JsonObject } from "../../apimachinery/index.ts";
import { type CustomNode, identityFields } from "./custom-node.ts";

/** Paths of pruned fields that are told; as many as upstream collects of a body. */
const unknownPathsMax = 100;

/**
 * Removes fields that a structural schema does not declare, in place. Below a node that keeps what is undeclared only declared fields
 * are looked into. Fields that every object has stay, at the root and in embedded resources.
 * `unknown` receives the paths of what was removed: `spec.parts[1].odd`.
 */
export function prune(value: Json, node: CustomNode | undefined, unknown: string[] = []): void {
  pruneAt(value, node, "", unknown);
}

function pruneAt(value: Json, node: CustomNode | undefined, path: string, unknown: string[]): void {
  if (typeof value !== "object" || value === null) return;
  if (node?.keepsUndeclared === true) return skip(value, node, path, unknown);
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) pruneAt(value[i] as Json, node?.items, `${path}[${i}]`, unknown);
    return;
  }
  for (const key of Object.keys(value)) {
    if (node?.embedded === true && identityFields.has(key)) continue;
    const member = node?.member(key);
    if (member !== undefined || node?.allowsAnyKey === true) {
      pruneAt(value[key] as Json, member, childPath(path, key), unknown);
    } else {
      record(unknown, childPath(path, key));
      delete value[key];
    }
  }
}

/** Below a node that keeps what is undeclared: only what is declared is pruned. */
function skip(value: Json[] | JsonObject, node: CustomNode, path: string, unknown: string[]): void {
  if (Array.isArray(value)) {
    const { items } = node;
    if (items === undefined) return;
    for (let i = 0; i < value.length; i++) {
      const item = value[i] as Json;
      if (typeof item === "object" && item !== null) skip(item, items, `${path}[${i}]`, unknown);
    }
    return;
  }
  for (const key of Object.keys(value)) {
    if (node.embedded && identityFields.has(key)) continue;
    const member = node.member(key);
    if (member !== undefined || node.allowsAnyKey)
      pruneAt(value[key] as Json, member, childPath(path, key), unknown);
  }
}

export function childPath(path: string, key: string): string {
  return path === "" ? key : `${path}.${key}`;
}

export function record(unknown: string[], path: string): void {
  if (unknown.length < unknownPathsMax) unknown.push(path);
}
