/** Seconds that answers about the cluster may be kept: the specification's example, and CoreDNS' default. */
export const ttlSeconds = 5;

/** Bytes of a UDP answer to a client that says nothing of its buffer (RFC 1035, section 4.2.1). */
export const udpBytesDefault = 512;

/** Bytes of a UDP answer at most, whatever a client says: what usual resolvers offer. Loopback carries it whole. */
export const udpBytesMax = 4096;

/** Bytes of a message over TCP: its length has two bytes. */
export const tcpBytesMax = 65_535;

/** Encoded answers kept, for each transport; all are dropped when there are more. */
export const cachedAnswersMax = 10_000;

/** Orders of one answer's addresses that are handed out in turn, so that clients that take the first spread. */
export const rotationsMax = 8;

/** TCP connections at a time; more are closed as they come. */
export const tcpConnectionsMax = 1000;

/** Queries of one TCP connection that wait for their answers; its reading pauses above. */
export const tcpPipelineMax = 100;

/** Milliseconds a TCP connection may be idle (RFC 7766, section 6.2.3). */
export const tcpIdleMs = 10_000;

/** Aliases followed for one answer. */
export const aliasesMax = 8;

/** Queries that wait for other servers; more are answered SERVFAIL. */
export const forwardedMax = 1000;

/** Milliseconds until the next server is asked. */
export const forwardTimeoutMs = 2000;

/** Foreign answers kept. The oldest goes first. */
export const foreignAnswersMax = 10_000;

/** Seconds that foreign answers are kept at most, and those that say "there is no such name" (CoreDNS' defaults). */
export const foreignTtlSecondsMax = 3600;
export const foreignDenialSecondsMax = 1800;
