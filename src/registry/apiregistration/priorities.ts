/** Where groups and their versions stand in discovery: upstream's table, and what it has for versions and groups that are not in it. */
interface Priority {
  readonly group: number;
  readonly version: number;
}

const groups: Readonly<Record<string, number>> = {
  "": 18_000,
  apps: 17_800,
  "events.k8s.io": 17_750,
  "authentication.k8s.io": 17_700,
  "authorization.k8s.io": 17_600,
  autoscaling: 17_500,
  batch: 17_400,
  "certificates.k8s.io": 17_300,
  "networking.k8s.io": 17_200,
  policy: 17_100,
  "rbac.authorization.k8s.io": 17_000,
  "storage.k8s.io": 16_800,
  "apiextensions.k8s.io": 16_700,
  "admissionregistration.k8s.io": 16_700,
  "scheduling.k8s.io": 16_600,
  "coordination.k8s.io": 16_500,
  "node.k8s.io": 16_300,
  "resource.k8s.io": 16_200,
  "discovery.k8s.io": 16_200,
  "flowcontrol.apiserver.k8s.io": 16_100,
  "internal.apiserver.k8s.io": 16_000,
  "storagemigration.k8s.io": 15_800,
};

/** Versions other than v1, which has 15. */
const versions: Readonly<Record<string, number>> = {
  "/v1": 1,
  "autoscaling/v2": 30,
  "resource.k8s.io/v1": 21,
  "flowcontrol.apiserver.k8s.io/v1": 21,
};

export function localPriority(group: string, version: string): Priority {
  return {
    group: groups[group] ?? 1000,
    version: versions[`${group}/${version}`] ?? (groups[group] === undefined ? 100 : 15),
  };
}

/** Of what a CRD defines, whatever its versions. */
export const customPriority: Priority = { group: 1000, version: 100 };
