import { deepClone, type Json, setOwn } from "../../apimachinery/index.ts";
import type { CustomNode } from "./custom-node.ts";

/** A null that may not stand where it stands. */
function isBadNull(value: Json | undefined, node: CustomNode | undefined): boolean {
  return value === null && node !== undefined && !node.nullable;
}

/** Removes nulls that are neither allowed nor replaced by a default, in place. */
export function dropNulls(value: Json, node: CustomNode | undefined): void {
  if (typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item, node?.items);
    return;
  }
  for (const key of Object.keys(value)) {
    const member = node?.member(key);
    if (isBadNull(value[key], member) && member?.default === undefined) delete value[key];
    else dropNulls(value[key] as Json, member);
  }
}

/** Fills in the defaults of a structural schema, outer ones first, in place. */
export function fillDefaults(value: Json, node: CustomNode | undefined): void {
  if (node === undefined || typeof value !== "object" || value === null) return;
  if (Array.isArray(value)) {
    const { items } = node;
    if (items === undefined) return;
    for (let i = 0; i < value.length; i++) {
      if (isBadNull(value[i], items)) value[i] = deepClone(items.default ?? null);
      fillDefaults(value[i] as Json, items);
    }
    return;
  }
  for (const [key, member] of node.properties) {
    if (member.default === undefined) continue;
    if (!Object.hasOwn(value, key) || isBadNull(value[key], member))
      setOwn(value, key, deepClone(member.default));
  }
  for (const key of Object.keys(value)) {
    const member = node.member(key);
    if (member === undefined) continue;
    if (isBadNull(value[key], member) && !node.properties.has(key))
      setOwn(value, key, deepClone(member.default ?? null));
    fillDefaults(value[key] as Json, member);
  }
}
