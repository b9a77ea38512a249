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
