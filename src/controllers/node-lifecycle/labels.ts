import type { KubeObject } from "../../apimachinery/index.ts";

/** Labels of today and, behind each, the one of yesterday that says the same: old manifests select by it. */
const followed: readonly (readonly [string, string])[] = [
  ["kubernetes.io/os", "beta.kubernetes.io/os"],
  ["kubernetes.io/arch", "beta.kubernetes.io/arch"],
];

/** The old labels that a node lacks or has otherwise than its new ones. Undefined where nothing changes. */
export function labelsFor(node: KubeObject): Record<string, string> | undefined {
  const labels = node.metadata.labels ?? {};
  const missing = followed.flatMap(([label, follower]) => {
    const value = labels[label];
    return value === undefined || labels[follower] === value ? [] : [[follower, value] as const];
  });
  return missing.length === 0 ? undefined : Object.fromEntries(missing);
}
