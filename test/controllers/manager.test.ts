import assert from "node:assert/strict";
import { test } from "node:test";
import { createControllerManager } from "../../src/controllers/index.ts";
import { createWorld, eventually, settle } from "../client/world.ts";
import { deployment, deployments, startCluster } from "./cluster.ts";

test("controllers are chosen by name, short name and exclusion, and an unknown one is refused", () => {
  const names = (controllers: string): readonly string[] =>
    createControllerManager({ ...createWorld(), controllers }).names;
  assert.ok(names("*").includes("default-scheduler"));
  assert.deepEqual(names("deployment,endpoints-controller"), [
    "deployment-controller",
    "endpoints-controller",
  ]);
  assert.equal(names("*,-deployment").includes("deployment-controller"), false);
  assert.equal(names("-deployment-controller,*").length, names("*").length - 1);
  assert.throws(() => names("*,-nobody"), /"nobody" is not in the list of known controllers/);
});

test("every name of kube-controller-manager is known: some run where they are named, some are idle there too, some cannot be here", () => {
  const names = (controllers: string): readonly string[] =>
    createControllerManager({ ...createWorld(), controllers }).names;
  assert.equal(names("*").includes("bootstrap-signer-controller"), false);
  assert.deepEqual(names("bootstrapsigner,tokencleaner"), [
    "bootstrap-signer-controller",
    "token-cleaner-controller",
  ]);
  assert.equal(names("*,tokencleaner").length, names("*").length + 1);
  assert.deepEqual(names("*,device-taint-eviction-controller,svm"), names("*"));
  assert.deepEqual(names("*,-service-lb-controller,-route"), names("*"));
  assert.throws(
    () => names("*,service"),
    /"service-lb-controller" is not run here: it works for a cloud provider; leave it out/,
  );
});

test("a controller that is switched off does nothing", async () => {
  const cluster = await startCluster({ controllers: "*,-replicaset" });
  await cluster.client.create(deployments, deployment("web", 1));
  await cluster.until("the ReplicaSet is there", () => cluster.api.all("replicasets").length === 1);
  await settle(100);
  assert.equal(cluster.api.all("pods").length, 0);
  await cluster.stop();
});

test("of several managers one works, and when it stops another takes over and finishes the work", async () => {
  const world = createWorld();
  const managers = ["a", "b"].map((identity) =>
    createControllerManager({ ...world, leaderElection: { identity }, controllers: "*,-scheduler" }),
  );
  const [a, b] = managers as [(typeof managers)[0], (typeof managers)[0]];
  a.start();
  let works = "";
  void a.working.then(() => {
    works = "a";
  });
  await eventually(world, "a works", () => works === "a", { stepMs: 100 });
  b.start();
  void b.working.then(() => {
    works = "b";
  });
  await world.client.create(deployments, deployment("web", 3));
  await eventually(world, "three pods are made", () => world.api.all("pods").length === 3);
  assert.equal(works, "a");
  let stopped = false;
  void a.stop().then(() => {
    stopped = true;
  });
  await eventually(world, "a has stopped", () => stopped);
  await world.client.patch(deployments, "web", { type: "merge", body: { spec: { replicas: 5 } } });
  await eventually(world, "five pods are there", () => world.api.all("pods").length === 5, { stepMs: 100 });
  assert.equal(works, "b");
  await b.stop();
});

test("stopping leaves no watch, no timer and no request behind", async () => {
  const cluster = await startCluster({ nodes: 2 });
  await cluster.client.create(deployments, deployment("web", 3));
  await cluster.until(
    "three pods run",
    () => cluster.api.all("pods").filter((pod) => pod.status.phase === "Running").length === 3,
  );
  await cluster.stop();
  await settle();
  assert.deepEqual([cluster.api.watches, cluster.clock.pending], [0, 0]);
  cluster.api.requests.length = 0;
  cluster.clock.advance(600_000);
  await settle();
  assert.deepEqual(cluster.api.requests, []);
});
