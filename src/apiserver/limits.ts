/** Bytes of a request's body: upstream's MaxRequestBodyBytes, twice what the store takes. */
export const requestBytesMax = 3 * 1024 * 1024;

/** Responses from this size on are compressed for clients that accept it, at the speed rather than the size end of the scale. */
export const compressBytesMin = 128 * 1024;
export const compressionLevel = 1;

/** Requests answered at the same time; watches do not count. Upstream's --max-requests-inflight and --max-mutating-requests-inflight. */
export const readsInFlightMax = 400;
export const writesInFlightMax = 200;

/** A watch without timeoutSeconds ends after this, and up to twice this: clients come back spread out. Upstream's --min-request-timeout. */
export const watchSecondsMin = 1800;

/** Watches that write their events in one turn of the loop, of more that wait a share: in between requests are answered. */
export const watchWritesMin = 128;
export const watchWritesShare = 1 / 8;

/** Bytes of events that wait for a slow watcher; beyond, its watch ends and it lists again. */
export const watchBacklogBytesMax = 4 * 1024 * 1024;
/** Events that wait for a slow watcher of this process, which are objects that the watch cache has anyway. */
export const watchBacklogEventsMax = 10_000;

/** Characters of a field manager's name. */
export const fieldManagerCharsMax = 128;

/** Bytes of warnings that one answer carries, and of one of them. */
export const warningBytesMax = 4 * 1024;
export const warningTextCharsMax = 256;

/** Bytes that may wait in the socket of a watch by WebSocket before the watch holds its events back. */
export const watchSocketBytesHigh = 64 * 1024;
/** Bytes of a message of a client that watches: none has anything to say. */
export const watchMessageBytesMax = 4 * 1024;

/** Of a page whose links are rewritten, for it has to be held as a whole. Bytes. */
export const proxiedPageBytesMax = 16 * 1024 * 1024;

/** How long a request may take, whatever its `timeout` says: --request-timeout's default. Milliseconds. */
export const requestMsMax = 60_000;
