import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const core = (resource: string) => ({ group: "", version: "v1", resource });
const inDefault = (resource: string) => ({ ...core(resource), namespace: "default" });
const attachments = { group: "storage.k8s.io", version: "v1", resource: "volumeattachments" };
const pods = inDefault("pods");
const uniqueName = "kubernetes.io/csi/disks.example.com^d-1";
const controllers =
  "persistentvolume-binder-controller,persistentvolume-attach-detach-controller,persistentvolume-expander-controller";

/** Two nodes and a claim that has a volume of a driver. */
async function startWithDisk(accessMode = "ReadWriteOnce"): Promise<RealCluster> {
  const cluster = await startRealCluster(controllers);
  const { client, until } = cluster;
  await client.create(inDefault("serviceaccounts"), { metadata: { name: "default" } });
  const annotations = { "volumes.kubernetes.io/controller-managed-attach-detach": "true" };
  for (const name of ["n1", "n2"]) await client.create(core("nodes"), { metadata: { name, annotations } });
  const spec = { accessModes: [accessMode], storageClassName: "disks" };
  await client.create(core("persistentvolumes"), {
    metadata: { name: "disk" },
    spec: {
      ...spec,
      capacity: { storage: "1Gi" },
      csi: { driver: "disks.example.com", volumeHandle: "d-1" },
    },
  });
  await client.create(inDefault("persistentvolumeclaims"), {
    metadata: { name: "data" },
    spec: { ...spec, resources: { requests: { storage: "1Gi" } } },
  });
  await until("it is bound", async () => {
    const claim = await client.get(inDefault("persistentvolumeclaims"), "data");
    return claim["status"]?.phase === "Bound";
  });
  return cluster;
}

const podOn = (name: string, nodeName: string): KubeObject => ({
  metadata: { name },
  spec: {
    nodeName,
    terminationGracePeriodSeconds: 0,
    containers: [{ name: "app", image: "app" }],
    volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }],
  },
});

/** Nodes that the volume is on its way to, in order. */
async function holders({ client }: RealCluster): Promise<string[]> {
  const { items } = await client.list<KubeObject>(attachments);
  return items.map(({ spec }) => spec.nodeName).sort();
}

/** As a driver's sidecar does. */
async function answer({ client }: RealCluster, node: string, status: object): Promise<void> {
  const { items } = await client.list<KubeObject>(attachments);
  const { metadata } = items.find(({ spec }) => spec.nodeName === node) as KubeObject;
  const body = { status };
  await client.patch(attachments, metadata.name as string, { type: "merge", body, subresource: "status" });
}

const told = async ({ client }: RealCluster, node: string): Promise<unknown> =>
  (await client.get(core("nodes"), node))["status"]?.volumesAttached;

const hears = (cluster: RealCluster, pod: string, text: string) =>
  cluster.until(`${pod} hears it`, async () => (await cluster.eventsOf(pod)).includes(text));

test("a driver's volume is attached to the node of the pod that mounts it, and taken back when the pod is gone", async () => {
  const cluster = await startWithDisk();
  const { client, until } = cluster;
  await client.create(pods, podOn("a", "n1"));
  await until("an attachment is made", async () => (await holders(cluster)).length === 1);
  const [attachment] = (await client.list<KubeObject>(attachments)).items;
  // What CSI's sidecars compute too: SHA-256 of handle, driver and node.
  assert.equal(
    attachment?.metadata.name,
    "csi-6ac322124f11ea12d05266c5b1c52380c91b630898b9c96605b917be102fefe6",
  );
  assert.deepEqual(attachment?.["spec"], {
    attacher: "disks.example.com",
    nodeName: "n1",
    source: { persistentVolumeName: "disk" },
  });
  assert.equal(await told(cluster, "n1"), undefined);
  await answer(cluster, "n1", { attached: true });
  await hears(cluster, "a", 'SuccessfulAttachVolume: AttachVolume.Attach succeeded for volume "disk" ');
  assert.deepEqual(await told(cluster, "n1"), [{ name: uniqueName, devicePath: "" }]);
  await client.delete(pods, "a");
  await until("it is taken back", async () => (await holders(cluster)).length === 0);
  assert.equal(await told(cluster, "n1"), undefined);
  await cluster.stop();
});

