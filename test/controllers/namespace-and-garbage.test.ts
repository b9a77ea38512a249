import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { settle } from "../client/world.ts";
import { type Cluster, configMaps, startCluster } from "./cluster.ts";

const namespaces = { group: "", version: "v1", resource: "namespaces" };

const namespaceOf = (cluster: Cluster, name: string) => cluster.api.get("namespaces", "", name);

test("every namespace gets its ServiceAccount and the CA, and gets them again", async () => {
  const cluster = await startCluster();
  for (const name of ["default", "kube-public"]) {
    await cluster.client.create(namespaces, { metadata: { name } });
    await cluster.until(
      `${name} is furnished`,
      () =>
        cluster.api.get("serviceaccounts", name, "default") !== undefined &&
        cluster.api.get("configmaps", name, "kube-root-ca.crt")?.data["ca.crt"] === "PEM",
    );
  }
  const scope = { ...configMaps, namespace: "kube-public" };
  await cluster.client.delete(scope, "kube-root-ca.crt");
  await cluster.client.delete({ ...scope, resource: "serviceaccounts" }, "default");
  await cluster.until(
    "both are made again",
    () =>
      cluster.api.get("configmaps", "kube-public", "kube-root-ca.crt") !== undefined &&
      cluster.api.get("serviceaccounts", "kube-public", "default") !== undefined,
  );
  await cluster.stop();
});

test("pods of a deleted namespace go before what they may need", async () => {
  const cluster = await startCluster();
  await cluster.client.create(namespaces, { metadata: { name: "doomed" } });
  const scope = { ...configMaps, namespace: "doomed" };
  const pods = { ...scope, resource: "pods" };
  await cluster.client.create(scope, { metadata: { name: "needed", namespace: "doomed" } });
  const held = { name: "held", namespace: "doomed", finalizers: ["facts.example/hold"] };
  await cluster.client.create(pods, { metadata: held, spec: { containers: [{ name: "c", image: "i" }] } });
  await cluster.client.delete(namespaces, "doomed");
  await cluster.until(
    "conditions are there",
    () => namespaceOf(cluster, "doomed")?.status.conditions?.length === 5,
    { stepMs: 500 },
  );
  assert.notEqual(cluster.api.get("pods", "doomed", "held")?.metadata.deletionTimestamp, undefined);
  assert.notEqual(cluster.api.get("configmaps", "doomed", "needed"), undefined);
  const pod = await cluster.client.get(pods, "held");
  await cluster.client.update(pods, { ...pod, metadata: { ...pod.metadata, finalizers: [] } });
  await cluster.until("all is gone", () => namespaceOf(cluster, "doomed") === undefined);
  await cluster.stop();
});

test("a deleted namespace goes with all that is in it, after it said what it waits for", async () => {
  const cluster = await startCluster();
  await cluster.client.create(namespaces, { metadata: { name: "doomed" } });
  const scope = { ...configMaps, namespace: "doomed" };
  await cluster.client.create(scope, {
    metadata: { name: "held", namespace: "doomed", finalizers: ["facts.example/hold"] },
  });
  await cluster.client.create(
    { ...scope, resource: "secrets" },
    { metadata: { name: "free", namespace: "doomed" } },
  );
  await cluster.client.delete(namespaces, "doomed");
  await cluster.until(
    "conditions are there",
    () => namespaceOf(cluster, "doomed")?.status.conditions?.length === 5,
    { stepMs: 500 },
  );
  await cluster.until(
    "the free one is gone",
    () => cluster.api.get("secrets", "doomed", "free") === undefined,
  );
  const conditions = namespaceOf(cluster, "doomed")?.status.conditions.map(
    ({ type, status, reason, message }: Record<string, string>) => [type, status, reason, message],
  );
  assert.deepEqual(conditions, [
    [
      "NamespaceDeletionDiscoveryFailure",
      "False",
      "ResourcesDiscovered",
      "All resources successfully discovered",
    ],
    [
      "NamespaceDeletionGroupVersionParsingFailure",
      "False",
      "ParsedGroupVersions",
      "All legacy kube types successfully parsed",
    ],
    [
      "NamespaceDeletionContentFailure",
      "False",
      "ContentDeleted",
      "All content successfully deleted, may be waiting on finalization",
    ],
    [
      "NamespaceContentRemaining",
      "True",
      "SomeResourcesRemain",
      "Some resources are remaining: configmaps. has 1 resource instances",
    ],
    [
      "NamespaceFinalizersRemaining",
      "True",
      "SomeFinalizersRemain",
      "Some content in the namespace has finalizers remaining: facts.example/hold in 1 resource instances",
    ],
  ]);
  await cluster.client.patch(scope, "held", { type: "merge", body: { metadata: { finalizers: null } } });
  await cluster.until("it is gone", () => namespaceOf(cluster, "doomed") === undefined, { stepMs: 100 });
  assert.ok(cluster.api.all("configmaps").every(({ metadata }) => metadata.namespace !== "doomed"));
  await cluster.stop();
});

