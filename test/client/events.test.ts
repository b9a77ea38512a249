import assert from "node:assert/strict";
import { test } from "node:test";
import { createEventSink } from "../../src/client/index.ts";
import { createWorld, type World } from "./world.ts";

const pod = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "p", namespace: "default", uid: "u", resourceVersion: "7" },
};

function recorderOf(world: World, component: string) {
  const { signal } = new AbortController();
  return createEventSink({ ...world, hostName: "vm", signal }).recorder(component);
}

test("an event has the fields that upstream's recorder writes", async () => {
  const world = createWorld();
  const recorder = recorderOf(world, "deployment-controller");
  recorder.event(pod, "Normal", "ScalingReplicaSet", "Scaled up replica set x from 0 to 2");
  await recorder.flush();
  const [event] = world.api.all("events");
  assert.match(event?.metadata.name as string, /^p\.[0-9a-f]{15,16}$/);
  const {
    metadata: _,
    kind: __,
    apiVersion: ___,
    ...fields
  } = event as object & { metadata: object; kind: string; apiVersion: string };
  assert.deepEqual(fields, {
    involvedObject: {
      kind: "Pod",
      namespace: "default",
      name: "p",
      uid: "u",
      apiVersion: "v1",
      resourceVersion: "7",
    },
    reason: "ScalingReplicaSet",
    message: "Scaled up replica set x from 0 to 2",
    source: { component: "deployment-controller" },
    firstTimestamp: "2023-11-14T22:13:20Z",
    lastTimestamp: "2023-11-14T22:13:20Z",
    count: 1,
    type: "Normal",
    reportingComponent: "deployment-controller",
    reportingInstance: "",
  });
});

test("equal events are counted in one object", async () => {
  const world = createWorld();
  const recorder = recorderOf(world, "c");
  for (let i = 0; i < 3; i++) recorder.event(pod, "Normal", "R", "same");
  await recorder.flush();
  world.clock.advance(5_000);
  recorder.event(pod, "Normal", "R", "same");
  await recorder.flush();
  const events = world.api.all("events");
  assert.equal(events.length, 1);
  assert.deepEqual([events[0]?.count, events[0]?.lastTimestamp], [4, "2023-11-14T22:13:25Z"]);
});

test("the eleventh of many similar events is combined, and one object cannot flood the store", async () => {
  const world = createWorld();
  const recorder = recorderOf(world, "c");
  for (let i = 0; i < 100; i++) recorder.event(pod, "Normal", "R", `message ${i}`);
  await recorder.flush();
  const events = world.api.all("events");
  assert.equal(events.length, 10);
  assert.match(events.at(-1)?.message, /^\(combined from similar events\): message/);
  assert.equal(
    world.api.requests.filter((request) => request.startsWith("P")).length,
    25,
    "25 writes, then no more",
  );
});

test("an action is written in the newer form and its repetitions become a series", async () => {
  const world = createWorld();
  const recorder = recorderOf(world, "default-scheduler");
  for (let i = 0; i < 3; i++) recorder.action(pod, "Warning", "FailedScheduling", "Scheduling", "no nodes");
  await recorder.flush();
  const [event, ...others] = world.api.all("events");
  assert.equal(others.length, 0);
  assert.deepEqual(
    [event?.reportingInstance, event?.action, event?.source, event?.series.count],
    ["default-scheduler-vm", "Scheduling", {}, 2],
  );
});
