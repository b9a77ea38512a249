/** The log on disk: checksummed segments, group commit, repair of a torn end. */
export { WalDamagedError, WalFailedError, WalFormatError } from "./errors.ts";
export { inspectWal, type WalReport } from "./inspect.ts";
export type { Wal, WalBatch, WalOptions, WalRestored, WalStats } from "./types.ts";
export { openWal } from "./wal.ts";
