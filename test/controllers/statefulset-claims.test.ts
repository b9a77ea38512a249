import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const pods = { group: "", version: "v1", resource: "pods", namespace: "default" };
const claims = { group: "", version: "v1", resource: "persistentvolumeclaims", namespace: "default" };
const sets = { group: "apps", version: "v1", resource: "statefulsets", namespace: "default" };
const revisions = { group: "apps", version: "v1", resource: "controllerrevisions", namespace: "default" };
const serviceAccounts = { group: "", version: "v1", resource: "serviceaccounts", namespace: "default" };
const quotas = { group: "", version: "v1", resource: "resourcequotas", namespace: "default" };

async function start(more: string, replicas: number, spec: object = {}): Promise<RealCluster> {
  const cluster = await startRealCluster(`statefulset-controller,serviceaccount-controller${more}`);
  const { client, until } = cluster;
  await until("the ServiceAccount is there", async () => {
    return (await client.list(serviceAccounts, {})).items.length === 1;
  });
  await client.create(sets, setOf(replicas, spec));
  return cluster;
}

function setOf(replicas: number, spec: object): KubeObject {
  return {
    metadata: { name: "db" },
    spec: {
      replicas,
      serviceName: "db",
      podManagementPolicy: "Parallel",
      selector: { matchLabels: { app: "db" } },
      template: { metadata: { labels: { app: "db" } }, spec: { containers: [{ name: "c", image: "i" }] } },
      volumeClaimTemplates: [
        {
          metadata: { name: "data" },
          spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
        },
      ],
      ...spec,
    },
  };
}

/** `name: Kind/name` for every owner of every claim. */
async function owners({ client }: RealCluster): Promise<string[]> {
  const { items } = await client.list(claims, {});
  return items.map(
    ({ metadata }) =>
      `${metadata.name}: ${(metadata.ownerReferences ?? []).map(({ kind, name }) => `${kind}/${name}`).join(" ")}`,
  );
}

/** The pods run, as a kubelet would have it. */
async function run({ client, until }: RealCluster, count: number): Promise<void> {
  const items = await until("the pods are there", async () => {
    const list = (await client.list(pods, {})).items;
    return list.length === count && list;
  });
  for (const pod of items) {
    const conditions = [{ type: "Ready", status: "True" }];
    await client.update(pods, { ...pod, status: { phase: "Running", conditions } }, "status");
  }
}

test("a claim follows the set where it is to go with it, and its pod once that is scaled away", async () => {
  const policy = { whenDeleted: "Delete", whenScaled: "Delete" };
  const cluster = await start("", 2, { persistentVolumeClaimRetentionPolicy: policy });
  const { client, until } = cluster;
  await run(cluster, 2);
  const whole = "data-db-0: StatefulSet/db,data-db-1: StatefulSet/db";
  await until("both follow the set", async () => (await owners(cluster)).join() === whole);
  await client.patch(sets, "db", { type: "merge", body: { spec: { replicas: 1 } } });
  const scaled = "data-db-0: StatefulSet/db,data-db-1: Pod/db-1";
  await until("one follows its pod", async () => (await owners(cluster)).join() === scaled);
  const { metadata } = (await client.get(claims, "data-db-1")) as KubeObject;
  assert.deepEqual(
    metadata.ownerReferences?.map(({ controller, blockOwnerDeletion }) => [controller, blockOwnerDeletion]),
    [[true, true]],
  );
  // The pod has gone and its claim is about to: the next pod of the name must not take it.
  await until("the pod is gone", async () => (await client.list(pods, {})).items.length === 1);
  await client.patch(sets, "db", { type: "merge", body: { spec: { replicas: 2 } } });
  await until("the set is seen", async () => {
    const { metadata: of, status } = (await client.get(sets, "db")) as KubeObject;
    return status.observedGeneration === of.generation;
  });
  assert.equal((await client.list(pods, {})).items.length, 1, "waits for the claim to go");
  await client.patch(claims, "data-db-1", { type: "merge", body: { metadata: { finalizers: null } } });
  await client.delete(claims, "data-db-1");
  await until("the pod comes again", async () => (await client.list(pods, {})).items.length === 2);
  await cluster.stop();
});

test("claims are kept where nothing is said, and the policy may change its mind", async () => {
  const cluster = await start("", 1, {});
  const { client, until } = cluster;
  await run(cluster, 1);
  await until("there is a claim", async () => (await owners(cluster)).join() === "data-db-0: ");
  const whenDeleted = { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Delete" } };
  await client.patch(sets, "db", { type: "merge", body: { spec: whenDeleted } });
  await until(
    "it follows the set",
    async () => (await owners(cluster)).join() === "data-db-0: StatefulSet/db",
  );
  const told = "SuccessfulUpdate: Update Pod db-0 in StatefulSet db successful";
  await until("the set is told", async () => (await cluster.eventsOf("db")).includes(told));
  const whenever = { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Retain" } };
  await client.patch(sets, "db", { type: "merge", body: { spec: whenever } });
  await until("it stays", async () => (await owners(cluster)).join() === "data-db-0: ");
  await cluster.stop();
});

test("a claim that the server refuses is told of by itself and as why the pod is missing", async () => {
  const cluster = await start(",resourcequota-controller", 0);
  const { client, until } = cluster;
  await client.create(quotas, {
    metadata: { name: "few" },
    spec: { hard: { persistentvolumeclaims: "0" } },
  });
  await until("the quota is counted", async () => (await client.get(quotas, "few"))["status"]?.used);
  await client.patch(sets, "db", { type: "merge", body: { spec: { replicas: 1 } } });
  const told = await until("it is told", async () => {
    const events = await cluster.eventsOf("db");
    return events.length >= 2 && events;
  });
  const refusal =
    'persistentvolumeclaims "data-db-0" is forbidden: exceeded quota: few, requested: persistentvolumeclaims=1, used: persistentvolumeclaims=0, limited: persistentvolumeclaims=0';
  assert.deepEqual(told.sort(), [
    `FailedCreate: Create Claim data-db-0 for Pod db-0 in StatefulSet db failed error: ${refusal}`,
    `FailedCreate: Create Pod db-0 in StatefulSet db failed error: failed to create PVC data-db-0: ${refusal}`,
  ]);
  await cluster.stop();
});

test("a set that comes again takes the history that the one before it left", async () => {
  const cluster = await start("", 0);
  const { client, until } = cluster;
  const kept = await until("it has a revision", async () => (await client.list(revisions, {})).items[0]);
  await client.delete(sets, "db", { propagationPolicy: "Background" });
  await client.patch(revisions, kept.metadata.name as string, {
    type: "merge",
    body: { metadata: { ownerReferences: null } },
  });
  await client.create(sets, setOf(0, {}));
  const status = await until("it is seen", async () => {
    const { status: now } = (await client.get(sets, "db")) as KubeObject;
    return now?.observedGeneration === 1 && now;
  });
  assert.equal(status.updateRevision, kept.metadata.name);
  assert.equal((await client.list(revisions, {})).items.length, 1);
  await cluster.stop();
});
