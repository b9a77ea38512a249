import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const pods = { group: "", version: "v1", resource: "pods", namespace: "default" };
const jobs = { group: "batch", version: "v1", resource: "jobs", namespace: "default" };
const serviceAccounts = { group: "", version: "v1", resource: "serviceaccounts", namespace: "default" };

async function start(spec: object): Promise<RealCluster> {
  const cluster = await startRealCluster("job-controller,serviceaccount-controller");
  const { client, until } = cluster;
  await until("the ServiceAccount is there", async () => {
    return (await client.list(serviceAccounts, {})).items.length === 1;
  });
  const template = { spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };
  await client.create(jobs, { metadata: { name: "work" }, spec: { template, ...spec } });
  return cluster;
}

/** A pod that has not ended, of the index if one is named. */
function running({ client, until }: RealCluster, index?: number): Promise<KubeObject> {
  return until(
    `a pod runs${index === undefined ? "" : ` for ${index}`}`,
    async () => {
      const { items } = await client.list(pods, {});
      return items.find(
        ({ metadata, status }) =>
          status?.phase === "Pending" &&
          (index === undefined ||
            metadata.annotations?.["batch.kubernetes.io/job-completion-index"] === String(index)),
      );
    },
    { stepMs: 500 },
  );
}

async function end(
  { client }: RealCluster,
  pod: KubeObject,
  exitCode: number,
  conditions: object[] = [],
): Promise<void> {
  const status = {
    phase: exitCode === 0 ? "Succeeded" : "Failed",
    conditions,
    containerStatuses: [
      {
        name: "c",
        image: "i",
        imageID: "",
        ready: false,
        restartCount: 0,
        state: { terminated: { exitCode } },
      },
    ],
  };
  await client.update(pods, { ...pod, status }, "status");
}

const finished = ({ client, until }: RealCluster): Promise<KubeObject> =>
  until(
    "the Job is over",
    async () => {
      const job = await client.get(jobs, "work");
      const over = job["status"]?.conditions?.some(({ type }: { type: string }) =>
        ["Complete", "Failed"].includes(type),
      );
      return over && job;
    },
    { stepMs: 500 },
  );

const outcome = (job: KubeObject): string[] =>
  job["status"].conditions.map(
    ({ type, reason, message }: Record<string, string>) => `${type} ${reason}: ${message}`,
  );

test("a rule about an exit code fails the whole Job, with the pod and the rule in its reason", async () => {
  const cluster = await start({
    backoffLimit: 6,
    podFailurePolicy: {
      rules: [
        { action: "Ignore", onPodConditions: [{ type: "DisruptionTarget", status: "True" }] },
        { action: "FailJob", onExitCodes: { operator: "In", values: [42] } },
      ],
    },
  });
  // Displaced, not wrong: nobody counts it.
  await end(cluster, await running(cluster), 1, [{ type: "DisruptionTarget", status: "True" }]);
  const pod = await running(cluster);
  await end(cluster, pod, 42);
  const job = await finished(cluster);
  const why = `Container c for pod default/${pod.metadata.name} failed with exit code 42 matching FailJob rule at index 1`;
  assert.deepEqual(outcome(job), [
    `FailureTarget PodFailurePolicy: ${why}`,
    `Failed PodFailurePolicy: ${why}`,
  ]);
  assert.equal(job["status"].failed, 1);
  await cluster.stop();
});

test("each index fails by itself, and the Job when all others are done", async () => {
  const cluster = await start({
    completionMode: "Indexed",
    completions: 2,
    parallelism: 2,
    backoffLimitPerIndex: 1,
  });
  await end(cluster, await running(cluster, 0), 0);
  await end(cluster, await running(cluster, 1), 1);
  const second = await running(cluster, 1);
  assert.equal(second.metadata.annotations?.["batch.kubernetes.io/job-index-failure-count"], "1");
  await end(cluster, second, 1);
  const job = await finished(cluster);
  assert.deepEqual(outcome(job), [
    "FailureTarget FailedIndexes: Job has failed indexes",
    "Failed FailedIndexes: Job has failed indexes",
  ]);
  const { succeeded, failed, completedIndexes, failedIndexes } = job["status"];
  assert.deepEqual([succeeded, failed, completedIndexes, failedIndexes], [1, 2, "0", "1"]);
  await cluster.stop();
});

