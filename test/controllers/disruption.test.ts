import assert from "node:assert/strict";
import { test } from "node:test";
import { deployment, deployments, pods, startCluster } from "./cluster.ts";

const budgets = { group: "policy", version: "v1", resource: "poddisruptionbudgets", namespace: "default" };

const budget = (spec: object) => ({
  apiVersion: "policy/v1",
  kind: "PodDisruptionBudget",
  metadata: { name: "web", namespace: "default", generation: 1 },
  spec: { selector: { matchLabels: { app: "web" } }, ...spec },
});

test("a budget in percent counts what the Deployment wants, not what is there", async () => {
  const cluster = await startCluster();
  const statusOf = () => cluster.api.get("poddisruptionbudgets", "default", "web")?.status;
  await cluster.client.create(deployments, deployment("web", 5));
  await cluster.client.create(budgets, budget({ maxUnavailable: "30%" }));
  await cluster.until("two of five may go", () => statusOf()?.disruptionsAllowed === 2);
  assert.deepEqual(
    { ...statusOf(), conditions: statusOf().conditions.map(({ reason }: { reason: string }) => reason) },
    {
      currentHealthy: 5,
      desiredHealthy: 3,
      expectedPods: 5,
      disruptionsAllowed: 2,
      observedGeneration: 1,
      conditions: ["SufficientPods"],
    },
  );
  await cluster.stop();
});

test("an evicted pod does not count until it is gone, or until it should long have been", async () => {
  const cluster = await startCluster();
  const statusOf = () => cluster.api.get("poddisruptionbudgets", "default", "web")?.status;
  await cluster.client.create(deployments, deployment("web", 2));
  await cluster.client.create(budgets, budget({ minAvailable: 1 }));
  await cluster.until("one may go", () => statusOf()?.disruptionsAllowed === 1);
  const name = cluster.api.all("pods")[0]?.metadata.name as string;
  const noted = cluster.api.get("poddisruptionbudgets", "default", "web");
  assert.ok(noted !== undefined);
  const since = new Date(cluster.clock.now()).toISOString().replace(/\.\d+/, "");
  await cluster.client.update(
    budgets,
    { ...noted, status: { ...noted.status, disruptionsAllowed: 0, disruptedPods: { [name]: since } } },
    "status",
  );
  await cluster.until("it does not count", () => statusOf()?.currentHealthy === 1);
  assert.deepEqual(Object.keys(statusOf()?.disruptedPods ?? {}), [name]);
  await cluster.until("it counts again", () => statusOf()?.currentHealthy === 2, { stepMs: 10_000 });
  assert.ok((await cluster.client.get(pods, name)) !== undefined);
  await cluster.stop();
});
