/** Longest line of a watch, bytes: an object may have 1.5 MiB in the store, and escapes and an envelope on the wire. */
export const watchLineBytesMax = 16 * 1_048_576;

/** Longest answer that is read whole, bytes: a list of a hundred thousand objects of 2 KiB fits. */
export const bodyBytesMax = 512 * 1_048_576;

/** Objects asked for in one page of a list; what client-go's pager asks for. */
export const listPageSize = 500;

/** Events that wait to be written; more are dropped, as client-go's broadcaster does. */
export const pendingEventsMax = 1_000;

/** Sources, objects and messages that the event correlator remembers (client-go's maxLruCacheEntries). */
export const correlatedEventsMax = 4_096;
