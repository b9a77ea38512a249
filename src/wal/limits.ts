/** etcd's size. */
export const segmentBytesDefault = 64 * 1024 * 1024;
/** One page: tests use it to see many segments. */
export const segmentBytesMin = 4096;
/** Zeros are written so far ahead, so that a datasync has no block to allocate and no size to record. */
export const fillBytes = 1024 * 1024;
/** The frame buffers begin with this and go back to it after a larger frame than `frameBufferBytesKept`. */
export const frameBufferBytes = 64 * 1024;
export const frameBufferBytesKept = 4 * 1024 * 1024;
/** What a disk writes whole or not at all. */
export const sectorBytes = 512;
