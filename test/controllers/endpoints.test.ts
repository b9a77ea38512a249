import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { settle } from "../client/world.ts";
import { type Cluster, deployment, deployments, pods, service, services, startCluster } from "./cluster.ts";

const slices = (cluster: Cluster, name = "web"): KubeObject[] =>
  cluster.api
    .all("endpointslices")
    .filter(({ metadata }) => metadata.labels?.["kubernetes.io/service-name"] === name);

const endpointsOf = (cluster: Cluster, name = "web") => cluster.api.get("endpoints", "default", name);

async function twoPods(cluster: Cluster): Promise<void> {
  await cluster.client.create(services, service("web"));
  await cluster.client.create(deployments, deployment("web", 2));
  await cluster.until("two addresses", () => cluster.addresses("web").length === 2);
  await cluster.until("two endpoints", () => slices(cluster)[0]?.endpoints?.length === 2);
}

test("a Service without pods has Endpoints without subsets and one empty slice", async () => {
  const cluster = await startCluster();
  await cluster.client.create(services, service("web"));
  await cluster.until(
    "both are there",
    () => endpointsOf(cluster) !== undefined && slices(cluster).length === 1,
  );
  assert.deepEqual(endpointsOf(cluster)?.metadata.labels, {
    "endpoints.kubernetes.io/managed-by": "endpoint-controller",
  });
  assert.deepEqual(Object.keys(endpointsOf(cluster)?.metadata.annotations ?? {}), [
    "endpoints.kubernetes.io/last-change-trigger-time",
  ]);
  assert.equal(endpointsOf(cluster)?.subsets, undefined);
  const [slice] = slices(cluster);
  assert.deepEqual([slice?.addressType, slice?.endpoints, slice?.ports], ["IPv4", undefined, undefined]);
  assert.deepEqual(slice?.metadata.labels, {
    "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    "kubernetes.io/service-name": "web",
  });
  assert.equal(slice?.metadata.ownerReferences?.[0]?.kind, "Service");
  await cluster.stop();
});

test("ready pods are addresses with their node, their name and the ports that the Service means", async () => {
  const cluster = await startCluster();
  await twoPods(cluster);
  const [subset, ...others] = endpointsOf(cluster)?.subsets ?? [];
  assert.equal(others.length, 0);
  assert.deepEqual(subset.ports, [
    { name: "http", port: 8080, protocol: "TCP" },
    { name: "named", port: 9090, protocol: "TCP" },
  ]);
  const [address] = subset.addresses;
  const pod = cluster.api.all("pods").find(({ status }) => status.podIP === address.ip);
  assert.deepEqual(address, {
    ip: pod?.status.podIP,
    nodeName: "node-0",
    targetRef: { kind: "Pod", namespace: "default", name: pod?.metadata.name, uid: pod?.metadata.uid },
  });
  const [slice] = slices(cluster);
  assert.deepEqual(slice?.ports, [
    { name: "http", protocol: "TCP", port: 8080 },
    { name: "named", protocol: "TCP", port: 9090 },
  ]);
  assert.deepEqual(slice?.endpoints[0].conditions, { ready: true, serving: true, terminating: false });
  await cluster.stop();
});

test("scaling changes the Endpoints without any time having to pass", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await twoPods(cluster);
  await settle();
  const before = cluster.clock.monotonic();
  await cluster.client.patch(deployments, "web", { type: "merge", body: { spec: { replicas: 5 } } });
  for (let turns = 0; cluster.addresses("web").length !== 5 && turns < 200; turns++) await settle(1);
  assert.equal(cluster.addresses("web").length, 5);
  await cluster.client.patch(deployments, "web", { type: "merge", body: { spec: { replicas: 1 } } });
  for (let turns = 0; cluster.addresses("web").length !== 1 && turns < 200; turns++) await settle(1);
  assert.equal(cluster.addresses("web").length, 1);
  assert.equal(cluster.clock.monotonic(), before);
  await cluster.stop();
});

test("a pod that is not ready is listed as such, and published only where the Service says so", async () => {
  const cluster = await startCluster();
  await cluster.client.create(services, service("web"));
  await cluster.client.create(services, {
    ...service("early"),
    spec: { ...service("web").spec, publishNotReadyAddresses: true },
  });
  await cluster.client.create(pods, {
    metadata: {
      name: "p",
      namespace: "default",
      labels: { app: "web" },
      annotations: { "hollow.raftsman.dev/ready": "false" },
    },
    spec: {
      containers: [{ name: "c", image: "i", ports: [{ name: "adm", containerPort: 9090, protocol: "TCP" }] }],
    },
  });
  await cluster.until(
    "it is listed",
    () => endpointsOf(cluster)?.subsets?.[0]?.notReadyAddresses?.length === 1,
  );
  assert.deepEqual(cluster.addresses("web"), []);
  await cluster.until("it is published", () => cluster.addresses("early").length === 1);
  await cluster.until("slices say so", () => (slices(cluster)[0]?.endpoints ?? []).length === 1);
  assert.deepEqual(slices(cluster)[0]?.endpoints[0].conditions, {
    ready: false,
    serving: false,
    terminating: false,
  });
  assert.deepEqual(slices(cluster, "early")[0]?.endpoints[0].conditions, {
    ready: true,
    serving: false,
    terminating: false,
  });
  await cluster.stop();
});

