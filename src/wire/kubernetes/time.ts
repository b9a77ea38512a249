import { ProtobufError } from "../protobuf/error.ts";

/** RFC 3339, as Kubernetes writes and reads times. */
const timePattern = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;
const secondsMin = -62_135_596_800;
const secondsMax = 253_402_300_799;

/** Whole seconds since 1970 and the rest. @throws ProtobufError */
export function parseTime(text: string): { seconds: number; nanos: number } {
  const match = timePattern.exec(text);
  const milliseconds = match ? Date.parse(`${match[1]}${match[3]}`) : Number.NaN;
  if (match === null || Number.isNaN(milliseconds))
    throw new ProtobufError(`${JSON.stringify(text)} is no RFC 3339 time`);
  return { seconds: milliseconds / 1000, nanos: Number((match[2] ?? "").padEnd(9, "0")) };
}

/** To the second. @throws ProtobufError outside the years 1 to 9999 */
export function formatTime(seconds: number): string {
  if (seconds < secondsMin || seconds > secondsMax)
    throw new ProtobufError(`${seconds} is no time of the years 1 to 9999`);
  return new Date(seconds * 1000).toISOString().replace(".000Z", "Z");
}

/** With six decimals. @throws ProtobufError */
export function formatMicroTime(seconds: number, nanos: number): string {
  const micros = String(Math.trunc(nanos / 1000)).padStart(6, "0");
  return formatTime(seconds).replace("Z", `.${micros}Z`);
}

const unitNanos: readonly (readonly [string, bigint])[] = [
  ["ns", 1n],
  ["us", 1000n],
  ["µs", 1000n],
  ["μs", 1000n],
  ["ms", 1_000_000n],
  ["s", 1_000_000_000n],
  ["m", 60_000_000_000n],
  ["h", 3_600_000_000_000n],
];

/** Nanoseconds of a Go duration such as "1h15m0.5s". @throws ProtobufError */
export function parseDuration(text: string): bigint {
  const refuse = (): never => {
    throw new ProtobufError(`${JSON.stringify(text)} is no duration`);
  };
  const sign = text.startsWith("-") ? -1n : 1n;
  const rest = text.replace(/^[+-]/, "");
  if (rest === "0") return 0n;
  if (!/^(\d{1,19}(\.\d{0,19})?[nu\u00b5\u03bcmsh]{1,2}){1,8}$/.test(rest)) return refuse();
  let nanos = 0n;
  for (const [, whole = "0", fraction = "", unit] of rest.matchAll(/(\d+)\.?(\d*)([nu\u00b5\u03bcmsh]+)/g)) {
    const size = unitNanos.find(([name]) => name === unit)?.[1] ?? refuse();
    nanos +=
      BigInt(whole) * size + (BigInt(fraction === "" ? 0 : fraction) * size) / 10n ** BigInt(fraction.length);
  }
  if (nanos > 2n ** 63n - 1n) return refuse();
  return sign * nanos;
}

/** As Go's Duration.String: the largest unit first, no leading zero units. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return "0s";
  const sign = nanos < 0n ? "-" : "";
  const size = nanos < 0n ? -nanos : nanos;
  if (size < 1000n) return `${sign}${size}ns`;
  if (size < 1_000_000n) return `${sign}${decimal(size, 3)}µs`;
  if (size < 1_000_000_000n) return `${sign}${decimal(size, 6)}ms`;
  const minutes = size / 60_000_000_000n;
  const seconds = `${decimal(size % 60_000_000_000n, 9)}s`;
  if (minutes === 0n) return `${sign}${seconds}`;
  if (minutes < 60n) return `${sign}${minutes}m${seconds}`;
  return `${sign}${minutes / 60n}h${minutes % 60n}m${seconds}`;
}

function decimal(value: bigint, digits: number): string {
  const text = String(value).padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/0+$/, "");
  return fraction === "" ? text.slice(0, -digits) : `${text.slice(0, -digits)}.${fraction}`;
}
