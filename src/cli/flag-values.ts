/** What flags may hold: parsers for commander, which names the flag where a value is refused. */
import { InvalidArgumentError } from "commander";
import { parseDuration } from "../apimachinery/index.ts";

/** Prefix length of the range each node gets. */
const nodePrefix = 23;

/** @throws InvalidArgumentError */
export function wholeNumber(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value) || value < 0)
    throw new InvalidArgumentError("A whole number that is not negative was expected.");
  return value;
}

/** @throws InvalidArgumentError */
export function positiveNumber(text: string): number {
  const value = wholeNumber(text);
  if (value === 0) throw new InvalidArgumentError("At least 1 was expected.");
  return value;
}

/** etcd's: 0 stands for its 2 GiB (undefined), less for no bound. @throws InvalidArgumentError */
export function quotaBytes(text: string): number | undefined {
  const value = Number(text);
  if (text.trim() === "" || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("A whole number of bytes was expected.");
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

/** Go's, such as 5m0s, in milliseconds; 0 is never. @throws InvalidArgumentError */
export function intervalMs(text: string): number {
  const nanoseconds = parseDuration(text);
  const milliseconds = Number((nanoseconds ?? -1n) / 1_000_000n);
  if (nanoseconds === undefined || milliseconds < 0 || (nanoseconds > 0n && milliseconds < 1000))
    throw new InvalidArgumentError("A duration such as 5m0s was expected, of one second at least, or 0.");
  return milliseconds;
}

/** 0 is any free one. @throws InvalidArgumentError */
export function port(text: string): number {
  const value = wholeNumber(text);
  if (value > 65_535) throw new InvalidArgumentError("Ports end at 65535.");
  return value;
}

/** An IPv4 range with room for at least one node. @throws InvalidArgumentError */
export function podRange(text: string): string {
  const [, address = "", prefix = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const bytes = address.split(".");
  if (bytes.length !== 4 || bytes.some((byte) => !/^\d{1,3}$/.test(byte) || Number(byte) > 255))
    throw new InvalidArgumentError("An IPv4 range such as 10.128.0.0/12 was expected.");
  if (Number(prefix) > nodePrefix)
    throw new InvalidArgumentError(`It is too small: each node gets a /${nodePrefix} of it.`);
  return text;
}