test("a Job is done as soon as a rule about its successes is fulfilled; what still runs is stopped", async () => {
  const cluster = await start({
    completionMode: "Indexed",
    completions: 3,
    parallelism: 3,
    successPolicy: { rules: [{ succeededIndexes: "1-2", succeededCount: 1 }] },
  });
  await end(cluster, await running(cluster, 2), 0);
  const job = await finished(cluster);
  assert.deepEqual(outcome(job), [
    "SuccessCriteriaMet SuccessPolicy: Matched rules at index 0",
    "Complete SuccessPolicy: Matched rules at index 0",
  ]);
  assert.equal(job["status"].completedIndexes, "2");
  await cluster.stop();
});

test("whatever still ran when a Job failed has failed with it, and restarts in place count where pods are restarted", async () => {
  const cluster = await start({ parallelism: 3, completions: 3, backoffLimit: 0 });
  await cluster.until("three run", async () => (await cluster.client.list(pods, {})).items.length === 3, {
    stepMs: 500,
  });
  await end(cluster, await running(cluster), 1);
  for (const pod of (await cluster.client.list(pods, {})).items) {
    // They end as they are asked to; none of them succeeds any more.
    if (pod.status?.phase === "Pending")
      await cluster.client.delete(pods, pod.metadata.name as string, { gracePeriodSeconds: 0 });
  }
  assert.equal((await finished(cluster))["status"].failed, 3);

  const template = { spec: { restartPolicy: "OnFailure", containers: [{ name: "c", image: "i" }] } };
  await cluster.client.create(jobs, { metadata: { name: "again" }, spec: { backoffLimit: 2, template } });
  const pod = await cluster.until("its pod is there", async () => {
    const { items } = await cluster.client.list(pods, { labelSelector: "job-name=again" });
    return items[0];
  });
  const restarted = { name: "c", image: "i", imageID: "", ready: false, restartCount: 2 };
  await cluster.client.update(
    pods,
    { ...pod, status: { phase: "Running", containerStatuses: [restarted] } },
    "status",
  );
  await cluster.until("it is given up", async () => {
    const { status } = await cluster.client.get(jobs, "again");
    return status?.conditions?.[0]?.reason === "BackoffLimitExceeded";
  });
  await cluster.stop();
});

test("an Indexed Job that shrinks loses the pods of the indexes that it no longer has", async () => {
  const cluster = await start({ completionMode: "Indexed", completions: 4, parallelism: 4 });
  const indexes = async (): Promise<string> =>
    (await cluster.client.list(pods, {})).items
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .map(({ metadata }) => metadata.annotations?.["batch.kubernetes.io/job-completion-index"])
      .sort()
      .join();
  await cluster.until("all run", async () => (await indexes()) === "0,1,2,3", { stepMs: 500 });
  await cluster.client.patch(jobs, "work", {
    type: "merge",
    body: { spec: { completions: 2, parallelism: 2 } },
  });
  await cluster.until("two are left", async () => (await indexes()) === "0,1", { stepMs: 500 });
  await cluster.stop();
});

test("a pod that a Job adopts is counted as one that it made, and one that it lets go is held no longer", async () => {
  const cluster = await start({ suspend: true });
  const { client, until } = cluster;
  const template = {
    metadata: { labels: { own: "yes" } },
    spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] },
  };
  await client.create(pods, { metadata: { name: "stray", labels: { own: "yes" } }, spec: template.spec });
  await client.create(jobs, {
    metadata: { name: "takes" },
    spec: { manualSelector: true, selector: { matchLabels: { own: "yes" } }, template },
  });
  const finalizers = async (): Promise<string> =>
    ((await client.get(pods, "stray")).metadata.finalizers ?? []).join();
  await until("it is held", async () => (await finalizers()) === "batch.kubernetes.io/job-tracking");
  await client.patch(pods, "stray", { type: "merge", body: { metadata: { labels: { own: "no" } } } });
  await until("it is let go", async () => (await finalizers()) === "");
  await cluster.stop();
});
