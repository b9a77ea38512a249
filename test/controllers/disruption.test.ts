import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, OwnerReference } from "../../src/apimachinery/index.ts";
import { deployment, deployments, pods, startCluster } from "./cluster.ts";
import { startRealCluster } from "./real-cluster.ts";

const serviceAccounts = { group: "", version: "v1", resource: "serviceaccounts", namespace: "default" };

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

test("of pods that nobody controls, that more than one budget has, or whose owner cannot be scaled, events tell as upstream's", async () => {
  const cluster = await startRealCluster("disruption-controller,serviceaccount-controller");
  const { client, until } = cluster;
  await until("the ServiceAccount is there", async () => {
    return (await client.list(serviceAccounts, {})).items.length === 1;
  });
  const own = { app: "web" };
  const owned = { apiVersion: "apps/v1", kind: "DaemonSet", name: "d", uid: "u-1", controller: true };
  const nobody = { ...owned, apiVersion: "example.com/v1", kind: "Foo" };
  const pod = (name: string, labels: Record<string, string>, owners: object[] = []) =>
    client.create(pods, {
      metadata: { name, labels, ownerReferences: owners as OwnerReference[] },
      spec: { containers: [{ name: "c", image: "i" }] },
    });
  await client.create(budgets, budget({ maxUnavailable: 1 }));
  await client.create(budgets, { ...budget({ maxUnavailable: 1 }), metadata: { name: "zweb" } });
  await pod("alone", own);
  const hasEvent = (name: string, text: string): Promise<boolean> =>
    until(`${name} says ${text}`, async () => (await cluster.eventsOf(name)).includes(text), {
      stepMs: 1_000,
    }) as Promise<boolean>;
  await hasEvent(
    "alone",
    'MultiplePodDisruptionBudgets: Pod "default"/"alone" matches multiple PodDisruptionBudgets.  Chose "web" arbitrarily.',
  );
  await hasEvent(
    "web",
    'UnmanagedPods: Pods selected by this PodDisruptionBudget (selector: &LabelSelector{MatchLabels:map[string]string{app: web,},MatchExpressions:[]LabelSelectorRequirement{},}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.',
  );
  for (const [name, owner, cause] of [
    ["daemon", owned, "daemonsets.apps does not implement the scale subresource"],
    ["foreign", nobody, 'no matches for kind "Foo" in version "example.com/v1"'],
  ] as const) {
    const spec = { maxUnavailable: 1, selector: { matchLabels: { app: name } } };
    await client.create(budgets, { ...budget(spec), metadata: { name } });
    await pod(`${name}-1`, { app: name }, [owner]);
    await hasEvent(
      name,
      `CalculateExpectedPodCountFailed: Failed to calculate the number of expected pods: ${cause}`,
    );
    const { status } = (await client.get(budgets, name)) as KubeObject;
    assert.deepEqual([status.conditions[0].reason, status.conditions[0].message], ["SyncFailed", cause]);
  }
  await cluster.stop();
});
