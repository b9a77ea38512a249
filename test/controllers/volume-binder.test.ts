import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const volumes = { group: "", version: "v1", resource: "persistentvolumes" };
const claims = { group: "", version: "v1", resource: "persistentvolumeclaims", namespace: "default" };
const classes = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
const controllers =
  "persistentvolume-binder-controller,persistentvolumeclaim-protection-controller,persistentvolume-protection-controller";

function volume(name: string, size: string, more: object = {}): KubeObject {
  return {
    metadata: { name },
    spec: {
      capacity: { storage: size },
      accessModes: ["ReadWriteOnce"],
      storageClassName: "manual",
      hostPath: { path: `/tmp/${name}` },
      persistentVolumeReclaimPolicy: "Retain",
      ...more,
    },
  };
}

function claim(name: string, size: string, more: object = {}): KubeObject {
  return {
    metadata: { name },
    spec: {
      accessModes: ["ReadWriteOnce"],
      storageClassName: "manual",
      resources: { requests: { storage: size } },
      ...more,
    },
  };
}

const phase = (cluster: RealCluster, scope: typeof volumes, name: string, wanted: string) =>
  cluster.until(`${name} is ${wanted}`, async () => {
    const object = await cluster.client.get(scope, name);
    return object["status"]?.phase === wanted && object;
  });

test("a claim gets the smallest volume that will do, and both say so as upstream writes it", async () => {
  const cluster = await startRealCluster(controllers);
  const { client } = cluster;
  for (const [name, size] of [
    ["large", "10Gi"],
    ["small", "1Gi"],
    ["middle", "5Gi"],
  ] as const) {
    await client.create(volumes, volume(name, size));
    await phase(cluster, volumes, name, "Available");
  }
  await client.create(claims, claim("data", "2Gi"));
  const bound = await phase(cluster, claims, "data", "Bound");
  assert.equal(bound["spec"].volumeName, "middle");
  assert.deepEqual(bound["status"], {
    phase: "Bound",
    accessModes: ["ReadWriteOnce"],
    capacity: { storage: "5Gi" },
  });
  assert.deepEqual(bound.metadata.annotations, {
    "pv.kubernetes.io/bind-completed": "yes",
    "pv.kubernetes.io/bound-by-controller": "yes",
  });
  const { spec } = await phase(cluster, volumes, "middle", "Bound");
  assert.equal(spec.claimRef.uid, bound.metadata.uid);
  await cluster.stop();
});

test("a volume whose claim goes is released and kept, or deleted, or says why it cannot be", async () => {
  const cluster = await startRealCluster(controllers);
  const { client, until } = cluster;
  const deletes = { persistentVolumeReclaimPolicy: "Delete" };
  for (const [name, more] of [
    ["kept", {}],
    ["deleted", deletes],
    ["refused", { ...deletes, hostPath: { path: "/data" } }],
  ] as const) {
    await client.create(volumes, volume(name, "1Gi", more));
    await client.create(claims, claim(name, "1Gi", { volumeName: name }));
    await phase(cluster, claims, name, "Bound");
    await client.delete(claims, name);
  }
  await phase(cluster, volumes, "kept", "Released");
  const gone = async () =>
    (await client.list(volumes, { fieldSelector: "metadata.name=deleted" })).items.length === 0;
  await until("the deleted one is gone", gone);
  const failed = await phase(cluster, volumes, "refused", "Failed");
  assert.equal(
    failed["status"].message,
    "host_path deleter only supports /tmp/.+ but received provided /data",
  );
  // Nobody else gets a volume with somebody's data.
  await client.create(claims, claim("next", "1Gi"));
  assert.equal((await phase(cluster, claims, "next", "Pending"))["spec"].volumeName, undefined);
  await cluster.stop();
});

test("a claim without a volume says what it waits for", async () => {
  const cluster = await startRealCluster(controllers);
  const { client, until } = cluster;
  const says = (name: string, text: string) =>
    until(`${name} says it`, async () => (await cluster.eventsOf(name)).includes(text));
  await client.create(classes, { metadata: { name: "cloud" }, provisioner: "disks.example.com" });
  await client.create(classes, {
    metadata: { name: "late" },
    provisioner: "disks.example.com",
    volumeBindingMode: "WaitForFirstConsumer",
  });
  await client.create(claims, claim("none", "1Gi", { storageClassName: "" }));
  await says(
    "none",
    "FailedBinding: no persistent volumes available for this claim and no storage class is set",
  );
  await client.create(claims, claim("lost", "1Gi", { storageClassName: "nowhere" }));
  await says("lost", 'ProvisioningFailed: storageclass.storage.k8s.io "nowhere" not found');
  await client.create(claims, claim("late", "1Gi", { storageClassName: "late" }));
  await says("late", "WaitForFirstConsumer: waiting for first consumer to be created before binding");
  await client.create(claims, claim("cloud", "1Gi", { storageClassName: "cloud" }));
  await says(
    "cloud",
    "ExternalProvisioning: Waiting for a volume to be created either by the external provisioner 'disks.example.com' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.",
  );
  const { metadata } = await client.get(claims, "cloud");
  assert.equal(metadata.annotations?.["volume.kubernetes.io/storage-provisioner"], "disks.example.com");
  await cluster.stop();
});

test("a claim loses its volume for good when somebody takes it away", async () => {
  const cluster = await startRealCluster(controllers);
  const { client } = cluster;
  await client.create(volumes, volume("pv", "1Gi"));
  await client.create(claims, claim("data", "1Gi"));
  const bound = await phase(cluster, volumes, "pv", "Bound");
  await client.delete(volumes, "pv");
  const { finalizers: _, ...metadata } = (await client.get(volumes, "pv")).metadata;
  await client.update(volumes, { ...bound, metadata });
  await phase(cluster, claims, "data", "Lost");
  await cluster.stop();
});

test("the claim that was made for a pod stays while the pod may run, and goes where only finalizers are left of it", async () => {
  const cluster = await startRealCluster(`${controllers},ephemeral-volume-controller`);
  const { client, until } = cluster;
  const pods = { ...claims, resource: "pods" };
  await client.create({ ...claims, resource: "serviceaccounts" }, { metadata: { name: "default" } });
  const volumeClaimTemplate = { spec: claim("", "1Gi")["spec"] };
  await client.create(pods, {
    metadata: { name: "app", finalizers: ["example.com/hold"] },
    spec: {
      nodeName: "n1",
      containers: [{ name: "app", image: "app" }],
      volumes: [{ name: "data", ephemeral: { volumeClaimTemplate } }],
    },
  });
  const names = async () =>
    (await client.list<KubeObject>(claims, {})).items.map(({ metadata }) => metadata.name).join();
  await until("it is made", async () => (await names()) === "app-data");
  await client.delete(claims, "app-data");
  // Another claim that is not used goes meanwhile: the controller has looked at both.
  await client.create(claims, claim("unused", "1Gi"));
  await client.delete(claims, "unused");
  await until("the unused one is gone", async () => (await names()) === "app-data");
  await client.delete(pods, "app", { gracePeriodSeconds: 0 });
  await until("the pod's own is gone", async () => (await names()) === "");
  await cluster.stop();
});
