/** Reads waiting at one leader for a quorum's word; more are refused. A read takes some 50 bytes. */
export const waitingReadsMax = 65_536;

/**
 * Read rounds on their way at once. Beyond it reads gather for the next round, so that a slow network makes
 * larger rounds and not more heartbeats.
 */
export const readRoundsMax = 8;

/** Bytes of entries kept below a compaction point where the configuration does not say. */
export const trailingBytesMaxDefault = 16 * 1024 * 1024;

/** Bytes of entries kept that all members have where the configuration does not say. */
export const sharedBytesMaxDefault = 4 * 1024 * 1024;

/** Bytes of entries on their way to one follower where the configuration does not say. */
export const inflightBytesMaxDefault = 16 * 1024 * 1024;