test("a volume that is mounted stays where it is until the node lets go of it", async () => {
  const cluster = await startWithDisk();
  const { client, until, clock } = cluster;
  const mount = (volumesInUse: string[] | null) =>
    client.patch(core("nodes"), "n1", {
      type: "merge",
      body: { status: { volumesInUse } },
      subresource: "status",
    });
  await client.create(pods, podOn("a", "n1"));
  await until("an attachment is made", async () => (await holders(cluster)).length === 1);
  await answer(cluster, "n1", { attached: true });
  await until("the node is told", async () => (await told(cluster, "n1")) !== undefined);
  await mount([uniqueName]);
  await client.delete(pods, "a");
  await client.create(pods, podOn("b", "n2"));
  await hears(
    cluster,
    "b",
    'FailedAttachVolume: Multi-Attach error for volume "disk" Volume is already exclusively attached to one node and can\'t be attached to another',
  );
  assert.deepEqual(await holders(cluster), ["n1"]);
  await mount(null);
  await until("it moves", async () => (await holders(cluster)).join() === "n2");
  assert.equal(await told(cluster, "n1"), undefined);
  // Nothing is ever heard of n2's kubelet: what it mounted is forced off it after six minutes.
  await answer(cluster, "n2", { attached: true });
  await until("the node is told", async () => (await told(cluster, "n2")) !== undefined);
  const body = { status: { volumesInUse: [uniqueName] } };
  await client.patch(core("nodes"), "n2", { type: "merge", body, subresource: "status" });
  await client.delete(pods, "b");
  const before = clock.monotonic();
  await until("it is forced off", async () => (await holders(cluster)).length === 0, { stepMs: 5_000 });
  assert.ok(clock.monotonic() - before >= 360_000);
  await cluster.stop();
});

test("one node at a time has a volume, several where its access modes say so, and pods hear who has it and what failed", async () => {
  const single = await startWithDisk();
  await single.client.create(pods, podOn("a", "n1"));
  await single.until("an attachment is made", async () => (await holders(single)).length === 1);
  await answer(single, "n1", { attached: false, attachError: { message: "no such disk" } });
  await hears(single, "a", 'FailedAttachVolume: AttachVolume.Attach failed for volume "disk" : no such disk');
  await single.client.create(pods, podOn("b", "n2"));
  await hears(
    single,
    "b",
    'FailedAttachVolume: Multi-Attach error for volume "disk" Volume is already used by pod(s) a',
  );
  assert.deepEqual(await holders(single), ["n1"]);
  await single.stop();

  const shared = await startWithDisk("ReadWriteMany");
  for (const [pod, node] of [
    ["a", "n1"],
    ["b", "n2"],
  ] as const)
    await shared.client.create(pods, podOn(pod, node));
  await shared.until("both get it", async () => (await holders(shared)).join() === "n1,n2");
  await shared.client.delete(pods, "a");
  await shared.until("one is left", async () => (await holders(shared)).join() === "n2");
  await shared.stop();
});

test("a driver that needs no attaching is not asked to", async () => {
  const cluster = await startWithDisk();
  const { client, until } = cluster;
  await client.create(pods, podOn("a", "n1"));
  await until("an attachment is made", async () => (await holders(cluster)).length === 1);
  await client.create(
    { group: "storage.k8s.io", version: "v1", resource: "csidrivers" },
    { metadata: { name: "disks.example.com" }, spec: { attachRequired: false } },
  );
  await until("it is taken back", async () => (await holders(cluster)).length === 0);
  await cluster.stop();
});

test("a claim that asks for more than it has hears that its driver will see to that", async () => {
  const cluster = await startWithDisk();
  const { client } = cluster;
  const classes = { group: "storage.k8s.io", version: "v1", resource: "storageclasses" };
  await client.create(classes, {
    metadata: { name: "disks" },
    provisioner: "disks.example.com",
    allowVolumeExpansion: true,
  });
  const body = { spec: { resources: { requests: { storage: "2Gi" } } } };
  await client.patch(inDefault("persistentvolumeclaims"), "data", { type: "merge", body });
  await hears(cluster, "data", "ExternalExpanding: waiting for an external controller to expand this PVC");
  await cluster.stop();
});
