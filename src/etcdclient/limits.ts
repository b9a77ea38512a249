/** Bytes of one answer. A page of a large range is made smaller until it fits; other answers do not come near. */
export const messageBytesMax = 32 * 1024 * 1024;

/** Keys asked for at once where a range has no limit of its own: some 10 MB of Kubernetes objects. */
export const pageKeysMax = 10_000;

/** Calls that wait for a connection; more are turned away. */
export const waitingCallsMax = 10_000;

/** Milliseconds that a call may take with all its tries, as kube-apiserver gives its own before it asks again. */
export const requestTimeoutMs = 10_000;

/** Milliseconds for a connection to stand, and then for the member to say who it is. */
export const connectTimeoutMs = 5_000;

/** Milliseconds between two tries to reach an endpoint, doubled from the least to the most. */
export const reconnectMsMin = 50;
export const reconnectMsMax = 2_000;

/** Milliseconds before a call is tried again, likewise. */
export const retryMsMin = 20;
export const retryMsMax = 500;

/** Milliseconds after which the question how far a watch is is asked again: etcd keeps silent while events are on their way. */
export const progressMs = 100;

/** Transactions inside transactions: more than etcd's 128 operations allow, and as many as an answer may have to be read. */
export const nestedTxnsMax = 140;
