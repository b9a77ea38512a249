/** Streams of one SPDY connection at a time: a forwarded connection takes two. */
export const streamsMax = 2_000;

/** Bytes of one frame that are taken. Go's clients send 32 KiB at most. */
export const frameBytesMax = 1024 * 1024;

/** Header fields of one stream, and bytes of them once unpacked. */
export const headersMax = 100;
export const headerBytesMax = 64 * 1024;

/** Bytes that wait for a slow reader of a WebSocket before its writer is held back. */
export const socketBufferBytes = 1024 * 1024;

/** A peer that says nothing for so long is asked, and given up when it does not answer until then. Milliseconds. */
export const pingMs = 30_000;

/** From an accepted upgrade until all streams are there; the kubelet's streamCreationTimeout. Milliseconds. */
export const streamCreationMs = 30_000;
