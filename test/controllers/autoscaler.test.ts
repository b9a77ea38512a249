import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { deployment } from "./cluster.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const deployments = { group: "apps", version: "v1", resource: "deployments", namespace: "default" };
const pods = { group: "", version: "v1", resource: "pods", namespace: "default" };
const autoscalers = {
  group: "autoscaling",
  version: "v2",
  resource: "horizontalpodautoscalers",
  namespace: "default",
};
const controllers =
  "horizontal-pod-autoscaler-controller,deployment-controller,replicaset-controller,serviceaccount-controller";

function autoscaler(more: object = {}): KubeObject {
  return {
    metadata: { name: "web" },
    spec: {
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      minReplicas: 1,
      maxReplicas: 5,
      metrics: [
        {
          type: "Resource",
          resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } },
        },
      ],
      ...more,
    },
  };
}

const replicasOf = async ({ client }: RealCluster): Promise<number> =>
  (await client.get(deployments, "web"))["spec"].replicas;

async function conditionsOf({ client }: RealCluster): Promise<string[]> {
  const { status = {} } = await client.get(autoscalers, "web");
  return (
    (status as { conditions?: { type: string; status: string; reason: string }[] }).conditions ?? []
  ).map(({ type, status: value, reason }) => `${type}=${value} ${reason}`);
}

