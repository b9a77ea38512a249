import assert from "node:assert/strict";
import { test } from "node:test";
import { settle } from "../client/world.ts";
import { pods, startCluster } from "./cluster.ts";

const quotas = { group: "", version: "v1", resource: "resourcequotas", namespace: "default" };

test("pods that are bound and start do not make a quota counted anew, over what admission has counted ahead", async () => {
  const cluster = await startCluster({ nodes: 1 });
  await cluster.client.create(quotas, {
    metadata: { name: "q", namespace: "default" },
    spec: { hard: { pods: "9" } },
  });
  const used = () => cluster.api.get("resourcequotas", "default", "q")?.status?.used?.pods;
  await cluster.until("it is counted", () => used() === "0");
  const quota = await cluster.client.get(quotas, "q");
  const ahead = { ...quota, status: { ...quota.status, used: { pods: "5" } } };
  await cluster.client.update(quotas, ahead, "status");
  const spec = { containers: [{ name: "c", image: "i" }] };
  await cluster.client.create(pods, { metadata: { name: "p", namespace: "default" }, spec });
  await cluster.until(
    "the pod runs",
    () => cluster.api.get("pods", "default", "p")?.status?.phase === "Running",
  );
  await settle();
  assert.equal(used(), "5");
  await cluster.client.delete(pods, "p");
  await cluster.until("it is counted again when the pod is gone", () => used() === "0");
  await cluster.stop();
});

test("of what nobody serves a quota does not say how much there is", async () => {
  const cluster = await startCluster();
  const hard = { "count/configmaps": "3", "count/widgets.example.com": "2" };
  await cluster.client.create(quotas, { metadata: { name: "q", namespace: "default" }, spec: { hard } });
  const status = () => cluster.api.get("resourcequotas", "default", "q")?.status;
  await cluster.until("it is counted", () => status()?.used !== undefined);
  assert.deepEqual(Object.keys(status()?.used), ["count/configmaps"]);
  assert.deepEqual(status()?.hard, hard);
  await cluster.stop();
});

test("a quota counts the devices that claims may be given by their class, and says so from the start", async () => {
  const cluster = await startCluster();
  const gold = "gold.deviceclass.resource.k8s.io/devices";
  const silver = "silver.deviceclass.resource.k8s.io/devices";
  const claims = {
    group: "resource.k8s.io",
    version: "v1",
    resource: "resourceclaims",
    namespace: "default",
  };
  const wish = (count: number) => ({ deviceClassName: "gold", allocationMode: "ExactCount", count });
  const alternatives = [
    { name: "a", ...wish(1) },
    { name: "b", ...wish(3) },
  ];
  const requests = [
    { name: "two", exactly: wish(2) },
    { name: "all", exactly: { deviceClassName: "gold", allocationMode: "All" } },
    { name: "either", firstAvailable: alternatives },
  ];
  await cluster.client.create(claims, { metadata: { name: "c" }, spec: { devices: { requests } } });
  await settle();
  const hard = { [gold]: "100", [silver]: "1" };
  await cluster.client.create(quotas, { metadata: { name: "q", namespace: "default" }, spec: { hard } });
  const used = () => cluster.api.get("resourcequotas", "default", "q")?.status?.used;
  await cluster.until("it is counted", () => used() !== undefined);
  assert.deepEqual(used(), { [gold]: "37", [silver]: "0" }, "2, all that it can be given, 3");
  await cluster.client.delete(claims, "c");
  await cluster.until("it is counted again when the claim is gone", () => used()[gold] === "0");
  await cluster.stop();
});

test("what is served no more is not asked for any more, and counted again when it is back", async () => {
  const cluster = await startCluster({ nodes: 0, controllers: "resourcequota-controller" });
  const scope = { group: "networking.k8s.io", version: "v1", resource: "ingresses", namespace: "default" };
  const name = "count/ingresses.networking.k8s.io";
  const used = () => cluster.api.get("resourcequotas", "default", "q")?.status?.used?.[name];
  const limit = (hard: Record<string, string>) =>
    cluster.client.patch(quotas, "q", { type: "merge", body: { spec: { hard } } });
  const pass = async (seconds: number): Promise<void> => {
    for (let second = 0; second < seconds; second++) {
      cluster.clock.advance(1_000);
      await settle(3);
    }
  };
  const asked = () => cluster.api.requests.filter((each) => each.includes("/ingresses")).length;
  await cluster.client.create(scope, { metadata: { name: "i" } });
  const spec = { hard: { [name]: "3" } };
  await cluster.client.create(quotas, { metadata: { name: "q", namespace: "default" }, spec });
  await cluster.until("it is counted", () => used() === "1");

  cluster.api.withdrawn.add("ingresses");
  cluster.api.endWatches();
  await pass(60);
  const before = asked();
  await limit({ [name]: "4" });
  await cluster.until("it is not counted", () => used() === undefined);
  await pass(300);
  assert.equal(asked(), before);

  cluster.api.withdrawn.delete("ingresses");
  await limit({ [name]: "5" });
  await cluster.until("it is counted again", () => used() === "1", { stepMs: 1_000 });
  await cluster.stop();
});
