/** Values of flags that a store has, alone or with the rest. Without commander, which a store alone does not load. */
import { parseDuration } from "../apimachinery/index.ts";

/** etcd's: 0 stands for its 2 GiB (undefined), less for no bound. @throws Error */
export function quotaBytesOf(text: string): number | undefined {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value))
    throw new Error("A whole number of bytes was expected.");
  if (value < 0) return Number.POSITIVE_INFINITY;
  return value === 0 ? undefined : value;
}

/** Where a shorter period is no mistake, it is a burden. */
const compactionPeriodMsMin = 1000;

/**
 * etcd's two flags in one: a bare number is revisions or hours, by the mode; 0 is never.
 * @throws Error that names the flag
 */
export function autoCompaction(
  mode: "periodic" | "revision",
  retention: string,
): { mode: "revision"; revisionsKept: number } | { mode: "periodic"; periodMs: number } | undefined {
  const bare = /^\d{1,15}$/.test(retention);
  if (mode === "revision") {
    if (!bare) throw new Error(`--auto-compaction-retention: revisions were expected: ${retention}`);
    return Number(retention) === 0 ? undefined : { mode, revisionsKept: Number(retention) };
  }
  const nanoseconds = parseDuration(bare ? `${retention}h` : retention);
  if (nanoseconds === undefined || nanoseconds < 0n)
    throw new Error(
      `--auto-compaction-retention: hours, or a duration such as 30m, were expected: ${retention}`,
    );
  const periodMs = Number(nanoseconds / 1_000_000n);
  if (nanoseconds === 0n) return undefined;
  if (periodMs < compactionPeriodMsMin)
    throw new Error(`--auto-compaction-retention: one second at least was expected: ${retention}`);
  return { mode, periodMs };
}