async function ownerAndDependent(cluster: Cluster, name: string): Promise<void> {
  const owner: KubeObject = await cluster.client.create<KubeObject>(configMaps, {
    metadata: { name, namespace: "default" },
  });
  await cluster.client.create(configMaps, {
    metadata: {
      name: `${name}-dep`,
      namespace: "default",
      ownerReferences: [
        {
          apiVersion: "v1",
          kind: "ConfigMap",
          name,
          uid: owner.metadata.uid as string,
          blockOwnerDeletion: true,
        },
      ],
    },
  });
  await settle();
}

const there = (cluster: Cluster, name: string): boolean =>
  cluster.api.get("configmaps", "default", name) !== undefined;

test("what an owner leaves behind is deleted", async () => {
  const cluster = await startCluster();
  await ownerAndDependent(cluster, "bg");
  await cluster.client.delete(configMaps, "bg", { propagationPolicy: "Background" });
  await cluster.until("the dependent is gone", () => !there(cluster, "bg-dep"));
  await cluster.stop();
});

test("deleted in the foreground, an owner goes after its dependents", async () => {
  const cluster = await startCluster();
  await ownerAndDependent(cluster, "fg");
  await cluster.client.patch(configMaps, "fg-dep", {
    type: "merge",
    body: { metadata: { finalizers: ["x/hold"] } },
  });
  await cluster.client.delete(configMaps, "fg", { propagationPolicy: "Foreground" });
  await cluster.until(
    "the dependent is being deleted",
    () => cluster.api.get("configmaps", "default", "fg-dep")?.metadata.deletionTimestamp !== undefined,
  );
  await settle();
  assert.equal(there(cluster, "fg"), true);
  await cluster.client.patch(configMaps, "fg-dep", {
    type: "merge",
    body: { metadata: { finalizers: null } },
  });
  await cluster.until("both are gone", () => !there(cluster, "fg") && !there(cluster, "fg-dep"));
  await cluster.stop();
});

test("objects that own each other in a circle do not wait for each other", async () => {
  const cluster = await startCluster();
  const names = ["ring-a", "ring-b", "ring-c"];
  const uids: string[] = [];
  for (const name of names) {
    const made: KubeObject = await cluster.client.create(configMaps, {
      metadata: { name, namespace: "default" },
    });
    uids.push(made.metadata.uid as string);
  }
  for (const [i, name] of names.entries()) {
    const at = (i + 2) % 3;
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: names[at], uid: uids[at] };
    const ownerReferences = [{ ...owner, controller: true, blockOwnerDeletion: true }];
    await cluster.client.patch(configMaps, name, { type: "merge", body: { metadata: { ownerReferences } } });
  }
  await settle();
  await cluster.client.delete(configMaps, "ring-a", { propagationPolicy: "Foreground" });
  await cluster.until("all are gone", () => names.every((name) => !there(cluster, name)));
  await cluster.stop();
});

