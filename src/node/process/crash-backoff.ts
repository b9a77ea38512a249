/** How long a container that ends again and again stays down: upstream's flowcontrol.Backoff with the kubelet's figures. Pure. */

/** Milliseconds before the second start in a row, doubled with each further one up to the longest. */
const firstMs = 10_000;
const longestMs = 300_000;
/** Who ran so long has recovered. */
const recoveredMs = 2 * longestMs;

export interface CrashRecord {
  /** Of the last start; 0 before the second. */
  readonly delayMs: number;
  /** Monotonic milliseconds of the last end that was answered with a start. */
  readonly atMs: number;
}

/** Milliseconds until the container that ended at `endedMs` may be started. */
export function waitBeforeStart(record: CrashRecord | undefined, endedMs: number, nowMs: number): number {
  if (record === undefined || endedMs - record.atMs > recoveredMs) return 0;
  return Math.max(0, endedMs + record.delayMs - nowMs);
}

/** The record after it was started again. */
export function afterStart(record: CrashRecord | undefined, endedMs: number): CrashRecord {
  if (record === undefined || endedMs - record.atMs > recoveredMs) return { delayMs: firstMs, atMs: endedMs };
  return { delayMs: Math.min(record.delayMs * 2, longestMs), atMs: endedMs };
}

/** `5m0s`, `10s`: as Go prints a duration, for the message that names it. */
export function durationText(milliseconds: number): string {
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds}s` : `${Math.floor(seconds / 60)}m${seconds % 60}s`;
}
