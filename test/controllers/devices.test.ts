import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import * as cel from "../../src/cel/index.ts";
import type { Claim, Device, DeviceClass, Slice } from "../../src/controllers/devices/types.ts";
import { allocate } from "../../src/controllers/scheduler/devices/allocator.ts";
import { DeviceSelectors } from "../../src/controllers/scheduler/devices/selectors.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource, namespace: "default" });
const ofDevices = (resource: string) => ({ group: "resource.k8s.io", version: "v1", resource });
const pods = core("pods");
const nodes = { group: "", version: "v1", resource: "nodes" };
const claims = { ...ofDevices("resourceclaims"), namespace: "default" };
const templates = { ...ofDevices("resourceclaimtemplates"), namespace: "default" };

const deviceClass: DeviceClass = {
  metadata: { name: "gpu" },
  spec: { selectors: [{ cel: { expression: 'device.driver == "gpu.example.com"' } }] },
};

function slice(node: string, devices: Device[], more: object = {}): Slice {
  return {
    metadata: { name: `gpus-of-${node}` },
    spec: {
      driver: "gpu.example.com",
      nodeName: node,
      pool: { name: node, generation: 1, resourceSliceCount: 1 },
      devices,
      ...more,
    },
  };
}

const device = (name: string, model: string, memory = "8Gi"): Device => ({
  name,
  attributes: { model: { string: model }, version: { version: "1.2.3" } },
  capacity: { memory: { value: memory } },
});

function claim(name: string, exactly: object = {}, more: object = {}): Claim {
  return {
    metadata: { name, namespace: "default", uid: `uid-of-${name}` },
    spec: {
      devices: { requests: [{ name: "r", exactly: { deviceClassName: "gpu", ...exactly } }], ...more },
    },
  };
}

const selectedBy = (expression: string) => ({ selectors: [{ cel: { expression } }] });

function find(wanted: Claim[], slices: Slice[], inUse: string[] = []): string[][] | string {
  const found = allocate(
    wanted,
    { metadata: { name: "n" } },
    {
      slices,
      classes: { get: (_, name) => (name === "gpu" ? deviceClass : undefined) },
      selectors: new DeviceSelectors(cel),
      inUse: new Set(inUse),
    },
  );
  if (typeof found === "string") return found;
  return found.map(({ devices }) => (devices.results ?? []).map((one) => `${one.request}=${one.device}`));
}

test("devices are found by what expressions say of them, each for one claim only", () => {
  const devices = [device("a", "small", "4Gi"), device("b", "large", "16Gi"), device("c", "large", "32Gi")];
  const all = [slice("n", devices)];
  assert.deepEqual(find([claim("x"), claim("y")], all), [["r=a"], ["r=b"]]);
  const large = selectedBy('device.attributes["gpu.example.com"].model == "large"');
  assert.deepEqual(find([claim("x", large)], all), [["r=b"]]);
  const ample = selectedBy('device.capacity["gpu.example.com"].memory.compareTo(quantity("20Gi")) > 0');
  assert.deepEqual(find([claim("x", ample)], all), [["r=c"]]);
  const newer = selectedBy('device.attributes["gpu.example.com"].version.isGreaterThan(semver("1.0.0"))');
  assert.deepEqual(find([claim("x", newer)], all), [["r=a"]]);
  // The first choice of the first claim leaves nothing for the second, and is taken back.
  assert.deepEqual(find([claim("x", { count: 2 }), claim("y", ample)], all), [["r=a", "r=b"], ["r=c"]]);
  assert.deepEqual(find([claim("x", ample), claim("y", ample)], all), "cannot allocate all claims");
  assert.deepEqual(find([claim("x", large)], all, ["gpu.example.com/n/b"]), [["r=c"]]);
  const looksOn = { ...large, adminAccess: true };
  assert.deepEqual(find([claim("x", looksOn)], all, ["gpu.example.com/n/b"]), [["r=b"]]);
  assert.deepEqual(find([claim("x", { allocationMode: "All", ...large })], all), [["r=b", "r=c"]]);
  assert.deepEqual(find([claim("x")], [slice("elsewhere", devices)]), "cannot allocate all claims");
});

test("one of several alternatives is enough, and constraints hold for all devices together", () => {
  const all = [slice("n", [device("a", "one"), device("b", "two"), device("c", "two")])];
  const same = { constraints: [{ matchAttribute: "gpu.example.com/model" }] };
  assert.deepEqual(find([claim("x", { count: 2 }, same)], all), [["r=b", "r=c"]]);
  assert.deepEqual(find([claim("x", { count: 3 }, same)], all), "cannot allocate all claims");
  const alternatives: Claim = {
    metadata: { name: "x", namespace: "default", uid: "u" },
    spec: {
      devices: {
        requests: [
          {
            name: "r",
            firstAvailable: [
              { name: "many", deviceClassName: "gpu", count: 4 },
              { name: "few", deviceClassName: "gpu", count: 1 },
            ],
          },
        ],
      },
    },
  };
  assert.deepEqual(find([alternatives], all), [["r/few=a"]]);
});

