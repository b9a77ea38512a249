import assert from "node:assert/strict";
import { test } from "node:test";
import { type KubeObject, StatusError } from "../../src/apimachinery/index.ts";
import { zonedTime } from "../../src/controllers/cronjob/due.ts";
import { settle } from "../client/world.ts";
import { type Cluster, startCluster } from "./cluster.ts";

const of = (group: string, resource: string) => ({ group, version: "v1", resource, namespace: "default" });
const statefulSets = of("apps", "statefulsets");
const daemonSets = of("apps", "daemonsets");
const jobs = of("batch", "jobs");
const cronJobs = of("batch", "cronjobs");

function template(app: string, more: object = {}, annotations: Record<string, string> = {}) {
  return {
    metadata: { labels: { app }, annotations },
    spec: { containers: [{ name: "c", image: "i:1" }], ...more },
  };
}

const names = (cluster: Cluster): string[] =>
  cluster.api
    .all("pods")
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name as string)
    .sort();

test("a StatefulSet makes its pods one after the other, and a rolling update stops at the partition", async () => {
  const cluster = await startCluster();
  const slow = { "hollow.raftsman.dev/ready-after": "5s" };
  await cluster.client.create(statefulSets, {
    metadata: { name: "db", namespace: "default", generation: 1 },
    spec: {
      replicas: 3,
      serviceName: "db",
      podManagementPolicy: "OrderedReady",
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { partition: 2 } },
      selector: { matchLabels: { app: "db" } },
      template: template("db", {}, slow),
    },
  });
  await cluster.until("the first pod is there", () => names(cluster).length === 1);
  assert.deepEqual(names(cluster), ["db-0"]);
  const status = () => cluster.api.get("statefulsets", "default", "db")?.status ?? {};
  await cluster.until("all are ready", () => status().readyReplicas === 3, { stepMs: 1_000 });
  const before = cluster.api.all("pods").map(({ metadata }) => metadata.uid);
  await cluster.client.patch(statefulSets, "db", {
    type: "merge",
    body: { spec: { template: { spec: { containers: [{ name: "c", image: "i:2" }] } } } },
  });
  await cluster.until(
    "one is updated",
    () => status().updatedReplicas === 1 && status().readyReplicas === 3,
    {
      stepMs: 1_000,
    },
  );
  const kept = cluster.api.all("pods").filter(({ metadata }) => before.includes(metadata.uid));
  assert.deepEqual(kept.map(({ metadata }) => metadata.name).sort(), ["db-0", "db-1"]);
  assert.notEqual(status().currentRevision, status().updateRevision);
  await cluster.client.patch(statefulSets, "db", { type: "merge", body: { spec: { replicas: 1 } } });
  await cluster.until("the lowest remains", () => names(cluster).join() === "db-0", { stepMs: 1_000 });
  await cluster.stop();
});

