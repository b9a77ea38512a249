import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../../src/apimachinery/index.ts";
import { settle } from "../client/world.ts";
import { type Cluster, deployment, deployments, pods, service, services, startCluster } from "./cluster.ts";

const nodes = { group: "", version: "v1", resource: "nodes" };

const nodeOf = (cluster: Cluster, name: string) => cluster.api.get("nodes", "", name);

const readyOf = (cluster: Cluster, name: string): string | undefined =>
  nodeOf(cluster, name)?.status?.conditions?.find(({ type }: { type: string }) => type === "Ready")?.status;

const taintsOf = (cluster: Cluster, name: string): string[] =>
  (nodeOf(cluster, name)?.spec?.taints ?? []).map(
    ({ key, effect }: { key: string; effect: string }) => `${key}:${effect}`,
  );

async function spreadWorkload(cluster: Cluster): Promise<void> {
  await cluster.client.create(services, service("web"));
  await cluster.client.create(deployments, deployment("web", 4));
  await cluster.until("four addresses", () => cluster.addresses("web").length === 4);
}

test("every node has its own range of pod addresses, and pods have addresses from it", async () => {
  const cluster = await startCluster({ nodes: 3 });
  const ranges = cluster.api.all("nodes").map(({ spec }) => spec.podCIDR);
  assert.deepEqual(ranges.sort(), ["10.128.0.0/23", "10.128.2.0/23", "10.128.4.0/23"]);
  await spreadWorkload(cluster);
  for (const pod of cluster.api.all("pods")) {
    const range: string = nodeOf(cluster, pod.spec.nodeName)?.spec.podCIDR;
    assert.equal(pod.status.podIP.split(".").slice(0, 2).join("."), "10.128");
    assert.equal(Math.floor(Number(pod.status.podIP.split(".")[2]) / 2) * 2, Number(range.split(".")[2]));
  }
  assert.equal(new Set(cluster.addresses("web")).size, 4);
  await cluster.stop();
});

test("the range of a node that is gone is given to another", async () => {
  const cluster = await startCluster({ nodes: 2 });
  const range = nodeOf(cluster, "node-0")?.spec.podCIDR;
  await cluster.client.delete(nodes, "node-0");
  const late = cluster.hollow.add({ name: "late" });
  await late.registered;
  await cluster.until("it has a range", () => nodeOf(cluster, "late")?.spec?.podCIDR !== undefined);
  assert.equal(nodeOf(cluster, "late")?.spec.podCIDR, range);
  await cluster.stop();
});

test("a node registered without the old labels of its system gets them, and they follow the new ones", async () => {
  const cluster = await startCluster({ nodes: 0 });
  const labels = (): Record<string, string> => nodeOf(cluster, "own")?.metadata.labels ?? {};
  await cluster.client.create(nodes, {
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "own", labels: { "kubernetes.io/os": "linux" } },
  });
  await cluster.until("it has one", () => labels()["beta.kubernetes.io/os"] === "linux");
  assert.equal(labels()["beta.kubernetes.io/arch"], undefined);
  const body = { metadata: { labels: { "kubernetes.io/os": "plan9", "kubernetes.io/arch": "arm64" } } };
  await cluster.client.patch(nodes, "own", { type: "merge", body });
  await cluster.until("they follow", () => labels()["beta.kubernetes.io/os"] === "plan9");
  assert.equal(labels()["beta.kubernetes.io/arch"], "arm64");
  await cluster.stop();
});

test("the addresses of a silent node's pods leave the Endpoints when its grace is over, and its pods are evicted later", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await spreadWorkload(cluster);
  const lost = cluster.api.all("pods").filter((pod) => pod.spec.nodeName === "node-0");
  assert.equal(lost.length, 2);
  const at = cluster.clock.monotonic();
  cluster.nodes[0]?.crash();
  await cluster.until("its addresses are gone", () => cluster.addresses("web").length === 2, { stepMs: 500 });
  const waited = cluster.clock.monotonic() - at;
  assert.ok(waited >= 35_000 && waited <= 55_000, `${waited} ms after the crash`);
  assert.equal(readyOf(cluster, "node-0"), "Unknown");
  await cluster.until("it is tainted", () => taintsOf(cluster, "node-0").length === 2);
  assert.deepEqual(taintsOf(cluster, "node-0").sort(), [
    "node.kubernetes.io/unreachable:NoExecute",
    "node.kubernetes.io/unreachable:NoSchedule",
  ]);
  const condition = nodeOf(cluster, "node-0")?.status.conditions.find(
    ({ type }: { type: string }) => type === "Ready",
  );
  assert.deepEqual(
    [condition.reason, condition.message],
    ["NodeStatusUnknown", "Kubelet stopped posting node status."],
  );
  assert.equal(readyOf(cluster, "node-1"), "True");
  await cluster.until("the pods are evicted and replaced", () => cluster.addresses("web").length === 4, {
    stepMs: 1_000,
    steps: 500,
  });
  const evicted = cluster.api.get("pods", "default", lost[0]?.metadata.name as string);
  const target = evicted?.status.conditions.find(({ type }: { type: string }) => type === "DisruptionTarget");
  assert.deepEqual(
    [target.reason, target.message],
    ["DeletionByTaintManager", "Taint manager: deleting due to NoExecute taint"],
  );
  await cluster.stop();
});

