import { named, type PodTemplate, plural, quotedList, sorted, type Violation } from "./pod.ts";

/** Kernel parameters and volumes: what the pod as a whole asks its node for. */

/** Parameters that belong to the pod alone. @param allowed names */
export function sysctls(allowed: readonly string[]): (pod: PodTemplate) => Violation | undefined {
  return ({ spec }) => {
    const bad: string[] = [];
    for (const { name } of spec.securityContext?.sysctls ?? []) if (!allowed.includes(name)) bad.push(name);
    return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
  };
}

const allowedVolumes = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

export function restrictedVolumes({ spec }: PodTemplate): Violation | undefined {
  const names: string[] = [];
  const types: string[] = [];
  for (const { name, ...sources } of spec.volumes ?? []) {
    if (allowedVolumes.some((type) => sources[type] !== undefined)) continue;
    names.push(name);
    types.push(Object.keys(sources).find((type) => sources[type] !== undefined) ?? "unknown");
  }
  if (names.length === 0) return undefined;
  const verb = plural("uses", "use", names.length);
  const what = plural("restricted volume type", "restricted volume types", new Set(types).size);
  return {
    reason: "restricted volume types",
    detail: `${named("volume", names)} ${verb} ${what} ${quotedList(sorted(types))}`,
  };
}
