/** Bytes of one request message: etcd's --max-request-bytes (1.5 MiB) and 512 KiB for what gRPC puts around it. */
export const requestBytesMax = 1_572_864 + 524_288;

/** Operations of one level of a transaction, those of the levels above counted in (etcd's --max-txn-ops). */
export const txnOpsMax = 128;

/** Bytes of events in one WatchResponse where the client asked for fragments (etcd: --max-request-bytes). */
export const watchFragmentBytesMax = 1_572_864;

/** Watches on one stream. etcd has no bound; kube-apiserver needs one a resource. */
export const watchesPerStreamMax = 50_000;

/** Values inside values that the gateway's JSON may have; protojson stops at 10,000. */
export const jsonDepthMax = 100;
