import assert from "node:assert/strict";
import { test } from "node:test";
import { afterStart, durationText, waitBeforeStart } from "../../src/node/process/crash-backoff.ts";
import type { Container, Pod } from "../../src/node/process/pod.ts";
import {
  type ContainerRecord,
  decodeRecord,
  encodeRecord,
  type PodRecord,
} from "../../src/node/process/records.ts";
import { phaseOf, podStatus } from "../../src/node/process/status.ts";

const ended = (exitCode: number) => ({
  exitCode,
  reason: exitCode === 0 ? "Completed" : "Error",
  startedAt: 1_000,
  finishedAt: 2_000,
  id: "process://1",
});

function record(name: string, change: Partial<ContainerRecord>): ContainerRecord {
  const state = { kind: "waiting", reason: "ContainerCreating" } as const;
  return { name, state, last: undefined, starts: 0, started: false, ready: false, ...change };
}

const running = { kind: "running", startedAt: 1_000, pid: 1, startTime: "", id: "process://2" } as const;

function recordOf(...containers: ContainerRecord[]): PodRecord {
  return {
    uid: "u",
    namespace: "d",
    name: "p",
    podIp: "127.128.0.2",
    acceptedAt: 500,
    containers: new Map(containers.map((one) => [one.name, one])),
    failure: undefined,
  };
}

function podOf(spec: Partial<Pod["spec"]>, ...names: string[]): Pod {
  const containers: Container[] = names.map((name) => ({ name, image: "host" }));
  return { metadata: { name: "p", namespace: "d", uid: "u", generation: 1 }, spec: { containers, ...spec } };
}

const ready = { state: running, starts: 1, started: true, ready: true };

test("a pod's phase follows its containers as the kubelet's does", () => {
  const of = (policy: "Always" | "OnFailure" | "Never", ...states: Partial<ContainerRecord>[]) => {
    const names = states.map((_, position) => `c${position}`);
    const pod = podOf({ restartPolicy: policy }, ...names);
    return phaseOf(pod, recordOf(...states.map((state, position) => record(`c${position}`, state))), false);
  };
  const done = (code: number) => ({ state: { kind: "terminated", ...ended(code) } as const, starts: 1 });
  const crashed = {
    state: { kind: "waiting", reason: "CrashLoopBackOff" } as const,
    last: ended(1),
    starts: 1,
  };
  assert.equal(of("Always", {}), "Pending");
  assert.equal(of("Always", ready), "Running");
  assert.equal(of("Always", ready, {}), "Pending");
  assert.equal(of("Always", done(1)), "Running");
  assert.equal(of("Always", crashed), "Running");
  assert.equal(of("Never", done(0)), "Succeeded");
  assert.equal(of("Never", done(0), done(3)), "Failed");
  assert.equal(of("Never", done(0), ready), "Running");
  assert.equal(of("OnFailure", done(1)), "Running");
  assert.equal(of("OnFailure", done(0)), "Succeeded");
});

test("init containers keep a pod pending, and one that failed for good fails it", () => {
  const pod = podOf({ restartPolicy: "Never", initContainers: [{ name: "i" }] }, "c");
  assert.equal(phaseOf(pod, recordOf(record("i", ready)), false), "Pending");
  const failed = record("i", { state: { kind: "terminated", ...ended(1) }, starts: 1 });
  assert.equal(phaseOf(pod, recordOf(failed), false), "Failed");
  const status = podStatus({
    pod,
    record: recordOf(record("i", ready)),
    hostIp: "192.0.2.1",
    prepared: true,
    terminal: false,
    nowMs: 3_000,
  });
  const initialized = status.conditions.find(({ type }: { type: string }) => type === "Initialized");
  assert.equal(initialized.message, "containers with incomplete status: [i]");
  assert.equal(status.containerStatuses[0].state.waiting.reason, "PodInitializing");
});

test("a status says what a kubelet would say", () => {
  const pod = podOf({}, "a", "b");
  const one = recordOf(
    record("a", ready),
    record("b", { ...ready, ready: false, starts: 3, last: ended(1) }),
  );
  const status = podStatus({
    pod,
    record: one,
    hostIp: "192.0.2.1",
    prepared: true,
    terminal: false,
    nowMs: 3_000,
  });
  assert.equal(status.phase, "Running");
  const of = (type: string) =>
    status.conditions.find((condition: { type: string }) => condition.type === type);
  assert.deepEqual(
    { ...of("Ready") },
    {
      type: "Ready",
      status: "False",
      reason: "ContainersNotReady",
      message: "containers with unready status: [b]",
      observedGeneration: 1,
      lastProbeTime: null,
      lastTransitionTime: "1970-01-01T00:00:03Z",
    },
  );
  assert.equal(of("PodReadyToStartContainers").status, "True");
  assert.deepEqual(status.containerStatuses[1], {
    name: "b",
    state: { running: { startedAt: "1970-01-01T00:00:01Z" } },
    lastState: {
      terminated: {
        exitCode: 1,
        reason: "Error",
        startedAt: "1970-01-01T00:00:01Z",
        finishedAt: "1970-01-01T00:00:02Z",
        containerID: "process://1",
      },
    },
    ready: false,
    restartCount: 2,
    image: "host",
    imageID: "host",
    containerID: "process://2",
    started: true,
  });
});

test("an agent that reads its record back knows what it knew; a broken one is none", () => {
  const one = recordOf(record("a", ready), record("b", { last: ended(2) }));
  assert.deepEqual(decodeRecord(encodeRecord(one)), one);
  for (const text of ["", "{}", "null", '{"uid":1}', encodeRecord(one).slice(0, -5)])
    assert.equal(decodeRecord(text), undefined);
});

test("who crashes again and again waits longer each time, up to five minutes, and starts over after ten", () => {
  let crash: Parameters<typeof waitBeforeStart>[0];
  let now = 0;
  const waits: number[] = [];
  for (let crashes = 0; crashes < 8; crashes++) {
    const endedAt = now;
    const wait = waitBeforeStart(crash, endedAt, now);
    waits.push(wait / 1000);
    now += wait;
    crash = afterStart(crash, endedAt);
    now += 100;
  }
  assert.deepEqual(waits, [0, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(waitBeforeStart(crash, now + 700_000, now + 700_000), 0);
  assert.equal(durationText(10_000), "10s");
  assert.equal(durationText(300_000), "5m0s");
});
