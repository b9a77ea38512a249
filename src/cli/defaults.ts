/** What flags say when nobody says anything. Here and not in `main`: showing `--help` must not load a server. */
export const defaults = {
  heartbeatMs: 100,
  electionMs: 1000,
  snapshotCount: 10_000,
  /** As kube-apiserver compacts its store: a watch that is longer away lists again. */
  autoCompactionRetention: "5m",
  etcdPrefix: "/kubernetes.io",
  serviceClusterIpRange: "10.96.0.0/16",
  podCidr: "10.128.0.0/14",
  nodeMonitorGraceMs: 40_000,
  serviceAccountIssuer: "https://kubernetes.default.svc.cluster.local",
  apiPort: 6443,
  etcdPort: 2379,
  peerPort: 2380,
} as const;