/** Makes the Deployment's pods run, long enough ago that their CPU tells something. */
async function runPods(cluster: RealCluster, count: number): Promise<void> {
  const { client, clock, until } = cluster;
  const items = await until("the pods are there", async () => {
    const list = await client.list(pods, {});
    return list.items.length === count && list.items;
  });
  const startTime = new Date(clock.now()).toISOString().replace(/\.\d+Z/, "Z");
  for (const pod of items) {
    const conditions = [{ type: "Ready", status: "True", lastTransitionTime: startTime }];
    await client.update(pods, { ...pod, status: { phase: "Running", startTime, conditions } }, "status");
  }
  for (let i = 0; i < 24; i++) {
    clock.advance(15_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Each pod uses so much CPU; 100m are asked for. */
const measured = (names: readonly string[], cpu: string, nowMs: number, memory = "1Mi"): object => ({
  items: names.map((name) => ({
    metadata: { name },
    timestamp: new Date(nowMs).toISOString().replace(/\.\d+Z/, "Z"),
    window: "30s",
    containers: [{ name: "app", usage: { cpu, memory } }],
  })),
});

test("without a metrics API an autoscaler says so and leaves its target alone", async () => {
  const cluster = await startRealCluster(controllers);
  const { client, until } = cluster;
  await client.create(deployments, deployment("web", 2));
  await client.create(autoscalers, autoscaler());
  await until("the conditions are there", async () => (await conditionsOf(cluster)).length === 2, {
    stepMs: 1_000,
  });
  assert.deepEqual(await conditionsOf(cluster), [
    "AbleToScale=True SucceededGetScale",
    "ScalingActive=False FailedGetResourceMetric",
  ]);
  const cause =
    "failed to get cpu utilization: unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)";
  await until("the events are there", async () => (await cluster.eventsOf("web")).length >= 2);
  const events = await cluster.eventsOf("web");
  assert.ok(events.includes(`FailedGetResourceMetric: ${cause}`), events.join("\n"));
  const failed = `FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${cause}`;
  assert.ok(events.includes(failed), events.join("\n"));
  assert.equal(await replicasOf(cluster), 2);
  await cluster.stop();
});

test("a target follows its pods' CPU up at once and down when five minutes have agreed", async () => {
  let cpu = "150m";
  let names: string[] = [];
  let now = () => 0;
  const cluster = await startRealCluster(controllers, {}, (path) =>
    path.startsWith("/apis/metrics.k8s.io/") ? measured(names, cpu, now()) : undefined,
  );
  now = () => cluster.clock.now();
  const { client, until } = cluster;
  await client.create(deployments, deployment("web", 1));
  await runPods(cluster, 1);
  names = (await client.list(pods, {})).items.map(({ metadata }) => metadata.name as string);
  await client.create(autoscalers, autoscaler());
  // 150 % where 50 % are wanted: three times the pods.
  await until("it has grown", async () => (await replicasOf(cluster)) === 3, { stepMs: 1_000 });
  assert.ok(
    (await cluster.eventsOf("web")).includes(
      "SuccessfulRescale: New size: 3; reason: cpu resource utilization (percentage of request) above target",
    ),
  );
  await runPods(cluster, 3);
  names = (await client.list(pods, {})).items.map(({ metadata }) => metadata.name as string);
  cpu = "10m";
  const begin = cluster.clock.now();
  await until("it has shrunk", async () => (await replicasOf(cluster)) === 1, { stepMs: 5_000 });
  assert.ok(cluster.clock.now() - begin >= 240_000, "the highest recommendation of five minutes held it");
  await cluster.stop();
});

test("rules bound each step, and a target outside of the range is brought into it without metrics", async () => {
  let names: string[] = [];
  let now = () => 0;
  const cluster = await startRealCluster(controllers, {}, (path) =>
    path.startsWith("/apis/metrics.k8s.io/") ? measured(names, "900m", now()) : undefined,
  );
  now = () => cluster.clock.now();
  const { client, until } = cluster;
  await client.create(deployments, deployment("web", 7));
  await client.create(autoscalers, autoscaler());
  await until("it is at the maximum", async () => (await replicasOf(cluster)) === 5, { stepMs: 1_000 });
  await client.delete(autoscalers, "web");
  await client.patch(deployments, "web", { type: "merge", body: { spec: { replicas: 1 } } });
  await runPods(cluster, 1);
  names = (await client.list(pods, {})).items.map(({ metadata }) => metadata.name as string);
  const policies = [{ type: "Pods", value: 1, periodSeconds: 600 }];
  await client.create(autoscalers, autoscaler({ behavior: { scaleUp: { policies } } }));
  await until("it has made its step", async () => (await replicasOf(cluster)) === 2, { stepMs: 1_000 });
  await until(
    "it says what holds it",
    async () => (await conditionsOf(cluster)).includes("ScalingLimited=True ScaleUpLimit"),
    { stepMs: 1_000 },
  );
  assert.equal(await replicasOf(cluster), 2);
  await cluster.stop();
});

test("memory is told as metrics-server tells it, and an external metric by its selector as Go prints it", async () => {
  const external = { items: [{ metricName: "queue", value: "7" }] };
  let names: string[] = [];
  let now = () => 0;
  const cluster = await startRealCluster(controllers, {}, (path) =>
    path.startsWith("/apis/metrics.k8s.io/")
      ? measured(names, "10m", now(), "300Mi")
      : path.startsWith("/apis/external.metrics.k8s.io/")
        ? external
        : undefined,
  );
  now = () => cluster.clock.now();
  const { client, until } = cluster;
  await client.create(deployments, deployment("web", 1));
  await runPods(cluster, 1);
  names = (await client.list(pods, {})).items.map(({ metadata }) => metadata.name as string);
  const selector = { matchLabels: { of: "orders" } };
  await client.create(
    autoscalers,
    autoscaler({
      maxReplicas: 9,
      metrics: [
        {
          type: "Resource",
          resource: { name: "memory", target: { type: "AverageValue", averageValue: "100Mi" } },
        },
        {
          type: "External",
          external: {
            metric: { name: "queue", selector },
            target: { type: "AverageValue", averageValue: "1" },
          },
        },
      ],
    }),
  );
  const text =
    "SuccessfulRescale: New size: 4; reason: external metric queue(&LabelSelector{MatchLabels:map[string]string{of: orders,},MatchExpressions:[]LabelSelectorRequirement{},}) above target";
  await until("it says why", async () => (await cluster.eventsOf("web")).includes(text), { stepMs: 1_000 });
  const { status } = await client.get(autoscalers, "web");
  assert.equal(status.currentMetrics[0].resource.current.averageValue, "300Mi");
  await cluster.stop();
});
