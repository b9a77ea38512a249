/** Bytes that a request may have besides the ones the store bounds: what gRPC puts around it. */
export const requestOverheadBytes = 524_288;

/** Bytes of one request, where nobody says otherwise (etcd's --max-request-bytes). */
export const requestBytesMaxDefault = 1_572_864;

/** Operations of one level of a transaction, those of the levels above counted in, where nobody says otherwise (etcd's --max-txn-ops). */
export const txnOpsMaxDefault = 128;

/** Milliseconds that a call may take before it is logged, where nobody says otherwise (etcd's --warning-unary-request-duration). */
export const slowCallMsDefault = 300;

/** Bytes of events that are kept encoded for the next watch that gets the same; less than a fragment. */
export const watchSharedBytesMax = 65_536;

/** Watches on one stream. etcd has no bound; kube-apiserver needs one a resource. */
export const watchesPerStreamMax = 50_000;

/** Values inside values that the gateway's JSON may have; protojson stops at 10,000. */
export const jsonDepthMax = 100;
