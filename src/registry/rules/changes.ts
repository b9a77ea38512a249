import { deepEqual } from "../../apimachinery/index.ts";

const changedPathsMax = 10;

/**
 * Where two values differ, for a person to see: `  spec.a: 1 -> 2` each. Upstream prints a diff of its internal form here, with
 * names that nobody has written.
 */
export function changedPaths(next: unknown, old: unknown, path: string, found: string[] = []): string[] {
  if (found.length >= changedPathsMax || deepEqual(next, old)) return found;
  const bothObjects =
    typeof next === "object" &&
    typeof old === "object" &&
    next !== null &&
    old !== null &&
    Array.isArray(next) === Array.isArray(old);
  if (!bothObjects) {
    found.push(`  ${path}: ${JSON.stringify(old) ?? "unset"} -> ${JSON.stringify(next) ?? "unset"}`);
    return found;
  }
  const [a, b] = [next as Record<string, unknown>, old as Record<string, unknown>];
  for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
    changedPaths(a[key], b[key], Array.isArray(next) ? `${path}[${key}]` : `${path}.${key}`, found);
  }
  return found;
}
