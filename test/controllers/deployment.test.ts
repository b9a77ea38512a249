import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cluster, deployment, deployments, pods, startCluster } from "./cluster.ts";

const status = (cluster: Cluster, name = "web") =>
  cluster.api.get("deployments", "default", name)?.status ?? {};

async function rolledOut(cluster: Cluster, name = "web"): Promise<void> {
  await cluster.until(`${name} is rolled out`, () => {
    const object = cluster.api.get("deployments", "default", name);
    const { observedGeneration, replicas, updatedReplicas, availableReplicas, conditions } =
      object?.status ?? {};
    return (
      observedGeneration === object?.metadata.generation &&
      [replicas, updatedReplicas, availableReplicas].every(
        (count) => (count ?? 0) === object?.spec.replicas,
      ) &&
      conditions?.some(({ reason }: { reason: string }) => reason === "NewReplicaSetAvailable")
    );
  });
}

const replicaSets = (cluster: Cluster) => cluster.api.all("replicasets");

async function setImage(cluster: Cluster, image: string): Promise<void> {
  const object = structuredClone(cluster.api.get("deployments", "default", "web"));
  assert.ok(object);
  object.spec.template.spec.containers[0].image = image;
  await cluster.client.update(deployments, object);
}

const withoutTimes = (value: unknown) =>
  JSON.parse(JSON.stringify(value, (key, field) => (/Time$/.test(key) ? undefined : field)));

test("a Deployment gets the ReplicaSet, the revision, the status and the event that upstream gives it", async () => {
  const cluster = await startCluster();
  await cluster.client.create(deployments, deployment("web", 2));
  await rolledOut(cluster);
  assert.deepEqual(withoutTimes(status(cluster)), {
    observedGeneration: 1,
    replicas: 2,
    updatedReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    terminatingReplicas: 0,
    conditions: [
      {
        type: "Available",
        status: "True",
        reason: "MinimumReplicasAvailable",
        message: "Deployment has minimum availability.",
      },
      {
        type: "Progressing",
        status: "True",
        reason: "NewReplicaSetAvailable",
        message: 'ReplicaSet "web-557d6978d8" has successfully progressed.',
      },
    ],
  });
  const [set] = replicaSets(cluster);
  assert.equal(set?.metadata.name, "web-557d6978d8");
  assert.deepEqual(set?.metadata.annotations, {
    "deployment.kubernetes.io/desired-replicas": "2",
    "deployment.kubernetes.io/max-replicas": "3",
    "deployment.kubernetes.io/revision": "1",
  });
  assert.deepEqual(set?.status, {
    replicas: 2,
    fullyLabeledReplicas: 2,
    readyReplicas: 2,
    availableReplicas: 2,
    terminatingReplicas: 0,
    observedGeneration: 1,
  });
  assert.equal(
    cluster.api.get("deployments", "default", "web")?.metadata.annotations?.[
      "deployment.kubernetes.io/revision"
    ],
    "1",
  );
  const messages = cluster.api.all("events").map(({ message }) => message);
  assert.ok(messages.includes("Scaled up replica set web-557d6978d8 from 0 to 2"), messages.join("\n"));
  await cluster.stop();
});

test("a rolling update never has more pods than the surge allows nor fewer ready ones than it must", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await cluster.client.create(deployments, deployment("web", 8, "app:1"));
  await rolledOut(cluster);
  let most = 0;
  let fewest = 8;
  const watching = new AbortController();
  const watch = (async () => {
    const stream = cluster.client.watch(pods, {
      resourceVersion: String(cluster.api.revision),
      signal: watching.signal,
    });
    for await (const _ of stream) {
      const active = cluster.api
        .all("pods")
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      most = Math.max(most, active.length);
      const ready = active.filter(({ status: { conditions } }) =>
        conditions?.some(
          (one: { type: string; status: string }) => one.type === "Ready" && one.status === "True",
        ),
      );
      fewest = Math.min(fewest, ready.length);
    }
  })();
  await setImage(cluster, "app:2");
  await rolledOut(cluster);
  watching.abort();
  await watch;
  assert.ok(most > 8 && most <= 10, `${most} pods at once`);
  assert.ok(fewest >= 6, `${fewest} ready pods`);
  const images = cluster.api.all("pods").filter((pod) => pod.metadata.deletionTimestamp === undefined);
  assert.ok(images.every((pod) => pod.spec.containers[0].image === "app:2"));
  await cluster.stop();
});

