import assert from "node:assert/strict";
import { test } from "node:test";
import { podMetrics } from "../../src/node/agent/pod-metrics.ts";
import { resourceMetrics } from "../../src/node/agent/resource-metrics.ts";
import type { Usage } from "../../src/node/agent/summary.ts";

const time = "2026-01-01T00:00:10Z";
const usage = (cores: number, bytes: number): Usage => ({
  cpu: { time, usageCoreNanoSeconds: cores * 1e9 },
  memory: { time, usageBytes: bytes, workingSetBytes: bytes, rssBytes: bytes },
});

test("what node, pods and containers use is told in Prometheus' text, with when it was read", () => {
  const startTime = "2026-01-01T00:00:00Z";
  const text = resourceMetrics({
    node: { nodeName: "n1", startTime, fs: {}, ...usage(100, 1_000) },
    pods: [
      {
        podRef: { name: "web", namespace: "default", uid: "1" },
        startTime,
        containers: [
          { name: "a", startTime, ...usage(1.5, 10) },
          { name: "b", startTime, ...usage(2, 20) },
        ],
      },
      { podRef: { name: "idle", namespace: "default", uid: "2" }, startTime, containers: [] },
    ],
  });
  const at = Date.parse(time);
  const started = Date.parse(startTime) / 1000;
  assert.deepEqual(
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#")),
    [
      `container_cpu_usage_seconds_total{container="a",namespace="default",pod="web"} 1.5 ${at}`,
      `container_cpu_usage_seconds_total{container="b",namespace="default",pod="web"} 2 ${at}`,
      `container_memory_working_set_bytes{container="a",namespace="default",pod="web"} 10 ${at}`,
      `container_memory_working_set_bytes{container="b",namespace="default",pod="web"} 20 ${at}`,
      `container_start_time_seconds{container="a",namespace="default",pod="web"} ${started}`,
      `container_start_time_seconds{container="b",namespace="default",pod="web"} ${started}`,
      `node_cpu_usage_seconds_total 100 ${at}`,
      `node_memory_working_set_bytes 1000 ${at}`,
      `pod_cpu_usage_seconds_total{namespace="default",pod="web"} 3.5 ${at}`,
      `pod_memory_working_set_bytes{namespace="default",pod="web"} 30 ${at}`,
      "resource_scrape_error 0",
    ],
  );
  assert.match(
    text,
    /^# HELP container_cpu_usage_seconds_total .*\n# TYPE container_cpu_usage_seconds_total counter\n/,
  );
});

test("what runs on a node is told under the kubelet's names", () => {
  const running = { state: { running: {} } };
  const pods = [
    { metadata: {}, status: { containerStatuses: [running, { state: { waiting: {} } }] } },
    {
      metadata: {},
      status: { initContainerStatuses: [{ state: { terminated: {} } }], containerStatuses: [running] },
    },
    { metadata: {}, status: {} },
    { metadata: {} },
  ];
  const text = podMetrics("n1", pods as never);
  assert.deepEqual(
    text.split("\n").filter((line) => line !== "" && !line.startsWith("#")),
    [
      'kubelet_node_name{node="n1"} 1',
      'kubelet_running_containers{container_state="running"} 2',
      'kubelet_running_containers{container_state="created"} 1',
      'kubelet_running_containers{container_state="exited"} 1',
      "kubelet_running_pods 2",
    ],
  );
});
