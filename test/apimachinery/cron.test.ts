import assert from "node:assert/strict";
import { test } from "node:test";
import { CronError, isTimeZone, parseCron } from "../../src/apimachinery/index.ts";

function after(schedule: string, from: string, times: number, timeZone?: string): string[] {
  const cron = parseCron(schedule);
  const found: string[] = [];
  let at = Date.parse(from);
  for (let i = 0; i < times; i++) {
    at = cron.next(at, timeZone) as number;
    found.push(new Date(at).toISOString().slice(0, 16));
  }
  return found;
}

test("steps, ranges, lists and names are due when cron says", () => {
  assert.deepEqual(after("*/20 * * * *", "2026-01-01T00:00:00Z", 3), [
    "2026-01-01T00:20",
    "2026-01-01T00:40",
    "2026-01-01T01:00",
  ]);
  assert.deepEqual(after("0 9-17/4 * jan,MAR mon-fri", "2026-01-30T13:00:00Z", 2), [
    "2026-01-30T17:00",
    "2026-03-02T09:00",
  ]);
  assert.deepEqual(after("@monthly", "2026-01-31T00:00:00Z", 2), ["2026-02-01T00:00", "2026-03-01T00:00"]);
  assert.deepEqual(after("0 0 29 2 *", "2026-01-01T00:00:00Z", 1), ["2028-02-29T00:00"]);
  assert.equal(parseCron("@every 90s").next(0), 90_000);
});

test("a day of the month and a day of the week are either, where both are restricted", () => {
  assert.deepEqual(after("0 0 13 * fri", "2026-03-01T00:00:00Z", 3), [
    "2026-03-06T00:00",
    "2026-03-13T00:00",
    "2026-03-20T00:00",
  ]);
});

test("a schedule follows its time zone through the changes of summer time", () => {
  assert.deepEqual(after("0 9 * * *", "2026-03-28T00:00:00Z", 2, "Europe/Berlin"), [
    "2026-03-28T08:00",
    "2026-03-29T07:00",
  ]);
  // 02:30 does not exist on that day.
  assert.deepEqual(after("30 2 * * *", "2026-03-28T12:00:00Z", 1, "Europe/Berlin"), ["2026-03-30T00:30"]);
  assert.ok(isTimeZone("America/Sao_Paulo"));
  assert.ok(!isTimeZone("Mars/Base"));
  assert.ok(!isTimeZone("+01:00"));
});

test("what never comes is said to have no next time", () => {
  assert.equal(parseCron("0 0 31 2 *").next(0), undefined);
});

test("a broken schedule is refused with upstream's words", () => {
  const cases: Record<string, string> = {
    "60 * * * *": "end of range (60) above maximum (59): 60",
    "* * 0 * *": "beginning of range (0) below minimum (1): 0",
    "5-3 * * * *": "beginning of range (5) beyond end of range (3): 5-3",
    "*/0 * * * *": "step of range should be a positive number: */0",
    "* * * *": "expected exactly 5 fields, found 4: [* * * *]",
    "@never": "unrecognized descriptor: @never",
    "1-2-3 * * * *": "too many hyphens: 1-2-3",
    "1/2/3 * * * *": "too many slashes: 1/2/3",
  };
  for (const [schedule, message] of Object.entries(cases)) {
    assert.throws(() => parseCron(schedule), new CronError(message));
  }
});
