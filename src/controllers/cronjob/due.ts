import { type CronSchedule, formatTime } from "../../apimachinery/index.ts";

/** When a CronJob was last due, and when it is due next; milliseconds since 1970. Pure. */
export interface DueTimes {
  /** The latest time in `(sinceMs, nowMs]`; undefined where there is none. */
  readonly missedMs: number | undefined;
  readonly nextMs: number | undefined;
  /** About how many there were. */
  readonly missedCount: number;
}

/** Upstream's mostRecentScheduleTime: with many missed times it begins to look shortly before the last. */
export function dueTimes(schedule: CronSchedule, timeZone: string, sinceMs: number, nowMs: number): DueTimes {
  const first = schedule.next(sinceMs, timeZone);
  if (first === undefined || first > nowMs) return { missedMs: undefined, nextMs: first, missedCount: 0 };
  const second = schedule.next(first, timeZone);
  if (second === undefined || second > nowMs) return { missedMs: first, nextMs: second, missedCount: 1 };
  const gap = second - first;
  const missedCount = Math.floor((nowMs - first) / gap) + 1;
  let missedMs = first;
  let nextMs: number | undefined = second;
  if (missedCount > 3) nextMs = schedule.next(Math.max(first, nowMs - 2 * gap), timeZone);
  // What is due in uneven steps may have its last time further back.
  if (nextMs === undefined || nextMs > nowMs) nextMs = second;
  while (nextMs !== undefined && nextMs <= nowMs) {
    missedMs = nextMs;
    nextMs = schedule.next(nextMs, timeZone);
  }
  return { missedMs, nextMs, missedCount };
}

/** RFC 3339 as the clocks of the zone show it: `2026-11-27T19:48:00+01:00`, and `Z` where they show UTC. */
export function zonedTime(ms: number, timeZone: string): string {
  const offset = new Intl.DateTimeFormat("en-US", { timeZone, timeZoneName: "longOffset" })
    .formatToParts(ms)
    .find(({ type }) => type === "timeZoneName")?.value;
  const [, sign, hours, minutes] = /^GMT([+-])(\d\d):(\d\d)/.exec(offset ?? "") ?? [];
  if (sign === undefined || `${hours}${minutes}` === "0000") return formatTime(ms);
  const aheadMs = (sign === "+" ? 1 : -1) * (Number(hours) * 60 + Number(minutes)) * 60_000;
  return `${formatTime(ms + aheadMs).slice(0, -1)}${sign}${hours}:${minutes}`;
}