test("an expression that cannot be told of a device, or a pool that is being written, is an error in upstream's words", () => {
  const all = [slice("n", [device("a", "one")])];
  const unknown = claim("x", selectedBy('device.attributes["gpu.example.com"].nope == "b"'));
  assert.throws(() => find([unknown], all), {
    message: "claim default/x: selector #0: CEL runtime error: no such key: nope",
  });
  const pool = { name: "n", generation: 1, resourceSliceCount: 2 };
  assert.throws(() => find([claim("x", { allocationMode: "All" })], [slice("n", [], { pool })]), {
    message:
      "claim default/x, request r: asks for all devices, but resource pool gpu.example.com/n is currently being updated",
  });
});

async function start(): Promise<RealCluster> {
  const cluster = await startRealCluster(
    "default-scheduler,serviceaccount-controller,resourceclaim-controller,garbage-collector-controller",
  );
  const { client, until } = cluster;
  await until("the ServiceAccount is there", async () => {
    return (await client.list(core("serviceaccounts"), {})).items.length === 1;
  });
  for (const name of ["near", "far"]) {
    const node = await client.create<KubeObject>(nodes, { metadata: { name }, spec: {} });
    const { taints: _, ...spec } = node["spec"] ?? {};
    const ready = await client.update(nodes, { ...node, spec });
    const allocatable = { cpu: "2", memory: "4Gi", pods: "10" };
    await client.update(nodes, { ...ready, status: { allocatable, capacity: allocatable } }, "status");
  }
  await client.create(ofDevices("deviceclasses"), deviceClass);
  await client.create(ofDevices("resourceslices"), slice("far", [device("a", "one")]));
  return cluster;
}

function pod(name: string, wants: object): KubeObject {
  return {
    metadata: { name },
    spec: {
      terminationGracePeriodSeconds: 0,
      resourceClaims: [{ name: "gpu", ...wants }],
      containers: [{ name: "c", image: "i", resources: { claims: [{ name: "gpu" }] } }],
    },
  };
}

const spec = { devices: { requests: [{ name: "r", exactly: { deviceClassName: "gpu" } }] } };

test("a pod goes where its claim's device is, holds it, and gives it back to who waits for it", async () => {
  const cluster = await start();
  const { client, until } = cluster;
  const nodeOf = async (name: string) => (await client.get(pods, name))["spec"].nodeName;
  for (const name of ["one", "two"]) await client.create(claims, { metadata: { name }, spec });
  await client.create(pods, pod("first", { resourceClaimName: "one" }));
  await until("the first has its node", async () => (await nodeOf("first")) === "far");
  const held = (await client.get(claims, "one")) as Claim;
  assert.deepEqual(held.metadata.finalizers, ["resource.kubernetes.io/delete-protection"]);
  assert.deepEqual(held.status?.allocation, {
    devices: { results: [{ request: "r", driver: "gpu.example.com", pool: "far", device: "a" }] },
    nodeSelector: {
      nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["far"] }] }],
    },
  });
  assert.deepEqual(
    held.status?.reservedFor?.map(({ resource, name }) => `${resource}/${name}`),
    ["pods/first"],
  );
  await client.create(pods, pod("second", { resourceClaimName: "two" }));
  const refusal =
    "FailedScheduling: 0/2 nodes are available: 2 cannot allocate all claims. still not schedulable, preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.";
  await until("the second is told why not", async () => (await cluster.eventsOf("second")).includes(refusal));
  await client.delete(pods, "first", { gracePeriodSeconds: 0 });
  await until("the second has its node", async () => (await nodeOf("second")) === "far");
  const free = (await client.get(claims, "one")) as Claim;
  assert.deepEqual([free.status?.allocation, free.metadata.finalizers], [undefined, undefined]);
  await cluster.stop();
});

test("a claim is made from a template for each pod that asks for one, and goes with it", async () => {
  const cluster = await start();
  const { client, until } = cluster;
  await client.create(pods, pod("p", { resourceClaimTemplateName: "later" }));
  const missing =
    'FailedResourceClaimCreation: PodResourceClaim gpu: resource claim template "later": resourceclaimtemplate.resource.k8s.io "later" not found';
  await until("it says what is missing", async () => (await cluster.eventsOf("p")).includes(missing));
  assert.equal((await client.get(pods, "p"))["status"].conditions, undefined, "nobody has tried to place it");
  await client.create(templates, {
    metadata: { name: "later" },
    spec: { metadata: { labels: { a: "b" } }, spec },
  });
  const placed = await until(
    "it has its node",
    async () => {
      const found = await client.get(pods, "p");
      return found["spec"].nodeName !== undefined && found;
    },
    { stepMs: 200 },
  );
  const [made] = (await client.list<Claim>(claims, {})).items as [Claim];
  assert.match(made.metadata.name ?? "", /^p-gpu-[a-z0-9]{5}$/);
  assert.deepEqual(made.metadata.labels, { a: "b" });
  assert.deepEqual(made.metadata.annotations, { "resource.kubernetes.io/pod-claim-name": "gpu" });
  assert.deepEqual(
    made.metadata.ownerReferences?.map(({ kind, name, controller }) => [kind, name, controller]),
    [["Pod", "p", true]],
  );
  assert.deepEqual(placed["status"].resourceClaimStatuses, [
    { name: "gpu", resourceClaimName: made.metadata.name },
  ]);
  await client.delete(pods, "p", { gracePeriodSeconds: 0 });
  await until("its claim is gone", async () => (await client.list(claims, {})).items.length === 0);
  await cluster.stop();
});
