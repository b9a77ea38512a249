/** What flags may hold: parsers for commander, which names the flag where a value is refused. */
import { InvalidArgumentError } from "commander";
import { parseDuration } from "../apimachinery/index.ts";
import { quotaBytesOf } from "./store-values.ts";

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

/** As `quotaBytesOf`. @throws InvalidArgumentError */
export function quotaBytes(text: string): number | undefined {
  try {
    return quotaBytesOf(text);
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message);
  }
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
