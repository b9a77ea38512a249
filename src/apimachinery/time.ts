import { quoteGo } from "./field.ts";

/** metav1.Time: RFC 3339, seconds, UTC. `milliseconds` since 1970. */
export function formatTime(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1_000);
  if (second !== last.second)
    last = { second, text: `${new Date(milliseconds).toISOString().slice(0, 19)}Z` };
  return last.text;
}

/** Every write wants the present second, most of them several times. */
let last = { second: Number.NaN, text: "" };

/** metav1.MicroTime: RFC 3339 with exactly six decimals, UTC. */
export function formatMicroTime(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 23)}000Z`;
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})$/;

/** Milliseconds since 1970 of an RFC 3339 text, undefined where it is not one. */
export function parseTime(text: string): number | undefined {
  if (!rfc3339.test(text)) return undefined;
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

/** kubectl's short ages of Table cells: 5s, 3m10s, 2d4h (duration.HumanDuration). */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1_000);
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, "m", seconds % 60, "s");
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, "h", minutes % 60, "m");
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return withRest(days, "d", hours % 24, "h");
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  if (hours < 24 * 365 * 8) return withRest(years, "y", days % 365, "d");
  return `${years}y`;
}

function withRest(whole: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit}${rest}${restUnit}`;
}

const nanosecondsPer: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  μs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
};
const durationMax = 2n ** 63n - 1n;

/** Go's time.Duration text (`1h30m`, `1.5s`) in nanoseconds; undefined where it is not one. */
export function parseDuration(text: string): bigint | undefined {
  const match = /^([+-]?)((?:\d{0,19}(?:\.\d{0,19})?(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h)){1,64})$/.exec(text);
  if (text === "0" || text === "+0" || text === "-0") return 0n;
  if (match === null) return undefined;
  let total = 0n;
  for (const part of (match[2] as string).matchAll(/(\d*)(?:\.(\d*))?(ns|us|\u00b5s|\u03bcs|ms|s|m|h)/g)) {
    const [, whole = "", fraction = "", unit] = part;
    if (whole === "" && fraction === "") return undefined;
    const scale = nanosecondsPer[unit as string] as bigint;
    total +=
      BigInt(whole || "0") * scale + (BigInt(fraction || "0") * scale) / 10n ** BigInt(fraction.length);
  }
  if (total > durationMax) return undefined;
  return match[1] === "-" ? -total : total;
}

/** What is wrong with a text that is no duration, in the words of Go's time.ParseDuration; undefined for one that is. */
export function durationProblem(text: string): string | undefined {
  if (parseDuration(text) !== undefined) return undefined;
  const quoted = quoteGo(text);
  // The parts that are whole are passed; what the first other one lacks is told.
  const part =
    /^[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))*(?:\d+\.?\d*|\.\d+)([^\d.]*)/.exec(text);
  const [, unit] = part ?? [];
  if (unit === undefined || durationUnits.has(unit)) return `time: invalid duration ${quoted}`;
  if (unit === "") return `time: missing unit in duration ${quoted}`;
  return `time: unknown unit ${quoteGo(unit)} in duration ${quoted}`;
}

const durationUnits: ReadonlySet<string> = new Set(["ns", "us", "\u00b5s", "\u03bcs", "ms", "s", "m", "h"]);

/** Nanoseconds as Go prints them: `1h30m0s`, `1.5s`, `150ms`. */
export function formatDuration(nanoseconds: bigint): string {
  if (nanoseconds === 0n) return "0s";
  const sign = nanoseconds < 0n ? "-" : "";
  const value = nanoseconds < 0n ? -nanoseconds : nanoseconds;
  for (const [unit, scale] of [
    ["ns", 1_000n],
    ["µs", 1_000_000n],
    ["ms", 1_000_000_000n],
  ] as const) {
    if (value < scale) return `${sign}${decimal(value, scale / 1_000n)}${unit}`;
  }
  const seconds = value % 60_000_000_000n;
  const minutes = value / 60_000_000_000n;
  const tail = `${decimal(seconds, 1_000_000_000n)}s`;
  if (minutes === 0n) return `${sign}${tail}`;
  if (minutes < 60n) return `${sign}${minutes}m${tail}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${tail}`;
}

/** value ÷ scale without trailing zeros. */
function decimal(value: bigint, scale: bigint): string {
  const fraction = (value % scale)
    .toString()
    .padStart(scale.toString().length - 1, "0")
    .replace(/0+$/, "");
  return scale === 1n || fraction === "" ? String(value / scale) : `${value / scale}.${fraction}`;
}
