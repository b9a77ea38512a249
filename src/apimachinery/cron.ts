/**
 * Schedules of CronJobs: the five fields of cron with names, ranges, lists and steps, the `@hourly` family and `@every 90s`, as
 * github.com/robfig/cron/v3 ParseStandard reads them, in any time zone that Intl knows. A field is a set of numbers; the next
 * time is found by leaving out whole months, days and hours in which nothing can be due.
 */
import { parseDuration } from "./time.ts";

/** A schedule that is none; the message is upstream's. */
export class CronError extends Error {}

export interface CronSchedule {
  /** The first time after `afterMs` (milliseconds since 1970) in the zone; undefined where there is none within five years. */
  next(afterMs: number, timeZone?: string): number | undefined;
}

interface FieldRange {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const weekdays = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const ranges: readonly FieldRange[] = [
  { min: 0, max: 59 },
  { min: 0, max: 23 },
  { min: 1, max: 31 },
  { min: 1, max: 12, names: months },
  { min: 0, max: 6, names: weekdays },
];

const descriptors: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

const scheduleCharactersMax = 1_024;
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const horizonMs = 5 * 366 * dayMs;

/** @throws CronError */
export function parseCron(text: string): CronSchedule {
  if (text === "") throw new CronError("empty spec string");
  if (text.length > scheduleCharactersMax) throw new CronError("the schedule is too long");
  if (text.startsWith("@every ")) return every(text.slice("@every ".length), text);
  if (text.startsWith("@") && !Object.hasOwn(descriptors, text)) {
    throw new CronError(`unrecognized descriptor: ${text}`);
  }
  const words = (descriptors[text] ?? text).trim().split(/\s+/);
  if (words.length !== ranges.length) {
    throw new CronError(`expected exactly 5 fields, found ${words.length}: [${words.join(" ")}]`);
  }
  const [minutes, hours, days, monthsOfYear, daysOfWeek] = words.map((word, i) =>
    parseField(word, ranges[i] as FieldRange),
  ) as [CronField, CronField, CronField, CronField, CronField];
  return { next: (afterMs, timeZone = "UTC") => nextOf(afterMs, timeZone) };

  /** A day of the month or a day of the week, where both are restricted. */
  function dayMatches(time: ZonedTime): boolean {
    const day = days.values.has(time.day);
    const weekday = daysOfWeek.values.has(time.weekday);
    return days.open || daysOfWeek.open ? day && weekday : day || weekday;
  }

  function nextOf(afterMs: number, timeZone: string): number | undefined {
    const zone = clockOf(timeZone);
    let at = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
    for (const end = at + horizonMs; at < end; ) {
      const time = zone(at);
      if (!monthsOfYear.values.has(time.month) || !dayMatches(time)) at = nextDay(at, time, zone);
      else if (!hours.values.has(time.hour)) at += (60 - time.minute) * minuteMs;
      else if (!minutes.values.has(time.minute)) at += minuteMs;
      else return at;
    }
    return undefined;
  }
}

/** The first minute of the next day: some days have 23 or 25 hours. */
function nextDay(at: number, time: ZonedTime, zone: (ms: number) => ZonedTime): number {
  let next = at + dayMs - (time.hour * 60 + time.minute) * minuteMs;
  while (zone(next).day === time.day) next += hourMs;
  const over = zone(next);
  const back = next - (over.hour * 60 + over.minute) * minuteMs;
  return zone(back).day === over.day && back > at ? back : next;
}

function every(duration: string, text: string): CronSchedule {
  const nanoseconds = parseDuration(duration);
  if (nanoseconds === undefined) {
    throw new CronError(
      `failed to parse duration ${text}: time: invalid duration ${JSON.stringify(duration)}`,
    );
  }
  const stepMs = Math.max(1, Number(nanoseconds / 1_000_000_000n)) * 1_000;
  return { next: (afterMs) => Math.floor(afterMs / 1_000) * 1_000 + stepMs };
}

interface CronField {
  readonly values: ReadonlySet<number>;
  /** `*` or `?`: says nothing about the day. */
  readonly open: boolean;
}

function parseField(text: string, range: FieldRange): CronField {
  const values = new Set<number>();
  let open = false;
  for (const part of text.split(",").filter((item) => item !== "")) {
    if (parsePart(part, range, values)) open = true;
  }
  return { values, open };
}

/** `*`, `5`, `1-5`, `2/10`, `3-50/7`, `mon-fri`. Answers whether it is open. */
function parsePart(text: string, range: FieldRange, values: Set<number>): boolean {
  const [body = "", stepText, ...moreSteps] = text.split("/");
  const [low = "", high, ...moreBounds] = body.split("-");
  const open = low === "*" || low === "?";
  if (!open && moreBounds.length > 0) throw new CronError(`too many hyphens: ${text}`);
  let start = open ? range.min : parseValue(low, range.names);
  let end = open ? range.max : high === undefined ? start : parseValue(high, range.names);
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`);
  const step = stepText === undefined ? 1 : parseInteger(stepText);
  if (stepText !== undefined && !open && high === undefined) end = range.max;
  if (start < range.min)
    throw new CronError(`beginning of range (${start}) below minimum (${range.min}): ${text}`);
  if (end > range.max) throw new CronError(`end of range (${end}) above maximum (${range.max}): ${text}`);
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`);
  for (; start <= end; start += step) values.add(start);
  return open && step === 1;
}

function parseValue(text: string, names: readonly string[] | undefined): number {
  const index = names?.indexOf(text.toLowerCase()) ?? -1;
  if (index >= 0) return names === months ? index + 1 : index;
  return parseInteger(text);
}

function parseInteger(text: string): number {
  if (!/^[+-]?\d{1,15}$/.test(text)) {
    const quoted = JSON.stringify(text);
    throw new CronError(`failed to parse int from ${text}: strconv.Atoi: parsing ${quoted}: invalid syntax`);
  }
  const value = Number(text);
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return value;
}

interface ZonedTime {
  readonly month: number;
  readonly day: number;
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

/** Whether Intl knows the zone; offsets such as `+01:00`, which it knows too, are none. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const clocks = new Map<string, (ms: number) => ZonedTime>();
const clocksMax = 64;

function clockOf(timeZone: string): (ms: number) => ZonedTime {
  const known = clocks.get(timeZone);
  if (known !== undefined) return known;
  const made = timeZone === "UTC" ? utcTime : zonedClock(timeZone);
  if (clocks.size >= clocksMax) clocks.clear();
  clocks.set(timeZone, made);
  return made;
}

function utcTime(ms: number): ZonedTime {
  const date = new Date(ms);
  return {
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: date.getUTCDay(),
    hour: date.getUTCHours(),
    minute: date.getUTCMinutes(),
  };
}

function zonedClock(timeZone: string): (ms: number) => ZonedTime {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    month: "numeric",
    day: "numeric",
    weekday: "short",
    hour: "numeric",
    minute: "numeric",
    hourCycle: "h23",
  });
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map(({ type, value }) => [type, value]));
    const number = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.get(type));
    return {
      month: number("month"),
      day: number("day"),
      weekday: weekdays.indexOf((parts.get("weekday") ?? "").toLowerCase()),
      hour: number("hour"),
      minute: number("minute"),
    };
  };
}
