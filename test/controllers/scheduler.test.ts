import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { settle } from "../client/world.ts";
import { type Cluster, pods, startCluster } from "./cluster.ts";

const nodes = { group: "", version: "v1", resource: "nodes" };

async function schedule(
  cluster: Cluster,
  name: string,
  spec: object,
  labels: Record<string, string> = {},
): Promise<KubeObject> {
  await cluster.client.create(pods, {
    metadata: { name, namespace: "default", labels },
    spec: { containers: [{ name: "c", image: "i" }], ...spec },
  });
  const pod = () => cluster.api.get("pods", "default", name) as KubeObject;
  await cluster.until(`${name} is decided upon`, () =>
    pod().status?.conditions?.some(({ type }: { type: string }) => type === "PodScheduled"),
  );
  return pod();
}

const why = (pod: KubeObject): string =>
  pod.status.conditions.find(({ type }: { type: string }) => type === "PodScheduled").message;

const needs = (cpu: string) => ({
  containers: [{ name: "c", image: "i", resources: { requests: { cpu } } }],
});

test("a bound pod has the event that upstream writes", async () => {
  const cluster = await startCluster();
  const pod = await schedule(cluster, "p", {});
  assert.equal(pod.spec.nodeName, "node-0");
  await cluster.until("the event is there", () =>
    cluster.api.all("events").some(({ reason }) => reason === "Scheduled"),
  );
  const event = cluster.api.all("events").find(({ reason }) => reason === "Scheduled");
  assert.deepEqual(
    [event?.message, event?.action, event?.reportingComponent, event?.reportingInstance, event?.type],
    [
      "Successfully assigned default/p to node-0",
      "Binding",
      "default-scheduler",
      "default-scheduler-vm",
      "Normal",
    ],
  );
  await cluster.stop();
});

test("a pod that fits nowhere says why in upstream's words", async () => {
  const cluster = await startCluster({ nodes: 3, capacity: { cpu: "2", memory: "4Gi", pods: "10" } });
  await cluster.client.patch(nodes, "node-1", { type: "merge", body: { spec: { unschedulable: true } } });
  await cluster.until(
    "it is tainted",
    () => cluster.api.get("nodes", "", "node-1")?.spec.taints?.length === 1,
  );
  await settle();
  assert.equal(
    why(await schedule(cluster, "a", { nodeSelector: { no: "such" } })),
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 node(s) didn't match Pod's node affinity/selector. " +
      "no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
  );
  assert.equal(
    why(await schedule(cluster, "b", needs("8"))),
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. " +
      "no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
  );
  await schedule(cluster, "c", needs("1500m"));
  await schedule(cluster, "d", needs("1500m"));
  assert.equal(
    why(await schedule(cluster, "e", needs("1500m"))),
    "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu. " +
      "no new claims to deallocate, preemption: 0/3 nodes are available: 1 Preemption is not helpful for scheduling, " +
      "2 No preemption victims found for incoming pod.",
  );
  await cluster.until(
    "the events are there",
    () => cluster.api.all("events").filter(({ reason }) => reason === "FailedScheduling").length === 3,
  );
  await cluster.stop();
});

test("without nodes there is a text of its own, and the first node takes the pods that wait", async () => {
  const cluster = await startCluster({ nodes: 0 });
  assert.equal(why(await schedule(cluster, "p", {})), "no nodes available to schedule pods");
  await cluster.hollow.add({ name: "late" }).registered;
  await cluster.until("it runs", () => cluster.api.get("pods", "default", "p")?.status.phase === "Running");
  await cluster.stop();
});

test("two pods never get the same last place", async () => {
  const cluster = await startCluster({ nodes: 2, capacity: { cpu: "1", memory: "1Gi", pods: "3" } });
  await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      cluster.client.create(pods, {
        metadata: { name: `p${i}`, namespace: "default" },
        spec: { containers: [{ name: "c", image: "i" }] },
      }),
    ),
  );
  await settle(100);
  const perNode = (name: string): number =>
    cluster.api.all("pods").filter((pod) => pod.spec.nodeName === name).length;
  assert.deepEqual([perNode("node-0"), perNode("node-1")], [3, 3]);
  await cluster.client.delete(
    pods,
    cluster.api.all("pods").find((pod) => pod.spec.nodeName === "node-0")?.metadata.name as string,
  );
  await cluster.until(
    "a place that was left is taken",
    () => perNode("node-0") === 3 && cluster.api.all("pods").length === 9,
  );
  await cluster.stop();
});

test("taints keep pods away unless tolerated, and a cordoned node keeps what it has", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await cluster.client.patch(nodes, "node-0", {
    type: "merge",
    body: { spec: { taints: [{ key: "for", value: "them", effect: "NoSchedule" }] } },
  });
  await settle();
  for (const name of ["a", "b", "c"])
    assert.equal((await schedule(cluster, name, {})).spec.nodeName, "node-1");
  const tolerations = [{ key: "for", operator: "Equal", value: "them", effect: "NoSchedule" }];
  const tolerant = await schedule(cluster, "d", { tolerations });
  assert.equal(tolerant.spec.nodeName, "node-0", "the emptier node");
  await cluster.stop();
});

