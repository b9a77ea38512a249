import type { NodeSelectorTerm } from "./pod/types.ts";

const deprecated: Readonly<Record<string, string>> = {
  "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
  "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
  "failure-domain.beta.kubernetes.io/region":
    'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
  "failure-domain.beta.kubernetes.io/zone":
    'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
  "beta.kubernetes.io/instance-type":
    'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
};

/** What is to be said to those who select nodes by this label, if anything. */
export function deprecatedLabelWarning(key: string): string | undefined {
  return Object.hasOwn(deprecated, key) ? deprecated[key] : undefined;
}

/** `valueErrors`: where wrong values are let through, what is wrong with one. */
export function selectorTermWarnings(
  { matchExpressions = [] }: NodeSelectorTerm,
  path: string,
  valueErrors: (value: string) => string[] = () => [],
): string[] {
  return matchExpressions.flatMap(({ key, values = [] }, i) => {
    const at = `${path}.matchExpressions[${i}]`;
    const text = deprecatedLabelWarning(key);
    return [
      ...(text === undefined ? [] : [`${at}.key: ${key} is ${text}`]),
      ...values.flatMap((value, j) =>
        valueErrors(value).map((error) => `${at}.values[${j}]: ${value} is invalid, ${error}`),
      ),
    ];
  });
}