test("deleted with orphans, an owner goes and its dependents stay without the reference", async () => {
  const cluster = await startCluster();
  await ownerAndDependent(cluster, "or");
  await cluster.client.delete(configMaps, "or", { propagationPolicy: "Orphan" });
  await cluster.until("the owner is gone", () => !there(cluster, "or"));
  await settle();
  assert.equal(there(cluster, "or-dep"), true);
  assert.equal(cluster.api.get("configmaps", "default", "or-dep")?.metadata.ownerReferences, undefined);
  await cluster.stop();
});

test("an owner that never was is as good as gone, and one of two owners is enough to live", async () => {
  const cluster = await startCluster();
  const ghost = {
    apiVersion: "v1",
    kind: "ConfigMap",
    name: "ghost",
    uid: "00000000-0000-4000-8000-000000000000",
  };
  await cluster.client.create(configMaps, {
    metadata: { name: "stray", namespace: "default", ownerReferences: [ghost] },
  });
  const owner: KubeObject = await cluster.client.create<KubeObject>(configMaps, {
    metadata: { name: "owner", namespace: "default" },
  });
  await cluster.client.create(configMaps, {
    metadata: {
      name: "shared",
      namespace: "default",
      ownerReferences: [ghost, { ...ghost, name: "owner", uid: owner.metadata.uid as string }],
    },
  });
  await cluster.until("the stray is collected", () => !there(cluster, "stray"));
  await cluster.until(
    "the dead reference is dropped",
    () => cluster.api.get("configmaps", "default", "shared")?.metadata.ownerReferences?.length === 1,
  );
  assert.equal(there(cluster, "shared"), true);
  await cluster.stop();
});

test("an owner of the same name but another uid does not keep a dependent alive", async () => {
  const cluster = await startCluster();
  await ownerAndDependent(cluster, "again");
  await cluster.client.delete(configMaps, "again", { propagationPolicy: "Background" });
  await cluster.client.create(configMaps, { metadata: { name: "again", namespace: "default" } });
  await cluster.until("the dependent is gone", () => !there(cluster, "again-dep"));
  assert.equal(there(cluster, "again"), true);
  await cluster.stop();
});

test("an owner of another namespace, or of one where the dependent has none, is told of", async () => {
  const cluster = await startCluster();
  const spaces = { group: "", version: "v1", resource: "namespaces" };
  await cluster.client.create(spaces, { metadata: { name: "other" } });
  const owner = await cluster.client.create<KubeObject>(
    { ...configMaps, namespace: "other" },
    { metadata: { name: "owner", namespace: "other" } },
  );
  const ownerReferences = [
    { apiVersion: "v1", kind: "ConfigMap", name: "owner", uid: owner.metadata.uid as string },
  ];
  await cluster.client.create(configMaps, {
    metadata: { name: "lost", namespace: "default", ownerReferences },
  });
  await cluster.client.create(spaces, { metadata: { name: "wide", ownerReferences } });
  const told = (name: string) =>
    cluster.api.all("events").find((event) => event["involvedObject"].name === name)?.["message"];
  await cluster.until("both are told", () => told("lost") !== undefined && told("wide") !== undefined, {
    stepMs: 500,
  });
  const identity = (namespace: string) =>
    `ownerRef [v1/ConfigMap, namespace: ${namespace}, name: owner, uid: ${owner.metadata.uid}] does not exist in namespace "${namespace}"`;
  assert.equal(told("lost"), identity("default"));
  assert.equal(told("wide"), identity(""));
  await cluster.until(
    "the dependent goes",
    () => cluster.api.get("configmaps", "default", "lost") === undefined,
  );
  assert.ok(cluster.api.get("namespaces", "", "wide") !== undefined, "what cannot be right is left alone");
  await cluster.stop();
});
