/** Controllers of kube-controller-manager that there are none of here. */

interface Absent {
  readonly name: string;
  readonly aliases: readonly string[];
  /** What it would be about. */
  readonly why: string;
  /** Whoever asks for it by name would wait for something that never comes. Else it is idle upstream as well, unless a feature gate is set. */
  readonly refused: boolean;
}

const cloud = (name: string, alias: string): Absent => ({
  name,
  aliases: [alias],
  why: "it works for a cloud provider",
  refused: true,
});

const gated = (name: string, why: string, ...aliases: string[]): Absent => ({
  name,
  aliases,
  why,
  refused: false,
});

export const absentControllers: readonly Absent[] = [
  cloud("service-lb-controller", "service"),
  cloud("node-route-controller", "route"),
  cloud("cloud-node-lifecycle-controller", "cloud-node-lifecycle"),
  {
    name: "selinux-warning-controller",
    aliases: [],
    why: "no node here labels volumes for SELinux",
    refused: true,
  },
  gated("device-taint-eviction-controller", "taints of devices are not served"),
  gated(
    "kube-apiserver-serving-clustertrustbundle-publisher-controller",
    "ClusterTrustBundles are not served",
  ),
  gated("podcertificaterequest-cleaner-controller", "PodCertificateRequests are not served"),
  gated("storage-version-migrator-controller", "StorageVersionMigrations are not served", "svm"),
  gated(
    "storageversion-garbage-collector-controller",
    "StorageVersions are not served",
    "storage-version-gc",
  ),
];