test("affinity, anti-affinity and spread are kept", async () => {
  const cluster = await startCluster({ nodes: 3 });
  const topologyKey = "kubernetes.io/hostname";
  const labelSelector = { matchLabels: { app: "x" } };
  const apart = {
    affinity: {
      podAntiAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector }] },
    },
  };
  const hosts = new Set<string>();
  for (const name of ["a", "b", "c"])
    hosts.add((await schedule(cluster, name, apart, { app: "x" })).spec.nodeName);
  assert.equal(hosts.size, 3);
  assert.match(
    why(await schedule(cluster, "d", apart, { app: "x" })),
    /3 node\(s\) didn't match pod anti-affinity rules/,
  );

  const together = (app: string) => ({
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey, labelSelector: { matchLabels: { app } } },
        ],
      },
    },
  });
  const first = await schedule(cluster, "e", together("y"), { app: "y" });
  const second = await schedule(cluster, "f", together("y"), { app: "y" });
  assert.equal(second.spec.nodeName, first.spec.nodeName);
  assert.match(
    why(await schedule(cluster, "g", together("nobody"))),
    /3 node\(s\) didn't match pod affinity rules/,
  );

  const spread = {
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey,
        whenUnsatisfiable: "DoNotSchedule",
        labelSelector: { matchLabels: { app: "z" } },
      },
    ],
  };
  const counts = new Map<string, number>();
  for (let i = 0; i < 6; i++) {
    const { nodeName } = (await schedule(cluster, `z${i}`, spread, { app: "z" })).spec;
    counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1);
  }
  assert.deepEqual([...counts.values()], [2, 2, 2]);
  await cluster.stop();
});

const nodesNamed = (...names: string[]) => ({
  affinity: {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: names.map((name) => ({
          matchFields: [{ key: "metadata.name", operator: "In", values: [name] }],
        })),
      },
    },
  },
});

test("a pod that names its nodes is told of the others as upstream does, and one that names two at once of nothing else", async () => {
  const cluster = await startCluster({ nodes: 3, capacity: { cpu: "2", memory: "4Gi", pods: "10" } });
  const tail = "no new claims to deallocate, preemption: 0/3 nodes are available: ";
  assert.equal(
    why(await schedule(cluster, "a", { ...nodesNamed("node-1"), ...needs("8") })),
    `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. ${tail}3 Preemption is not helpful for scheduling.`,
  );
  const [both, other] = ["node-1", "node-2"].map((name) => ({
    key: "metadata.name",
    operator: "In",
    values: [name],
  }));
  const torn = {
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields: [both, other] }] },
    },
  };
  assert.equal(
    why(await schedule(cluster, "b", { affinity: torn })),
    "0/3 nodes are available: pod affinity terms conflict. not found",
  );
  assert.equal((await schedule(cluster, "c", nodesNamed("node-9", "node-2"))).spec.nodeName, "node-2");
  await cluster.stop();
});

const evenly = (more: object) => ({
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: "zone",
      whenUnsatisfiable: "DoNotSchedule",
      labelSelector: { matchLabels: { app: "x" } },
      ...more,
    },
  ],
});

test("spread counts the nodes that its policies include, and says where none has the label", async () => {
  const cluster = await startCluster({ nodes: 3 });
  assert.match(
    why(await schedule(cluster, "a", evenly({}), { app: "x" })),
    /: 3 node\(s\) didn't match pod topology spread constraints \(missing required label\)\. .* 3 Preemption is not helpful/,
  );
  for (const [node, zone] of [
    ["node-0", "a"],
    ["node-1", "b"],
  ] as const) {
    await cluster.client.patch(nodes, node, { type: "merge", body: { metadata: { labels: { zone } } } });
  }
  // The one that waited: the label was what it lacked.
  await cluster.until(
    "it is bound",
    () => cluster.api.get("pods", "default", "a")?.spec.nodeName !== undefined,
  );
  const first = cluster.api.get("pods", "default", "a") as KubeObject;
  const { zone } = (cluster.api.get("nodes", "", first.spec.nodeName) as KubeObject).metadata
    .labels as Record<string, string>;
  const here = { nodeSelector: { zone } };
  // Its own zone is the only one that it may go to, and so the only one that counts, unless it says otherwise.
  await schedule(cluster, "b", { ...here, ...evenly({}) }, { app: "x" });
  await cluster.until(
    "the second is bound",
    () => cluster.api.get("pods", "default", "b")?.spec.nodeName !== undefined,
  );
  const strict = { ...here, ...evenly({ nodeAffinityPolicy: "Ignore" }) };
  assert.match(
    why(await schedule(cluster, "c", strict, { app: "x" })),
    /1 node\(s\) didn't match pod topology spread constraints, 2 node\(s\) didn't match Pod's node affinity/,
  );
  // With fewer zones than there should be, none may have more than one.
  const wide = evenly({ minDomains: 3 });
  await schedule(cluster, "d", wide, { app: "x" });
  assert.match(
    why(await schedule(cluster, "e", wide, { app: "x" })),
    /node\(s\) didn't match pod topology spread constraints/,
  );
  await cluster.stop();
});

test("a pod that waits for one like itself goes when that has come", async () => {
  const cluster = await startCluster({ nodes: 2 });
  const beside = {
    affinity: {
      podAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: [
          { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "mate" } } },
        ],
      },
    },
  };
  await schedule(cluster, "waits", beside);
  const mate = await schedule(cluster, "mate", {}, { app: "mate" });
  const waits = () => cluster.api.get("pods", "default", "waits");
  await cluster.until("it is bound", () => waits()?.spec.nodeName !== undefined);
  assert.equal(waits()?.spec.nodeName, mate.spec.nodeName);
  await cluster.stop();
});
