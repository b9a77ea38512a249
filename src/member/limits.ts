/** Between two tries to reach the service of discovery: twice as long each time, from the one to the other. Milliseconds. */
export const discoveryRetryMsMin = 2000;
export const discoveryRetryMsMax = 256_000;
/** Members that one cluster may wait for: more cannot agree on anything in time. */
export const clusterSizeMax = 1000;
