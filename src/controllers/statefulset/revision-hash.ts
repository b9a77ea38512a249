import { utf8 } from "../../base/index.ts";
import { safeEncode } from "../deployment/pod-template-hash.ts";

/**
 * The hash in the name of a StatefulSet's revision: FNV-1 (32 bits) over the data as Go marshals it, keys sorted and `<`, `>`, `&`
 * escaped, and the collision count as text. The same template gets the same name as from upstream's controller.
 */
export function revisionHash(data: unknown, collisionCount: number): string {
  let hash = 0x811c9dc5;
  for (const byte of utf8(goJson(data) + String(collisionCount))) {
    hash = Math.imul(hash, 0x01000193) ^ byte;
  }
  return safeEncode(String(hash >>> 0));
}

function goJson(value: unknown): string {
  return JSON.stringify(sorted(value)).replace(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sorted(item)]));
}
