/** Milliseconds an endpoint may take to accept, and to begin its answer or to go on with it (OpenShift's timeout server). */
export const connectTimeoutMs = 2000;
export const answerTimeoutMs = 30_000;

/** Endpoints that one request is sent to, and that are tried for it: of a node that died none accepts. */
export const sendTriesMax = 3;
export const connectTriesMax = 16;

/** Connections kept to one endpoint. */
export const connectionsEach = 256;

/** Milliseconds an unused connection to an endpoint is kept. */
export const keepAliveMs = 4000;

/** Milliseconds that requests under way may take once the router is told to end. */
export const closeGraceMs = 5000;

/** Everything is compared and written anew so often, whatever events said. Milliseconds. */
export const resyncMs = 60_000;

/** Milliseconds that HAProxy may take to answer on its socket, and to be up after a start. */
export const runtimeTimeoutMs = 5000;
export const startTimeoutMs = 10_000;
