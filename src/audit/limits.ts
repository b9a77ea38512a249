/** Bytes of events that wait for the disk; what comes beyond is lost, and told. */
export const logBacklogBytesMax = 64 * 1024 * 1024;

/** Milliseconds that a webhook has for its answer. */
export const webhookTimeoutMs = 30_000;
/** Between tries, each longer than the one before by this factor. */
export const webhookBackoffFactor = 1.5;
/** How often one list of events is sent before it is given up: upstream's defaultBackoff steps. */
export const webhookTriesMax = 5;
