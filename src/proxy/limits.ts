/** Connections at a time through all Services together; more are reset as they come. Each takes two file descriptors. */
export const connectionsMax = 8192;

/** Milliseconds an endpoint may take to accept. */
export const connectTimeoutMs = 2000;

/** Endpoints tried for one connection before its client is told, and milliseconds after which no further one is. */
export const connectTriesMax = 16;
export const connectBudgetMs = 8000;

/** Milliseconds that an endpoint which did not accept is passed over, where there are others. */
export const endpointRestMs = 1000;

/** Milliseconds a connection may stay closed in one direction: nf_conntrack_tcp_timeout_close_wait as kube-proxy sets it. */
export const halfClosedMs = 3_600_000;

/** Clients whose endpoint is remembered, for each port of a Service with session affinity; the one longest ago goes first. */
export const affineClientsMax = 10_000;

/** UDP flows at a time, for each address of a Service; the one longest idle goes first. */
export const udpFlowsMax = 1024;

/** Milliseconds without a datagram after which a UDP flow is forgotten: nf_conntrack_udp_timeout_stream. */
export const udpIdleMs = 120_000;

/** First and last pause between two tries to listen where another program does. Milliseconds. */
export const listenRetryMinMs = 1000;
export const listenRetryMaxMs = 30_000;
