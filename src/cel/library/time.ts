import type { Library } from "../functions.ts";
import { split } from "../timestamps.ts";
import { type Duration, fail, type Result, type Timestamp } from "../values.ts";

/** The parts of a timestamp as a clock in some place shows them. */
interface WallClock {
  readonly date: Date;
  readonly nanoseconds: bigint;
}

type Read = (clock: WallClock) => bigint;

function accessor(read: Read): Library[string] {
  const inUtc = (value: Timestamp): Result => {
    const { milliseconds, fraction } = split(value.nanoseconds);
    return read({ date: new Date(milliseconds), nanoseconds: fraction });
  };
  return {
    "timestamp.() -> int": inUtc,
    "timestamp.(string) -> int": (value: Timestamp, zone: string): Result => {
      const { milliseconds, fraction } = split(value.nanoseconds);
      const offset = offsetOf(zone, milliseconds);
      if (offset === undefined) return fail(`unknown time zone ${zone}`);
      return read({ date: new Date(milliseconds + offset), nanoseconds: fraction });
    },
  };
}

/** How far a zone (`UTC`, `Europe/Berlin`, `+02:00`) is ahead at a moment, in milliseconds; undefined where there is no such zone. */
function offsetOf(zone: string, milliseconds: number): number | undefined {
  if (zone === "" || zone === "UTC") return 0;
  const fixed = /^([+-])?(\d{1,2}):(\d{2})$/.exec(zone);
  if (fixed !== null) {
    const minutes = Number(fixed[2]) * 60 + Number(fixed[3]);
    return (fixed[1] === "-" ? -minutes : minutes) * 60_000;
  }
  if (!/^[A-Za-z_+\-/0-9]{1,64}$/.test(zone)) return undefined;
  try {
    const parts = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      calendar: "gregory",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    }).formatToParts(milliseconds);
    const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value);
    const local = Date.UTC(
      part("year"),
      part("month") - 1,
      part("day"),
      part("hour"),
      part("minute"),
      part("second"),
    );
    return local - milliseconds;
  } catch {
    return undefined;
  }
}

const dayMilliseconds = 86_400_000;

function dayOfYear({ date }: WallClock): bigint {
  return BigInt(Math.floor((date.getTime() - Date.UTC(date.getUTCFullYear(), 0, 1)) / dayMilliseconds));
}

const withDuration = (read: Read, of: (value: Duration) => bigint): Library[string] => ({
  ...accessor(read),
  "duration.() -> int": of,
});

export const timeLibrary: Library = {
  getFullYear: accessor(({ date }) => BigInt(date.getUTCFullYear())),
  getMonth: accessor(({ date }) => BigInt(date.getUTCMonth())),
  getDayOfYear: accessor(dayOfYear),
  getDayOfMonth: accessor(({ date }) => BigInt(date.getUTCDate() - 1)),
  getDate: accessor(({ date }) => BigInt(date.getUTCDate())),
  getDayOfWeek: accessor(({ date }) => BigInt(date.getUTCDay())),
  getHours: withDuration(
    ({ date }) => BigInt(date.getUTCHours()),
    (value) => value.nanoseconds / 3_600_000_000_000n,
  ),
  getMinutes: withDuration(
    ({ date }) => BigInt(date.getUTCMinutes()),
    (value) => value.nanoseconds / 60_000_000_000n,
  ),
  getSeconds: withDuration(
    ({ date }) => BigInt(date.getUTCSeconds()),
    (value) => value.nanoseconds / 1_000_000_000n,
  ),
  getMilliseconds: withDuration(
    ({ nanoseconds }) => nanoseconds / 1_000_000n,
    (value) => (value.nanoseconds / 1_000_000n) % 1000n,
  ),
};
