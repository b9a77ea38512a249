import assert from "node:assert/strict";
import { test } from "node:test";
import { createLog, createMetrics, type LogOptions } from "../../src/telemetry/index.ts";

test("metrics are shown in Prometheus' text format", () => {
  const metrics = createMetrics();
  const requests = metrics.counter("requests_total", "Requests\nby verb.", ["verb", "path"]);
  requests.with("get", 'a"b\\c\nd').add();
  requests.with("get", 'a"b\\c\nd').add(2);
  requests.with("put", "/").add(0.5);
  let depth = 3;
  metrics.gauge("depth", "Now.", () => depth);
  const seconds = metrics.histogram("seconds", "How long.", [0.1, 1]).with();
  for (const value of [0.05, 0.1, 0.5, 7]) seconds.observe(value);
  depth = 4;
  assert.equal(
    metrics.expose(),
    [
      "# HELP depth Now.",
      "# TYPE depth gauge",
      "depth 4",
      "# HELP requests_total Requests\\nby verb.",
      "# TYPE requests_total counter",
      'requests_total{path="a\\"b\\\\c\\nd",verb="get"} 3',
      'requests_total{path="/",verb="put"} 0.5',
      "# HELP seconds How long.",
      "# TYPE seconds histogram",
      'seconds_bucket{le="0.1"} 2',
      'seconds_bucket{le="1"} 3',
      'seconds_bucket{le="+Inf"} 4',
      "seconds_sum 7.65",
      "seconds_count 4",
      "",
    ].join("\n"),
  );
  assert.throws(() => metrics.counter("depth", ""), /exists already/);
  assert.throws(() => requests.with("one"), /1 values for 2 labels/);
});

test("labels that clients choose cannot fill the memory", () => {
  const metrics = createMetrics();
  const paths = metrics.counter("paths_total", "", ["path"]);
  for (let i = 0; i < 5000; i++) paths.with(`/${i}`).add();
  const lines = metrics.expose().split("\n");
  assert.ok(lines.length < 1010, `${lines.length} lines`);
  assert.ok(lines.includes('paths_total{path="other"} 4000'));
});

test("a line of the log is whole, whatever is in it", () => {
  const written = (format: LogOptions["format"]) => {
    const lines: string[] = [];
    const log = createLog({ sink: (line) => lines.push(line), now: () => 0, level: "info", format });
    log.debug("not this");
    log
      .channel("a")
      .channel("b")
      .warn("text\nwith a line end", { id: 7n, error: new Error("why"), level: "spoof" });
    return lines;
  };
  const [json] = written("json");
  assert.deepEqual(JSON.parse(json ?? ""), {
    time: "1970-01-01T00:00:00.000Z",
    level: "warn",
    channel: "a.b",
    message: "text\nwith a line end",
    id: "7",
    error: "why",
  });
  const [text] = written("text");
  assert.equal(
    text,
    '1970-01-01T00:00:00.000Z warn  a.b: text with a line end id="7" error="why" level="spoof"\n',
  );
  assert.equal(written("text").length, 1);
});