test("a pod that terminates leaves the Endpoints at once, and its slice says that it still serves", async () => {
  const cluster = await startCluster();
  await cluster.client.create(services, service("web"));
  await cluster.client.create(pods, {
    metadata: {
      name: "p",
      namespace: "default",
      labels: { app: "web" },
      annotations: { "hollow.raftsman.dev/stop-after": "20s" },
    },
    spec: { terminationGracePeriodSeconds: 30, containers: [{ name: "c", image: "i" }] },
  });
  await cluster.until("it is an address", () => cluster.addresses("web").length === 1);
  await cluster.client.delete(pods, "p");
  await cluster.until("it is none", () => cluster.addresses("web").length === 0);
  await cluster.until(
    "it terminates",
    () => slices(cluster)[0]?.endpoints?.[0]?.conditions.terminating === true,
  );
  assert.deepEqual(slices(cluster)[0]?.endpoints[0].conditions, {
    ready: false,
    serving: true,
    terminating: true,
  });
  await cluster.until("it is gone", () => cluster.api.get("pods", "default", "p") === undefined, {
    stepMs: 500,
  });
  await cluster.until("its slice is empty", () => slices(cluster)[0]?.endpoints === undefined);
  await cluster.stop();
});

test("a selector that fits nothing empties Endpoints and keeps the slice", async () => {
  const cluster = await startCluster();
  await twoPods(cluster);
  const name = slices(cluster)[0]?.metadata.name;
  await cluster.client.patch(services, "web", {
    type: "merge",
    body: { spec: { selector: { app: "nobody" } } },
  });
  await cluster.until("no address is left", () => cluster.addresses("web").length === 0);
  await cluster.until("the slice is empty", () => slices(cluster)[0]?.endpoints === undefined);
  assert.deepEqual([slices(cluster).length, slices(cluster)[0]?.metadata.name], [1, name]);
  assert.deepEqual(
    endpointsOf(cluster)?.metadata.annotations,
    {},
    "nothing of the pods explains this change",
  );
  await cluster.stop();
});

test("Endpoints and slices go with their Service", async () => {
  const cluster = await startCluster();
  await twoPods(cluster);
  await cluster.client.delete(services, "web");
  await cluster.until(
    "both are gone",
    () => endpointsOf(cluster) === undefined && slices(cluster).length === 0,
  );
  await cluster.stop();
});

test("Endpoints of a Service without a selector are left alone", async () => {
  const cluster = await startCluster();
  const scope = { group: "", version: "v1", resource: "endpoints", namespace: "default" };
  await cluster.client.create(scope, {
    metadata: { name: "ext", namespace: "default" },
    subsets: [{ addresses: [{ ip: "192.0.2.10" }] }],
  });
  const { selector: _, ...spec } = service("ext").spec;
  await cluster.client.create(services, { metadata: { name: "ext", namespace: "default" }, spec });
  await settle(100);
  assert.deepEqual(cluster.addresses("ext"), ["192.0.2.10"]);
  await cluster.stop();
});

test("a headless Service gives hostnames to the pods that ask for one, and is marked", async () => {
  const cluster = await startCluster();
  await cluster.client.create(
    services,
    service("db", { clusterIP: "None", ports: [{ port: 5432, protocol: "TCP" }] }),
  );
  await cluster.client.create(pods, {
    metadata: { name: "db-0", namespace: "default", labels: { app: "db" } },
    spec: { hostname: "db-0", subdomain: "db", containers: [{ name: "c", image: "i" }] },
  });
  await cluster.until("it is an address", () => cluster.addresses("db").length === 1);
  assert.equal(endpointsOf(cluster, "db")?.subsets[0].addresses[0].hostname, "db-0");
  assert.deepEqual(endpointsOf(cluster, "db")?.subsets[0].ports, [{ port: 5432, protocol: "TCP" }]);
  assert.equal(endpointsOf(cluster, "db")?.metadata.labels?.["service.kubernetes.io/headless"], "");
  await cluster.until("its slice too", () => slices(cluster, "db")[0]?.endpoints?.length === 1);
  assert.equal(slices(cluster, "db")[0]?.endpoints[0].hostname, "db-0");
  assert.deepEqual(slices(cluster, "db")[0]?.ports, [{ name: "", protocol: "TCP", port: 5432 }]);
  assert.equal(slices(cluster, "db")[0]?.metadata.labels?.["service.kubernetes.io/headless"], "");
  await cluster.stop();
});

test("more than a hundred endpoints take several slices, and each pod is in exactly one", async () => {
  const cluster = await startCluster({ nodes: 3 });
  await cluster.client.create(services, service("web"));
  await cluster.client.create(deployments, deployment("web", 230));
  const listed = (): string[] =>
    slices(cluster).flatMap(({ endpoints }) =>
      (endpoints ?? []).map(({ targetRef }: { targetRef: { name: string } }) => targetRef.name),
    );
  await cluster.until(
    "all are listed",
    () => listed().length === 230 && cluster.addresses("web").length === 230,
  );
  assert.equal(new Set(listed()).size, 230);
  assert.ok(slices(cluster).length >= 3);
  assert.ok(slices(cluster).every(({ endpoints }) => endpoints.length <= 100));
  await cluster.client.patch(deployments, "web", { type: "merge", body: { spec: { replicas: 20 } } });
  await cluster.until(
    "twenty are listed",
    () => listed().length === 20 && cluster.addresses("web").length === 20,
  );
  assert.equal(new Set(listed()).size, 20);
  await cluster.stop();
});

test("idle controllers and nodes ask the server for nothing but heartbeats", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await twoPods(cluster);
  await settle(100);
  cluster.api.requests.length = 0;
  for (let seconds = 0; seconds < 60; seconds++) {
    cluster.clock.advance(1_000);
    await settle(3);
  }
  const others = cluster.api.requests.filter((request) => !request.includes("/kube-node-lease/leases/"));
  assert.deepEqual(others, []);
  assert.equal(cluster.api.requests.length, 12, "two nodes, one heartbeat each ten seconds");
  await cluster.stop();
});
