import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource, namespace: "default" });
const pods = core("pods");
const claims = core("persistentvolumeclaims");
const volumes = { group: "", version: "v1", resource: "persistentvolumes" };
const nodes = { group: "", version: "v1", resource: "nodes" };
const storageClasses = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
const priorityClasses = { group: "scheduling.k8s.io", version: "v1", resource: "priorityclasses" };
const controllers =
  "default-scheduler,serviceaccount-controller,persistentvolume-binder-controller,ephemeral-volume-controller";

async function start(count = 1): Promise<RealCluster> {
  const cluster = await startRealCluster(controllers);
  const { client, until } = cluster;
  await until("the ServiceAccount is there", async () => {
    return (await client.list(core("serviceaccounts"), {})).items.length === 1;
  });
  for (let i = 0; i < count; i++) {
    const name = `node-${i}`;
    const metadata = { name, labels: { "kubernetes.io/hostname": name } };
    const node = await client.create<KubeObject>(nodes, { metadata, spec: {} });
    const resources = { cpu: "2", memory: "4Gi", pods: "10" };
    const { taints: _, ...spec } = node["spec"] ?? {};
    const updated = await client.update(nodes, { ...node, spec });
    await client.update(
      nodes,
      { ...updated, status: { allocatable: resources, capacity: resources } },
      "status",
    );
  }
  return cluster;
}

function pod(name: string, more: object = {}, cpu = "100m"): KubeObject {
  const container = { name: "c", image: "i", resources: { requests: { cpu } } };
  return { metadata: { name }, spec: { containers: [container], terminationGracePeriodSeconds: 0, ...more } };
}

const placed = (cluster: RealCluster, name: string) =>
  cluster.until(`${name} has a node`, async () => {
    const found = await cluster.client.get(pods, name);
    return found["spec"].nodeName !== undefined && found;
  });

const refused = (cluster: RealCluster, name: string, text: string) =>
  cluster.until(`${name} says ${text}`, async () => {
    const { status } = await cluster.client.get(pods, name);
    return status?.conditions?.some(({ message }: { message?: string }) => message === text);
  });

test("a pod takes the place of the least important pods that make room, and says whose", async () => {
  const cluster = await start();
  const { client, until } = cluster;
  for (const [name, value] of [
    ["low", 10],
    ["middle", 100],
    ["high", 1000],
  ] as const) {
    await client.create(priorityClasses, { metadata: { name }, value });
  }
  await client.create(pods, pod("keeps", { priorityClassName: "middle" }, "900m"));
  await client.create(pods, pod("leaves", { priorityClassName: "low" }, "900m"));
  await placed(cluster, "keeps");
  await placed(cluster, "leaves");
  await client.create(pods, pod("polite", { priorityClassName: "low" }, "900m"));
  await refused(
    cluster,
    "polite",
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod.",
  );
  const uid = (await client.create(pods, pod("urgent", { priorityClassName: "high" }, "900m"))).metadata.uid;
  await placed(cluster, "urgent");
  const names = (await client.list(pods, {})).items.map(({ metadata }) => metadata.name);
  assert.deepEqual(names.sort(), ["keeps", "polite", "urgent"]);
  await until("the event is there", async () =>
    (await cluster.eventsOf("leaves")).some((text) => text.startsWith("Preempted")),
  );
  assert.ok((await cluster.eventsOf("leaves")).includes(`Preempted: Preempted by pod ${uid} on node node-0`));
  await cluster.stop();
});

test("a pod that may not preempt waits, whatever its priority", async () => {
  const cluster = await start();
  const { client } = cluster;
  await client.create(priorityClasses, {
    metadata: { name: "patient" },
    value: 1000,
    preemptionPolicy: "Never",
  });
  await client.create(pods, pod("first", {}, "1500m"));
  await placed(cluster, "first");
  await client.create(pods, pod("second", { priorityClassName: "patient" }, "1500m"));
  await refused(
    cluster,
    "second",
    "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.",
  );
  await cluster.stop();
});