test("when no node is heard nobody is evicted", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await spreadWorkload(cluster);
  for (const node of cluster.nodes) node.crash();
  await cluster.until(
    "both are silent",
    () => ["node-0", "node-1"].every((name) => readyOf(cluster, name) === "Unknown"),
    {
      stepMs: 500,
    },
  );
  await cluster.until("only new pods are kept away", () =>
    ["node-0", "node-1"].every(
      (name) => taintsOf(cluster, name).join() === "node.kubernetes.io/unreachable:NoSchedule",
    ),
  );
  assert.deepEqual(cluster.addresses("web"), []);
  await cluster.stop();
});

test("a node that is heard again loses its taints, and its pods are addresses again", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await spreadWorkload(cluster);
  cluster.nodes[0]?.crash();
  await cluster.until("its addresses are gone", () => cluster.addresses("web").length === 2, { stepMs: 500 });
  const again = cluster.hollow.add({ name: "node-0", address: "192.0.2.1" });
  await again.registered;
  await cluster.until("its addresses are back", () => cluster.addresses("web").length === 4);
  await cluster.until("it has no taints", () => taintsOf(cluster, "node-0").length === 0);
  assert.equal(cluster.api.all("pods").length, 4, "nobody was evicted meanwhile");
  await cluster.stop();
});

test("a clean stop takes the node, its Lease and its pods' addresses out at once; the pods follow", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await spreadWorkload(cluster);
  const before = cluster.clock.monotonic();
  await cluster.nodes[0]?.stop();
  for (let turns = 0; cluster.addresses("web").length !== 2 && turns < 200; turns++) await settle(1);
  assert.equal(cluster.addresses("web").length, 2);
  assert.equal(cluster.clock.monotonic(), before);
  assert.equal(nodeOf(cluster, "node-0"), undefined);
  assert.equal(cluster.api.get("leases", "kube-node-lease", "node-0"), undefined);
  await cluster.until("they are replaced", () => cluster.addresses("web").length === 4, { stepMs: 1_000 });
  await cluster.stop();
});

test("a node is registered with what a kubelet says of itself", async () => {
  const cluster = await startCluster();
  await cluster.until("the admission's taint would be gone", () => readyOf(cluster, "node-0") === "True");
  const node = nodeOf(cluster, "node-0");
  assert.deepEqual(node?.metadata.labels, {
    "beta.kubernetes.io/arch": "amd64",
    "beta.kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    "kubernetes.io/hostname": "node-0",
    "kubernetes.io/os": "linux",
  });
  assert.deepEqual(
    node?.status.conditions.map(({ type, status, reason }: Record<string, string>) => [type, status, reason]),
    [
      ["MemoryPressure", "False", "KubeletHasSufficientMemory"],
      ["DiskPressure", "False", "KubeletHasNoDiskPressure"],
      ["PIDPressure", "False", "KubeletHasSufficientPID"],
      ["Ready", "True", "KubeletReady"],
    ],
  );
  assert.deepEqual(node?.status.addresses, [
    { type: "InternalIP", address: "192.0.2.1" },
    { type: "Hostname", address: "node-0" },
  ]);
  const lease = cluster.api.get("leases", "kube-node-lease", "node-0");
  assert.deepEqual([lease?.spec.holderIdentity, lease?.spec.leaseDurationSeconds], ["node-0", 40]);
  assert.equal(lease?.metadata.ownerReferences?.[0]?.uid, node?.metadata.uid);
  await cluster.stop();
});

test("a node whose Lease cannot be made at first has it soon after, not a whole heartbeat later", async () => {
  const cluster = await startCluster({ nodes: 0 });
  cluster.api.intercept = (request) =>
    request.method === "POST" && request.path.includes("/leases")
      ? new StatusError({ status: "Failure", code: 404, reason: "NotFound", message: "no such namespace" })
      : undefined;
  await cluster.hollow.add({ name: "early" }).registered;
  await settle();
  assert.equal(cluster.api.get("leases", "kube-node-lease", "early"), undefined);
  cluster.api.intercept = undefined;
  const at = cluster.clock.monotonic();
  await cluster.until(
    "the Lease is there",
    () => cluster.api.get("leases", "kube-node-lease", "early") !== undefined,
  );
  assert.ok(cluster.clock.monotonic() - at < 1_000);
  await cluster.stop();
});

