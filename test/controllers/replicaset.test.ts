import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../../src/apimachinery/index.ts";
import { type Cluster, pods, startCluster } from "./cluster.ts";

const replicaSets = { group: "apps", version: "v1", resource: "replicasets", namespace: "default" };

function replicaSet(replicas: number) {
  return {
    metadata: { name: "rs", namespace: "default" },
    spec: {
      replicas,
      selector: { matchLabels: { app: "rs" } },
      template: { metadata: { labels: { app: "rs" } }, spec: { containers: [{ name: "c", image: "i" }] } },
    },
  };
}

const living = (cluster: Cluster) =>
  cluster.api.all("pods").filter(({ metadata }) => metadata.deletionTimestamp === undefined);

const ready = (cluster: Cluster) =>
  cluster.api.get("replicasets", "default", "rs")?.status?.readyReplicas ?? 0;

test("exactly as many pods are made as wanted, however often the controller looks", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await cluster.client.create(replicaSets, replicaSet(30));
  await cluster.until("all are ready", () => ready(cluster) === 30);
  const made = cluster.api.requests.filter((request) => request === "POST /api/v1/namespaces/default/pods");
  assert.equal(made.length, 30);
  await cluster.client.patch(replicaSets, "rs", { type: "merge", body: { spec: { replicas: 5 } } });
  await cluster.until("five remain", () => cluster.api.all("pods").length === 5);
  assert.equal(living(cluster).length, 5);
  await cluster.stop();
});

test("a pod that the selector fits is adopted, and one that it fits no more is released and replaced", async () => {
  const cluster = await startCluster();
  await cluster.client.create(pods, {
    metadata: { name: "stray", namespace: "default", labels: { app: "rs" } },
    spec: { containers: [{ name: "c", image: "i" }] },
  });
  await cluster.client.create(replicaSets, replicaSet(2));
  await cluster.until("two are ready", () => ready(cluster) === 2);
  assert.equal(cluster.api.all("pods").length, 2);
  assert.equal(
    cluster.api.get("pods", "default", "stray")?.metadata.ownerReferences?.[0]?.kind,
    "ReplicaSet",
  );
  await cluster.client.patch(pods, "stray", {
    type: "merge",
    body: { metadata: { labels: { app: "other" } } },
  });
  await cluster.until(
    "it is released",
    () => (cluster.api.get("pods", "default", "stray")?.metadata.ownerReferences ?? []).length === 0,
  );
  await cluster.until("it is replaced", () => cluster.api.all("pods").length === 3 && ready(cluster) === 2);
  await cluster.stop();
});

test("scaling down takes the pods that are not ready first", async () => {
  const cluster = await startCluster();
  await cluster.client.create(replicaSets, replicaSet(2));
  await cluster.until("two are ready", () => ready(cluster) === 2);
  await cluster.client.patch(replicaSets, "rs", {
    type: "merge",
    body: { spec: { template: { metadata: { annotations: { "hollow.raftsman.dev/ready": "false" } } } } },
  });
  const good = living(cluster).map(({ metadata }) => metadata.name);
  await cluster.client.patch(replicaSets, "rs", { type: "merge", body: { spec: { replicas: 4 } } });
  await cluster.until(
    "four run",
    () => living(cluster).filter((pod) => pod.status.phase === "Running").length === 4,
  );
  await cluster.client.patch(replicaSets, "rs", { type: "merge", body: { spec: { replicas: 2 } } });
  await cluster.until("two remain", () => cluster.api.all("pods").length === 2);
  assert.deepEqual(
    living(cluster).map(({ metadata }) => metadata.name),
    good,
  );
  await cluster.stop();
});

test("a template that the server refuses costs few requests, an event and a condition", async () => {
  const cluster = await startCluster();
  cluster.api.intercept = (request) =>
    request.method === "POST" && request.path.endsWith("/pods")
      ? new StatusError({ status: "Failure", code: 403, reason: "Forbidden", message: "no quota" })
      : undefined;
  await cluster.client.create(replicaSets, replicaSet(100));
  await cluster.until("the condition is there", () =>
    cluster.api
      .get("replicasets", "default", "rs")
      ?.status?.conditions?.some(({ reason }: { reason: string }) => reason === "FailedCreate"),
  );
  const tried = cluster.api.requests.filter((request) => request.endsWith("namespaces/default/pods")).length;
  assert.ok(tried < 10, `${tried} tries`);
  assert.ok(cluster.api.all("events").some(({ message }) => message === "Error creating: no quota"));
  cluster.api.intercept = undefined;
  await cluster.until("all are ready", () => ready(cluster) === 100, { stepMs: 20 });
  assert.equal(cluster.api.get("replicasets", "default", "rs")?.status.conditions, undefined);
  await cluster.stop();
});

test("with minReadySeconds a pod counts as available only after that time", async () => {
  const cluster = await startCluster();
  const object = replicaSet(1);
  await cluster.client.create(replicaSets, { ...object, spec: { ...object.spec, minReadySeconds: 10 } });
  await cluster.until("it is ready", () => ready(cluster) === 1);
  const at = cluster.clock.monotonic();
  await cluster.until(
    "it is available",
    () => cluster.api.get("replicasets", "default", "rs")?.status?.availableReplicas === 1,
    { stepMs: 100 },
  );
  const waited = cluster.clock.monotonic() - at;
  assert.ok(waited >= 9_000 && waited <= 12_500, `${waited} ms`);
  await cluster.stop();
});
