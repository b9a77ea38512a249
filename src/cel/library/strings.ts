import type { Library } from "../functions.ts";
import { stringCharactersMax } from "../limits.ts";
import { ArrayList, fail, type ListValue, type Result, type Value } from "../values.ts";
import { formatString } from "./string-format.ts";

/** Indexes count code points. */
const points = (text: string): string[] => Array.from(text);

const outOfRange = (index: bigint): Result => fail(`index out of range: ${index}`);

function mapAscii(text: string, pattern: RegExp, shift: number): string {
  return text.replace(pattern, (letter) => String.fromCharCode(letter.charCodeAt(0) + shift));
}

function indexOf(text: string, part: string, from: bigint): Result {
  if (from < 0n) return outOfRange(from);
  const all = points(text);
  if (part === "") return from <= BigInt(all.length) ? from : outOfRange(from);
  if (from >= BigInt(all.length)) return from === 0n ? -1n : outOfRange(from);
  const skipped = all.slice(0, Number(from)).join("").length;
  const found = text.indexOf(part, skipped);
  return found === -1 ? -1n : BigInt(points(text.slice(0, found)).length);
}

function lastIndexOf(text: string, part: string, from?: bigint): Result {
  const all = points(text);
  if (from !== undefined && (from < 0n || from >= BigInt(Math.max(1, all.length)))) return outOfRange(from);
  const limit = from === undefined ? Number.POSITIVE_INFINITY : all.slice(0, Number(from)).join("").length;
  const found = text.lastIndexOf(part, limit);
  return found === -1 ? -1n : BigInt(points(text.slice(0, found)).length);
}

function substring(text: string, start: bigint, end?: bigint): Result {
  const all = points(text);
  const length = BigInt(all.length);
  if (end !== undefined && start > end) return fail(`invalid substring range. start: ${start}, end: ${end}`);
  if (start < 0n || start > length) return outOfRange(start);
  if (end !== undefined && (end < 0n || end > length)) return outOfRange(end);
  return all.slice(Number(start), end === undefined ? undefined : Number(end)).join("");
}

function replace(text: string, old: string, by: string, limit: bigint): Result {
  if (limit === 0n) return text;
  const parts = old === "" ? points(text) : text.split(old);
  const gaps = old === "" ? parts.length + 1 : parts.length - 1;
  const count = limit < 0n ? gaps : Math.min(gaps, Number(limit));
  if (text.length + count * by.length > stringCharactersMax) return fail("string too long");
  if (old === "") {
    return (
      parts.map((part, at) => (at < count ? by + part : part)).join("") + (count > parts.length ? by : "")
    );
  }
  return (
    parts.slice(0, count + 1).join(by) +
    parts
      .slice(count + 1)
      .map((part) => old + part)
      .join("")
  );
}

function split(text: string, separator: string, limit: bigint): Result {
  if (limit === 0n) return new ArrayList([]);
  if (limit === 1n) return new ArrayList([text]);
  const parts = separator === "" ? points(text) : text.split(separator);
  if (limit < 0n || BigInt(parts.length) <= limit) return new ArrayList(parts);
  const kept = Number(limit) - 1;
  return new ArrayList([...parts.slice(0, kept), parts.slice(kept).join(separator)]);
}

function join(list: ListValue, separator: string): Result {
  const texts: string[] = [];
  let length = 0;
  for (let i = 0; i < list.size; i++) {
    const value: Value = list.at(i);
    if (typeof value !== "string") return fail(`join: invalid input: ${String(value)}`);
    texts.push(value);
    length += value.length + separator.length;
    if (length > stringCharactersMax) return fail("string too long");
  }
  return texts.join(separator);
}

/** unicode.IsSpace, which JavaScript's trim knows but for U+0085 (and U+FEFF, which it takes for one). */
const spaces = "[\\t\\n\\v\\f\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const leading = new RegExp(`^${spaces}`, "u");
const trailing = new RegExp(spaces.replace(/\+$/, ""), "u");

function trim(text: string): string {
  const start = leading.exec(text)?.[0].length ?? 0;
  let end = text.length;
  while (end > start && trailing.test(text[end - 1] as string)) end--;
  return text.slice(start, end);
}

export const stringLibrary: Library = {
  contains: { "string.(string) -> bool": (text: string, part: string) => text.includes(part) },
  startsWith: { "string.(string) -> bool": (text: string, part: string) => text.startsWith(part) },
  endsWith: { "string.(string) -> bool": (text: string, part: string) => text.endsWith(part) },
  charAt: {
    "string.(int) -> string": (text: string, at: bigint) => {
      const all = points(text);
      if (at < 0n || at > BigInt(all.length)) return outOfRange(at);
      return all[Number(at)] ?? "";
    },
  },
  indexOf: {
    "string.(string) -> int": (text: string, part: string) => indexOf(text, part, 0n),
    "string.(string, int) -> int": indexOf,
  },
  lastIndexOf: {
    "string.(string) -> int": (text: string, part: string) => lastIndexOf(text, part),
    "string.(string, int) -> int": lastIndexOf,
  },
  lowerAscii: { "string.() -> string": (text: string) => mapAscii(text, /[A-Z]/g, 32) },
  upperAscii: { "string.() -> string": (text: string) => mapAscii(text, /[a-z]/g, -32) },
  replace: {
    "string.(string, string) -> string": (text: string, old: string, by: string) =>
      replace(text, old, by, -1n),
    "string.(string, string, int) -> string": replace,
  },
  split: {
    "string.(string) -> list(string)": (text: string, separator: string) => split(text, separator, -1n),
    "string.(string, int) -> list(string)": split,
  },
  substring: {
    "string.(int) -> string": (text: string, start: bigint) => substring(text, start),
    "string.(int, int) -> string": substring,
  },
  trim: { "string.() -> string": trim },
  format: { "string.(list(dyn)) -> string": formatString },
  "strings.quote": { "(string) -> string": quote },
  join: {
    "list(string).() -> string": (list: ListValue) => join(list, ""),
    "list(string).(string) -> string": join,
  },
};

const quoted: Readonly<Record<string, string>> = {
  "\u0007": "\\a",
  "\b": "\\b",
  "\f": "\\f",
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
  "\v": "\\v",
  "\\": "\\\\",
  '"': '\\"',
};

function quote(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what Go escapes.
  return `"${text.replace(/[\u0007\b\f\n\r\t\v\\"]/g, (character) => quoted[character] as string)}"`;
}