test("a pod says what a kubelet would say of it, from start to end", async () => {
  const cluster = await startCluster();
  const seen: string[] = [];
  const watching = new AbortController();
  const watch = (async () => {
    const stream = cluster.client.watch(pods, {
      resourceVersion: String(cluster.api.revision),
      signal: watching.signal,
    });
    for await (const { type, object } of stream) {
      const state = Object.keys(object.status?.containerStatuses?.[0]?.state ?? {})[0] ?? "-";
      seen.push(
        `${type} ${object.status?.phase} ${state} ${object.metadata.deletionTimestamp === undefined ? "" : "leaving"}`.trim(),
      );
    }
  })();
  await cluster.client.create(pods, {
    metadata: {
      name: "p",
      namespace: "default",
      annotations: { "hollow.raftsman.dev/start-after": "2s", "hollow.raftsman.dev/ready-after": "3s" },
    },
    spec: { terminationGracePeriodSeconds: 30, containers: [{ name: "app", image: "app:1" }] },
  });
  const status = () => cluster.api.get("pods", "default", "p")?.status;
  const ready = () => status()?.conditions?.find(({ type }: { type: string }) => type === "Ready");
  await cluster.until("it runs", () => status()?.phase === "Running", { stepMs: 100 });
  assert.deepEqual(
    [ready().status, ready().reason, ready().message],
    ["False", "ContainersNotReady", "containers with unready status: [app]"],
  );
  await cluster.until("it is ready", () => ready()?.status === "True", { stepMs: 100 });
  assert.deepEqual(
    status().conditions.map(({ type }: { type: string }) => type),
    ["PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled"],
  );
  const [container] = status().containerStatuses;
  assert.deepEqual(
    [container.name, container.ready, container.started, container.restartCount],
    ["app", true, true, 0],
  );
  assert.deepEqual([status().hostIP, status().podIPs], ["192.0.2.1", [{ ip: status().podIP }]]);
  await cluster.client.delete(pods, "p");
  await cluster.until("it is gone", () => status() === undefined);
  watching.abort();
  await watch;
  assert.deepEqual(seen, [
    "ADDED Pending -",
    "MODIFIED Pending -",
    "MODIFIED Running running",
    "MODIFIED Running running",
    "MODIFIED Running running leaving",
    "MODIFIED Succeeded terminated leaving",
    "DELETED Succeeded terminated leaving",
  ]);
  await cluster.stop();
});

test("a pod that is active for longer than it may be has failed, also when its deadline comes later", async () => {
  const cluster = await startCluster({ nodes: 1 });
  const spec = { containers: [{ name: "c", image: "i" }], nodeName: "node-0" };
  await cluster.client.create(pods, { metadata: { name: "late", namespace: "default" }, spec });
  const status = () => cluster.api.get("pods", "default", "late")?.status;
  await cluster.until("it runs", () => status()?.phase === "Running");
  const body = { spec: { activeDeadlineSeconds: 5 } };
  await cluster.client.patch(pods, "late", { type: "merge", body });
  await cluster.until("it has failed", () => status()?.phase === "Failed", { stepMs: 500 });
  assert.equal(status()?.reason, "DeadlineExceeded");
  assert.equal(status()?.message, "Pod was active on the node longer than the specified deadline");
  assert.equal(status()?.containerStatuses[0].state.terminated.exitCode, 137);
  await cluster.stop();
});

test("a debugger that is added to a running pod runs", async () => {
  const cluster = await startCluster({ nodes: 1 });
  const spec = { containers: [{ name: "c", image: "i" }], nodeName: "node-0" };
  const pod = await cluster.client.create(pods, { metadata: { name: "p", namespace: "default" }, spec });
  const status = () => cluster.api.get("pods", "default", "p")?.status;
  await cluster.until("it runs", () => status()?.phase === "Running");
  const body = { spec: { ephemeralContainers: [{ name: "debugger", image: "busybox" }] } };
  await cluster.client.patch(pods, pod.metadata.name as string, { type: "merge", body });
  await cluster.until(
    "the debugger runs",
    () => status()?.ephemeralContainerStatuses?.[0]?.state.running !== undefined,
  );
  assert.equal(status()?.ephemeralContainerStatuses[0].name, "debugger");
  await cluster.stop();
});

test("a node does not take a pod that wants a port of the node that another pod has", async () => {
  const cluster = await startCluster({ nodes: 1 });
  const run = async (name: string, hostPort: number): Promise<string | undefined> => {
    const ports = [{ containerPort: 80, hostPort }];
    const spec = { containers: [{ name: "c", image: "i", ports }], nodeName: "node-0" };
    await cluster.client.create(pods, { metadata: { name, namespace: "default" }, spec });
    const status = () => cluster.api.get("pods", "default", name)?.status;
    await cluster.until(`${name} is decided`, () => ["Running", "Failed"].includes(status()?.phase));
    return status()?.reason;
  };
  assert.equal(await run("first", 21017), undefined);
  assert.equal(await run("second", 21017), "NodePorts");
  assert.equal(await run("third", 21018), undefined);
  await cluster.stop();
});

