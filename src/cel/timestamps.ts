const pattern =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Nanoseconds since 1970 of an RFC 3339 text; undefined where it is none. */
export function readTimestamp(text: string): bigint | undefined {
  const match = pattern.exec(text);
  if (match === null) return undefined;
  const [, year = "", month = "", day = "", hour = "", minute = "", second = "", fraction = "", zone = ""] =
    match;
  const milliseconds = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone.toUpperCase()}`);
  if (Number.isNaN(milliseconds)) return undefined;
  // Date takes February 30 for March 2.
  const days = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  if (Number(day) > days && Number(year) >= 100) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, "0") || "0");
}

/** RFC 3339 in UTC, with as many decimals as there are. */
export function formatTimestamp(nanoseconds: bigint): string {
  const { milliseconds, fraction } = split(nanoseconds);
  const decimals = String(fraction).padStart(9, "0").replace(/0+$/, "");
  return `${new Date(milliseconds).toISOString().slice(0, 19)}${decimals === "" ? "" : `.${decimals}`}Z`;
}

/** Whole seconds in milliseconds, and the nanoseconds beyond them. */
export function split(nanoseconds: bigint): { milliseconds: number; fraction: bigint } {
  let fraction = nanoseconds % 1_000_000_000n;
  if (fraction < 0n) fraction += 1_000_000_000n;
  return { milliseconds: Number((nanoseconds - fraction) / 1_000_000n), fraction };
}