test("a pod goes where its volume is, and a claim that waited gets its volume there", async () => {
  const cluster = await start(3);
  const { client } = cluster;
  await client.create(storageClasses, {
    metadata: { name: "local" },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  });
  await client.create(volumes, {
    metadata: { name: "disk" },
    spec: {
      capacity: { storage: "1Gi" },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "local",
      local: { path: "/mnt/disk" },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["node-1"] }] },
          ],
        },
      },
    },
  });
  const claim = (name: string, storageClassName: string) => ({
    metadata: { name },
    spec: { storageClassName, accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });
  await client.create(claims, claim("data", "local"));
  const uses = (claimName: string) => ({ volumes: [{ name: "v", persistentVolumeClaim: { claimName } }] });
  await client.create(pods, pod("db", uses("data")));
  assert.equal((await placed(cluster, "db"))["spec"].nodeName, "node-1");
  assert.equal((await client.get(claims, "data"))["spec"].volumeName, "disk");

  await client.create(pods, pod("lost", uses("nowhere")));
  await refused(
    cluster,
    "lost",
    '0/3 nodes are available: persistentvolumeclaim "nowhere" not found. not found',
  );
  await client.create(claims, claim("slow", ""));
  await client.create(pods, pod("early", uses("slow")));
  await refused(
    cluster,
    "early",
    "0/3 nodes are available: pod has unbound immediate PersistentVolumeClaims. not found",
  );
  await client.create(claims, claim("more", "local"));
  await client.create(pods, pod("full", uses("more")));
  await refused(
    cluster,
    "full",
    "0/3 nodes are available: 3 node(s) didn't find available persistent volumes to bind. no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
  );
  await cluster.stop();
});

test("an ephemeral volume's claim is made for its pod, and its provisioner is told the node", async () => {
  const cluster = await start();
  const { client, until } = cluster;
  await client.create(storageClasses, {
    metadata: { name: "cloud" },
    provisioner: "disks.example.com",
    volumeBindingMode: "WaitForFirstConsumer",
  });
  const volumeClaimTemplate = {
    spec: {
      storageClassName: "cloud",
      accessModes: ["ReadWriteOnce"],
      resources: { requests: { storage: "1Gi" } },
    },
  };
  await client.create(pods, pod("p", { volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate } }] }));
  const made = await until("the node is told", async () => {
    const { items } = await client.list(claims, {});
    return items.find(
      ({ metadata }) => metadata.annotations?.["volume.kubernetes.io/selected-node"] === "node-0",
    );
  });
  assert.equal(made.metadata.name, "p-scratch");
  assert.equal(made.metadata.ownerReferences?.[0]?.name, "p");
  await cluster.stop();
});

test("a pod goes beside those it likes, away from those it does not, and spreads where it may not insist", async () => {
  const cluster = await start(3);
  const { client } = cluster;
  const topologyKey = "kubernetes.io/hostname";
  const podAffinityTerm = { labelSelector: { matchLabels: { app: "first" } }, topologyKey };
  const preferred = [{ weight: 50, podAffinityTerm }];
  const first = pod("first");
  await client.create(pods, { ...first, metadata: { name: "first", labels: { app: "first" } } });
  const home = (await placed(cluster, "first"))["spec"].nodeName;
  const affinity = { preferredDuringSchedulingIgnoredDuringExecution: preferred };
  await client.create(pods, pod("friend", { affinity: { podAffinity: affinity } }));
  assert.equal((await placed(cluster, "friend"))["spec"].nodeName, home);
  for (const name of ["stranger-1", "stranger-2"]) {
    await client.create(pods, pod(name, { affinity: { podAntiAffinity: affinity } }));
    assert.notEqual((await placed(cluster, name))["spec"].nodeName, home);
  }
  const labelSelector = { matchLabels: { app: "even" } };
  const spread = [{ maxSkew: 1, topologyKey, whenUnsatisfiable: "ScheduleAnyway", labelSelector }];
  const used = new Set<string>();
  for (const name of ["even-1", "even-2", "even-3"]) {
    const { spec } = pod(name, { topologySpreadConstraints: spread });
    await client.create(pods, { metadata: { name, labels: { app: "even" } }, spec });
    used.add((await placed(cluster, name))["spec"].nodeName);
  }
  assert.equal(used.size, 3);
  await cluster.stop();
});
