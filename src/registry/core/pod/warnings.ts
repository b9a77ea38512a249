import { parseQuantity } from "../../../apimachinery/index.ts";
import type { Container, PodSpec, PodTemplate } from "./types.ts";

/** What works but will not for ever, or not as its author thinks: upstream's GetWarningsForPodTemplate. */

const deprecatedNodeLabels: Readonly<Record<string, string>> = {
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
  return Object.hasOwn(deprecatedNodeLabels, key) ? deprecatedNodeLabels[key] : undefined;
}

const seccompAnnotation = "seccomp.security.alpha.kubernetes.io/pod";

/** `prefix`: where the template stands in the object, ending in a dot; "" for a Pod. */
export function podWarnings({ metadata, spec }: PodTemplate, prefix = ""): string[] {
  if (spec === undefined) return [];
  const path = `${prefix}spec`;
  const warnings: string[] = [];
  for (const key of Object.keys(spec.nodeSelector ?? {})) {
    const text = deprecatedLabelWarning(key);
    if (text !== undefined) warnings.push(`${path}.nodeSelector[${key}]: ${text}`);
  }
  if (metadata?.annotations?.[seccompAnnotation] !== undefined) {
    warnings.push(
      `${prefix}metadata.annotations[${seccompAnnotation}]: non-functional in v1.27+; use the "seccompProfile" field instead`,
    );
  }
  warnings.push(...containersWarnings(spec, path));
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) {
    warnings.push(
      `${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
    );
  }
  return warnings;
}

function containersWarnings(spec: PodSpec, path: string): string[] {
  const of = (list: readonly Container[] | null | undefined, name: string): string[] =>
    (list ?? []).flatMap((container, i) => containerWarnings(container, `${path}.${name}[${i}]`));
  return [...of(spec.initContainers, "initContainers"), ...of(spec.containers, "containers")];
}

function containerWarnings({ resources, env, ports }: Container, path: string): string[] {
  const warnings: string[] = [];
  for (const part of ["requests", "limits"] as const) {
    for (const name of ["memory", "ephemeral-storage"]) {
      const amount = resources?.[part]?.[name];
      if (amount === undefined || parseQuantity(amount).nano % 1_000_000_000n === 0n) continue;
      warnings.push(
        `${path}.resources.${part}[${name}]: fractional byte value "${amount}" is invalid, must be an integer`,
      );
    }
  }
  const names = new Set<string>();
  env?.forEach(({ name }, i) => {
    if (names.has(name)) {
      warnings.push(
        `${path}.env[${i}]: hides previous definition of "${name}", which may be dropped when using apply`,
      );
    }
    names.add(name);
  });
  const seen = new Map<string, number>();
  ports?.forEach(({ containerPort, hostPort = 0, hostIP = "", protocol }, i) => {
    const identity = `${protocol}/${containerPort}/${hostPort}/${hostIP}`;
    const first = seen.get(identity);
    if (first === undefined) seen.set(identity, i);
    else warnings.push(`${path}.ports[${i}]: duplicate port definition with ${path}.ports[${first}]`);
  });
  return warnings;
}