test("a DaemonSet has one pod on every node that it fits, and follows the nodes", async () => {
  const cluster = await startCluster({ nodes: 3 });
  const tainted = { group: "", version: "v1", resource: "nodes" };
  await cluster.client.patch(tainted, "node-2", {
    type: "merge",
    body: { spec: { taints: [{ key: "own", effect: "NoSchedule" }] } },
  });
  await cluster.client.create(daemonSets, {
    metadata: { name: "agent", namespace: "default", generation: 1 },
    spec: {
      selector: { matchLabels: { app: "agent" } },
      template: template("agent"),
      updateStrategy: { type: "RollingUpdate", rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
    },
  });
  const status = () => cluster.api.get("daemonsets", "default", "agent")?.status ?? {};
  await cluster.until("two run", () => status().numberAvailable === 2);
  assert.equal(status().desiredNumberScheduled, 2);
  const places = (): string[] =>
    cluster.api
      .all("pods")
      .map(({ spec }) => spec?.nodeName)
      .sort();
  assert.deepEqual(places(), ["node-0", "node-1"]);
  await cluster.client.patch(tainted, "node-2", { type: "merge", body: { spec: { taints: null } } });
  await cluster.until("three run", () => status().numberAvailable === 3);
  assert.deepEqual(places(), ["node-0", "node-1", "node-2"]);
  await cluster.client.patch(daemonSets, "agent", {
    type: "merge",
    body: { metadata: { generation: 2 }, spec: { template: { spec: { nodeSelector: { own: "yes" } } } } },
  });
  await cluster.until("none fits", () => cluster.api.all("pods").length === 0, { stepMs: 1_000 });
  await cluster.stop();
});

function job(name: string, exitCode: number, more: object = {}): KubeObject {
  return {
    metadata: { name, namespace: "default", generation: 1 },
    spec: {
      parallelism: 1,
      completions: 1,
      backoffLimit: 1,
      selector: { matchLabels: { app: name } },
      template: template(
        name,
        { restartPolicy: "Never" },
        { "hollow.raftsman.dev/exit-code": `${exitCode}` },
      ),
      ...more,
    },
  };
}

test("a Job that keeps failing is tried again after a while, and given up at its limit", async () => {
  const cluster = await startCluster();
  await cluster.client.create(jobs, job("bad", 3));
  const status = () => cluster.api.get("jobs", "default", "bad")?.status ?? {};
  await cluster.until("one failed", () => status().failed === 1);
  assert.equal(cluster.api.all("pods").length, 1, "the second waits its ten seconds");
  const failed = () => (status().conditions ?? []).find(({ type }: { type: string }) => type === "Failed");
  await cluster.until("it is given up", () => failed() !== undefined, { stepMs: 1_000 });
  assert.equal(failed().reason, "BackoffLimitExceeded");
  assert.equal(status().failed, 2);
  assert.deepEqual(
    cluster.api.all("pods").flatMap(({ metadata }) => metadata.finalizers ?? []),
    [],
  );
  await cluster.stop();
});

test("a Job whose pods are refused has begun all the same, and tries again no sooner than after a second", async () => {
  const cluster = await startCluster();
  let tries = 0;
  cluster.api.intercept = (request) => {
    if (request.method !== "POST" || !request.path.endsWith("/pods")) return undefined;
    tries++;
    return new StatusError({ status: "Failure", code: 403, reason: "Forbidden", message: "no quota" });
  };
  await cluster.client.create(jobs, job("refused", 3));
  const status = () => cluster.api.get("jobs", "default", "refused")?.status ?? {};
  await cluster.until("it has begun", () => status().startTime !== undefined);
  assert.equal(tries, 1);
  await cluster.until("it tries again", () => tries === 2, { stepMs: 250 });
  cluster.api.intercept = undefined;
  await cluster.stop();
});

test("a CronJob that forbids concurrency makes no second Job while the first one runs", async () => {
  const cluster = await startCluster({ controllers: "*,-job-controller" });
  await cluster.client.create(cronJobs, {
    metadata: { name: "tick", namespace: "default" },
    spec: {
      schedule: "* * * * *",
      concurrencyPolicy: "Forbid",
      jobTemplate: { spec: job("tick", 0).spec },
      successfulJobsHistoryLimit: 1,
    },
  });
  const all = () => cluster.api.all("jobs");
  await cluster.until("one is made", () => all().length === 1, { stepMs: 5_000 });
  for (let minute = 0; minute < 4; minute++) {
    cluster.clock.advance(60_000);
    await settle();
  }
  assert.equal(all().length, 1);
  await cluster.stop();
});

test("a Job says when it was due by the clocks of its CronJob's zone", () => {
  assert.equal(zonedTime(Date.UTC(2026, 10, 27, 18, 48), "Europe/Berlin"), "2026-11-27T19:48:00+01:00");
  assert.equal(zonedTime(Date.UTC(2026, 10, 27, 2, 0), "America/St_Johns"), "2026-11-26T22:30:00-03:30");
  assert.equal(zonedTime(Date.UTC(2026, 10, 27, 2, 0), "UTC"), "2026-11-27T02:00:00Z");
});
