/** `v2beta1`: a major number, how stable, and a minor number of that. */
const kubeVersion = /^v([1-9]\d*)(?:(alpha|beta)([1-9]\d*))?$/;

const stability: Readonly<Record<string, number>> = { alpha: 0, beta: 1 };

/**
 * Orders versions from the one to prefer: stable before beta before alpha, newer first, then what is no version of this kind by name.
 * apimachinery's CompareKubeAwareVersionStrings, turned around.
 */
export function compareVersions(a: string, b: string): number {
  const left = kubeVersion.exec(a);
  const right = kubeVersion.exec(b);
  if (left === null || right === null) {
    if (left !== null) return -1;
    if (right !== null) return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  const stable = (match: RegExpExecArray): number => stability[match[2] ?? ""] ?? 2;
  return (
    stable(right) - stable(left) ||
    Number(right[1]) - Number(left[1]) ||
    Number(right[3] ?? 0) - Number(left[3] ?? 0)
  );
}
