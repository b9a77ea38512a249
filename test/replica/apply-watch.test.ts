import assert from "node:assert/strict";
import { test } from "node:test";
import { noLease } from "../../src/base/index.ts";
import type { PutOp } from "../../src/kv/index.ts";
import type { Clock } from "../../src/platform/index.ts";
import { ApplyDurations } from "../../src/replica/apply-durations.ts";
import { ApplyWatch } from "../../src/replica/apply-watch.ts";
import type { Command } from "../../src/replica/command.ts";
import { createMetrics } from "../../src/telemetry/index.ts";

const op: PutOp = {
  type: "put",
  key: Uint8Array.of(1),
  value: Uint8Array.of(2),
  lease: noLease,
  prevKv: false,
  ignoreValue: false,
  ignoreLease: false,
};
const put: Command = { type: "txn", txn: { compare: [], success: [op], failure: [] } };
const txn: Command = { type: "txn", txn: { compare: [], success: [op, op], failure: [] } };

/** Applies commands that take so many milliseconds; answers sums and counts of the series, and how often the time was asked for. */
function measured(...applied: readonly (readonly [Command, milliseconds: number, succeeds?: boolean])[]) {
  let [now, asked] = [1000, 0];
  const clock = {
    monotonic() {
      asked++;
      return now;
    },
  } as Clock;
  const metrics = createMetrics();
  const watch = new ApplyWatch(clock, new ApplyDurations(metrics));
  watch.start();
  for (const [command, milliseconds, succeeds = true] of applied) {
    watch.begins(command);
    now += milliseconds;
    watch.ended(command, succeeds);
  }
  watch.stop();
  const text = metrics.expose();
  const of = (op: string, success = "true") => {
    const value = (what: string) =>
      Number(
        new RegExp(`_${what}{op="${op}",success="${success}",version="v3"} (.*)`).exec(text)?.[1] ??
          Number.NaN,
      );
    return { count: value("count"), milliseconds: Math.round(value("sum") * 1e6) / 1e3 };
  };
  return { of, asked };
}

test("puts that follow each other are measured as one, and all of them are counted", () => {
  const { of, asked } = measured([put, 1], [put, 2], [put, 6]);
  assert.deepEqual(of("Put"), { count: 3, milliseconds: 9 });
  assert.equal(asked, 2);
});

test("what stands between puts is measured by itself", () => {
  const { of } = measured([put, 1], [put, 1], [txn, 40], [put, 5], [txn, 30]);
  assert.deepEqual(of("Put"), { count: 3, milliseconds: 7 });
  assert.deepEqual(of("Txn"), { count: 2, milliseconds: 70 });
});

test("a put that fails takes its share of the puts before it, and is none of those that succeeded", () => {
  const { of } = measured([put, 1], [put, 3, false], [put, 5]);
  assert.deepEqual(of("Put"), { count: 2, milliseconds: 7 });
  assert.deepEqual(of("Put", "false"), { count: 1, milliseconds: 2 });
});