test("going back to an old template takes its ReplicaSet up again, with a new revision and a history", async () => {
  const cluster = await startCluster();
  await cluster.client.create(deployments, deployment("web", 3));
  await rolledOut(cluster);
  await setImage(cluster, "app:2");
  await rolledOut(cluster);
  await setImage(cluster, "app:1");
  await rolledOut(cluster);
  const annotations = replicaSets(cluster).map(({ metadata }) => metadata.annotations);
  assert.equal(annotations.length, 2);
  assert.equal(annotations[0]?.["deployment.kubernetes.io/revision"], "3");
  assert.equal(annotations[0]?.["deployment.kubernetes.io/revision-history"], "1");
  assert.equal(annotations[1]?.["deployment.kubernetes.io/revision"], "2");
  await cluster.stop();
});

test("a paused Deployment takes no new template but can be scaled, and says so", async () => {
  const cluster = await startCluster();
  await cluster.client.create(deployments, deployment("web", 2));
  await rolledOut(cluster);
  await cluster.client.patch(deployments, "web", { type: "merge", body: { spec: { paused: true } } });
  await cluster.until("the condition says paused", () =>
    status(cluster).conditions?.some(({ reason }: { reason: string }) => reason === "DeploymentPaused"),
  );
  await setImage(cluster, "app:3");
  await cluster.client.patch(deployments, "web", { type: "merge", body: { spec: { replicas: 4 } } });
  await cluster.until("it is scaled", () => status(cluster).readyReplicas === 4);
  assert.equal(replicaSets(cluster).length, 1);
  assert.equal(status(cluster).updatedReplicas, undefined);
  await cluster.client.patch(deployments, "web", { type: "merge", body: { spec: { paused: false } } });
  await rolledOut(cluster);
  assert.deepEqual(
    replicaSets(cluster).map(({ spec }) => spec.replicas),
    [0, 4],
  );
  await cluster.stop();
});

test("Recreate starts no new pod while an old one is there", async () => {
  const cluster = await startCluster();
  await cluster.client.create(deployments, deployment("web", 3, "app:1", { strategy: { type: "Recreate" } }));
  await rolledOut(cluster);
  let mixed = false;
  const check = setInterval(() => {
    const images = new Set(cluster.api.all("pods").map((pod) => pod.spec.containers[0].image));
    mixed ||= images.size > 1;
  }, 0);
  await setImage(cluster, "app:2");
  await rolledOut(cluster);
  clearInterval(check);
  assert.equal(mixed, false);
  await cluster.stop();
});

test("a rollout that makes no progress is called failed when its deadline is over", async () => {
  const cluster = await startCluster({ nodes: 0 });
  await cluster.client.create(deployments, deployment("web", 1, "app:1", { progressDeadlineSeconds: 60 }));
  await cluster.until("a ReplicaSet is made", () => status(cluster).updatedReplicas === 1);
  await cluster.until(
    "the deadline is over",
    () =>
      status(cluster).conditions?.some(
        ({ reason }: { reason: string }) => reason === "ProgressDeadlineExceeded",
      ),
    { stepMs: 1_000, steps: 80 },
  );
  const progressing = status(cluster).conditions.find(({ type }: { type: string }) => type === "Progressing");
  assert.match(progressing.message, /^ReplicaSet "web-557d6978d8" has timed out progressing\.$/);
  await cluster.stop();
});

test("old ReplicaSets beyond the history limit are deleted", async () => {
  const cluster = await startCluster();
  await cluster.client.create(deployments, deployment("web", 1, "app:1", { revisionHistoryLimit: 1 }));
  await rolledOut(cluster);
  for (const image of ["app:2", "app:3", "app:4"]) {
    await setImage(cluster, image);
    await rolledOut(cluster);
  }
  await cluster.until("one old one remains", () => replicaSets(cluster).length === 2);
  await cluster.stop();
});

test("a revision beyond 2^53 that somebody set is counted on from to the last digit", async () => {
  const cluster = await startCluster();
  await cluster.client.create(deployments, deployment("web", 1));
  await rolledOut(cluster);
  const [first] = replicaSets(cluster);
  const revision = { "deployment.kubernetes.io/revision": "3546343826724305832" };
  await cluster.client.patch(
    { group: "apps", version: "v1", resource: "replicasets", namespace: "default" },
    first?.metadata.name as string,
    { type: "merge", body: { metadata: { annotations: revision } } },
  );
  await setImage(cluster, "other");
  await rolledOut(cluster);
  const shown = cluster.api.get("deployments", "default", "web")?.metadata.annotations;
  assert.equal(shown?.["deployment.kubernetes.io/revision"], "3546343826724305833");
  await cluster.stop();
});
