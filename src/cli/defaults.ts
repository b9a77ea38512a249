/** What flags say when nobody says anything. Here and not in `main`: showing `--help` must not load a server. */
export const defaults = {
  heartbeatMs: 100,
  electionMs: 1000,
  snapshotCount: 10_000,
  /** As kube-apiserver compacts its store: a watch that is longer away lists again. */
  autoCompactionRetention: "5m",
  etcdPrefix: "/kubernetes.io",
  /** As kube-apiserver's. */
  etcdCompactionIntervalMs: 300_000,
  serviceClusterIpRange: "10.96.0.0/16",
  /** A /23 for each of 2,048 nodes. */
  podCidr: "10.128.0.0/12",
  /** Pods that are processes of this machine: all of 127/8 is local on Linux. */
  localPodCidr: "127.128.0.0/16",
  nodePort: 10_250,
  /** As kube-controller-manager's, and longer than the Leases of nodes. */
  nodeMonitorGraceMs: 50_000,
  nodeLeaseSeconds: 40,
  /** As kube-controller-manager's. */
  terminatedPodGcThreshold: 12_500,
  serviceAccountIssuer: "https://kubernetes.default.svc.cluster.local",
  apiPort: 6443,
  etcdPort: 2379,
  peerPort: 2380,
  dnsListen: "127.0.0.1:10053",
  clusterDomain: "cluster.local",
  routerHttpPort: 8080,
  routerHttpsPort: 8443,
} as const;
