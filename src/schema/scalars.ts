/** Texts with a form of their own: base64 and times, with the errors of Go's packages for them. */

const base64Pattern = /^[A-Za-z0-9+/]*={0,2}$/;

/** Whether encoding/base64 (StdEncoding) reads a text: whole groups of four, line breaks ignored. */
export function isBase64(text: string): boolean {
  const joined = text.includes("\n") || text.includes("\r") ? text.replace(/[\r\n]/g, "") : text;
  return joined.length % 4 === 0 && base64Pattern.test(joined) && !/^=|^.=/.test(joined.slice(-4));
}

/** `illegal base64 data at input byte N`, N as encoding/base64 counts it. */
export function base64Error(text: string): string {
  return `illegal base64 data at input byte ${corruptByte(Buffer.from(text, "utf8"))}`;
}

const equalsSign = 0x3d;

function isBase64Byte(byte: number): boolean {
  return (
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    (byte >= 0x30 && byte <= 0x39) ||
    byte === 0x2b ||
    byte === 0x2f
  );
}

/** Walks groups of four as the decoder does; a text that ends within one is corrupt where the group began to lack. */
function corruptByte(bytes: Uint8Array): number {
  let inGroup = 0;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i] as number;
    if (byte === 0x0a || byte === 0x0d) continue;
    if (isBase64Byte(byte)) {
      inGroup = (inGroup + 1) % 4;
      continue;
    }
    if (byte !== equalsSign || inGroup < 2) return i;
    return corruptPadding(bytes, i, inGroup);
  }
  return bytes.length - inGroup;
}

function corruptPadding(bytes: Uint8Array, at: number, inGroup: number): number {
  let next = at + 1;
  const skipBreaks = (): void => {
    while (bytes[next] === 0x0a || bytes[next] === 0x0d) next++;
  };
  if (inGroup === 2) {
    skipBreaks();
    if (next === bytes.length) return bytes.length;
    if (bytes[next] !== equalsSign) return next - 1;
    next++;
  }
  skipBreaks();
  return next;
}

const canonicalSeconds = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;
const timePattern = /^(\d{4})-(\d{2})-(\d{2})T(\d{1,2}):(\d{2}):(\d{2})([.,]\d+)?(Z|[+-]\d{2}:\d{2})$/;

/**
 * An RFC 3339 text as metav1.Time (or MicroTime) writes it again: UTC, whole seconds (or six decimals). Undefined where
 * time.Parse would refuse it.
 */
export function canonicalTime(text: string, micro: boolean): string | undefined {
  // What this server wrote, of a day that every month has.
  if (!micro && canonicalSeconds.test(text)) return text;
  const match = timePattern.exec(text);
  if (match === null) return undefined;
  const fraction = match[7];
  if (micro && !(fraction !== undefined && fraction[0] === "." && fraction.length === 7)) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (
    month < 1 ||
    month > 12 ||
    day < 1 ||
    day > daysIn(year, month) ||
    hour > 23 ||
    minute > 59 ||
    second > 59
  ) {
    return undefined;
  }
  const zone = match[8] as string;
  const zoneHours = Number(zone.slice(1, 3));
  const zoneMinutes = Number(zone.slice(4, 6));
  if (zone !== "Z" && (zoneHours > 24 || zoneMinutes > 60)) return undefined;
  if (zone === "Z" && (micro || fraction === undefined) && (match[4] as string).length === 2) return text;
  const offsetMinutes = zone === "Z" ? 0 : (zone[0] === "-" ? -1 : 1) * (zoneHours * 60 + zoneMinutes);
  const base = new Date(0);
  base.setUTCFullYear(year, month - 1, day);
  base.setUTCHours(hour, minute - offsetMinutes, second);
  const seconds = base.toISOString().slice(0, 19);
  return micro ? `${seconds}${fraction}Z` : `${seconds}Z`;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** Pieces of the two layouts, each with what it reads and how Go names it. */
const layoutPieces: readonly (readonly [
  piece: string,
  pattern: RegExp,
  range?: readonly [string, number, number],
])[] = [
  ["2006", /^\d{4}/],
  ["-", /^-/],
  ["01", /^\d{2}/, ["month", 1, 12]],
  ["-", /^-/],
  ["02", /^\d{2}/],
  ["T", /^T/],
  ["15", /^\d{1,2}/, ["hour", 0, 23]],
  [":", /^:/],
  ["04", /^\d{2}/, ["minute", 0, 59]],
  [":", /^:/],
  ["05", /^\d{2}/, ["second", 0, 59]],
];

/** time.Parse's error for a text that `canonicalTime` refused. */
export function timeError(text: string, micro: boolean): string {
  const layout = micro ? "2006-01-02T15:04:05.000000Z07:00" : "2006-01-02T15:04:05Z07:00";
  const head = `parsing time "${text}" as "${layout}"`;
  const cannot = (rest: string, piece: string): string => `${head}: cannot parse "${rest}" as "${piece}"`;
  let rest = text;
  for (const [piece, pattern, range] of layoutPieces) {
    const read = pattern.exec(rest)?.[0];
    if (read === undefined) return cannot(rest, piece);
    if (range !== undefined && (Number(read) < range[1] || Number(read) > range[2])) {
      return `parsing time "${text}": ${range[0]} out of range`;
    }
    rest = rest.slice(read.length);
  }
  const fraction = /^[.,]\d+/.exec(rest)?.[0];
  if (micro && (fraction === undefined || fraction[0] !== "." || fraction.length !== 7)) {
    const six = /^\.\d{6}/.exec(rest)?.[0];
    if (six === undefined) return cannot(rest, ".000000");
    rest = rest.slice(six.length);
  } else if (fraction !== undefined) rest = rest.slice(fraction.length);
  const zone = /^(Z|[+-]\d{2}:\d{2})/.exec(rest)?.[0];
  if (zone === undefined) return cannot(rest, "Z07:00");
  if (rest.length > zone.length) return `parsing time "${text}": extra text: "${rest.slice(zone.length)}"`;
  return `parsing time "${text}": day out of range`;
}
