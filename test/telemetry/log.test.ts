import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, type LogOptions } from "../../src/telemetry/index.ts";

function logTo(lines: string[], options: Partial<LogOptions> = {}) {
  return createLog({
    sink: (line) => lines.push(line),
    now: () => 0,
    level: "info",
    format: "json",
    ...options,
  });
}

test("a line carries time, level, channel and fields, and fields never pass for the line's own", () => {
  const lines: string[] = [];
  logTo(lines)
    .channel("raft")
    .channel("vote")
    .warn("lost", { term: 7n, level: "fake", error: new Error("boom") });
  assert.deepEqual(
    lines.map((line) => JSON.parse(line)),
    [
      {
        term: "7",
        level: "warn",
        error: "boom",
        time: "1970-01-01T00:00:00.000Z",
        channel: "raft.vote",
        message: "lost",
      },
    ],
  );
});

test("what is less than the level is not written", () => {
  const lines: string[] = [];
  const log = logTo(lines, { level: "warn" });
  log.debug("a");
  log.info("b");
  log.error("c");
  assert.equal(lines.length, 1);
});

test("text for people fits on one line, whatever the message's fields hold", () => {
  const lines: string[] = [];
  logTo(lines, { format: "text" }).info("hello", { text: "two\nlines" });
  assert.deepEqual(lines, ['1970-01-01T00:00:00.000Z info  hello text="two\\nlines"\n']);
});