test("an address that a pod gave back is not given to the next pod", async () => {
  const cluster = await startCluster();
  const spec = { terminationGracePeriodSeconds: 1, containers: [{ name: "c", image: "i" }] };
  const addresses: string[] = [];
  for (const name of ["a", "b", "c"]) {
    await cluster.client.create(pods, { metadata: { name, namespace: "default" }, spec });
    await cluster.until(
      `${name} runs`,
      () => cluster.api.get("pods", "default", name)?.status?.podIP !== undefined,
    );
    addresses.push(cluster.api.get("pods", "default", name)?.status.podIP);
    await cluster.client.delete(pods, name);
    await cluster.until(`${name} is gone`, () => cluster.api.get("pods", "default", name) === undefined);
  }
  assert.deepEqual(addresses, ["10.128.0.2", "10.128.0.3", "10.128.0.4"]);
  await cluster.stop();
});

test("a pod tolerates a taint that does not say when it came for no longer than it says", async () => {
  const cluster = await startCluster();
  const toleration = { key: "k", operator: "Exists", effect: "NoExecute" };
  for (const [name, more] of [
    ["short", { tolerationSeconds: 5 }],
    ["long", {}],
  ] as const) {
    const tolerations = [{ ...toleration, ...more }];
    await cluster.client.create(pods, {
      metadata: { name, namespace: "default" },
      spec: { tolerations, containers: [{ name: "c", image: "i" }] },
    });
  }
  const pod = (name: string) => cluster.api.get("pods", "default", name);
  await cluster.until("both run", () =>
    ["short", "long"].every((name) => pod(name)?.status?.phase === "Running"),
  );
  const since = cluster.clock.now();
  await cluster.client.patch(nodes, "node-0", {
    type: "merge",
    body: { spec: { taints: [{ key: "k", effect: "NoExecute" }] } },
  });
  await cluster.until("it goes", () => pod("short") === undefined, { stepMs: 500 });
  assert.ok(cluster.clock.now() - since >= 5_000, "not before its time");
  assert.ok(pod("long") !== undefined);
  await cluster.stop();
});

test("pods that were deleted on a node which is out of service need not be waited for", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await cluster.client.create(pods, {
    metadata: { name: "stuck", namespace: "default" },
    spec: {
      nodeSelector: {},
      terminationGracePeriodSeconds: 600,
      containers: [{ name: "c", image: "i" }],
      tolerations: [{ operator: "Exists" }],
    },
  });
  const pod = () => cluster.api.get("pods", "default", "stuck");
  await cluster.until("it runs", () => pod()?.status?.phase === "Running");
  const name: string = pod()?.spec.nodeName;
  cluster.nodes.find((node) => node.name === name)?.crash();
  await cluster.until("its node is lost", () => readyOf(cluster, name) === "Unknown", { stepMs: 1_000 });
  await cluster.client.delete(pods, "stuck");
  await settle();
  assert.ok(pod() !== undefined);
  const taint = { key: "node.kubernetes.io/out-of-service", value: "shutdown", effect: "NoExecute" };
  const taints = [...(nodeOf(cluster, name)?.spec.taints ?? []), taint];
  await cluster.client.patch(nodes, name, { type: "merge", body: { spec: { taints } } });
  await cluster.until("it is gone", () => pod() === undefined);
  await cluster.stop();
});

test("of more finished pods than are kept the evicted ones go first, then the oldest", async () => {
  const cluster = await startCluster({
    nodes: 0,
    controllers: "pod-garbage-collector-controller",
    settings: { terminatedPodThreshold: 2 },
  });
  const finish = (name: string, status: object) =>
    cluster.client.create(pods, { metadata: { name, namespace: "default" }, spec: {}, status });
  const left = () => cluster.api.all("pods").map(({ metadata }) => metadata.name);
  for (const name of ["first", "second"]) {
    await finish(name, { phase: "Succeeded" });
    cluster.clock.advance(2_000);
  }
  await finish("evicted", { phase: "Failed", reason: "Evicted" });
  await finish("running", { phase: "Running" });
  await cluster.until("the evicted one is gone", () => !left().includes("evicted"), { stepMs: 1_000 });
  assert.deepEqual(left().sort(), ["first", "running", "second"]);
  await finish("third", { phase: "Failed" });
  await cluster.until("the oldest is gone", () => !left().includes("first"), { stepMs: 1_000 });
  assert.deepEqual(left().sort(), ["running", "second", "third"]);
  await cluster.stop();
});
