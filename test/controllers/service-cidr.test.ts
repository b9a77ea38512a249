import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const serviceCidrs = { group: "networking.k8s.io", version: "v1", resource: "servicecidrs" };
const services = { group: "", version: "v1", resource: "services", namespace: "default" };

const readyOf = (cidr: KubeObject): string | undefined => {
  const conditions = (cidr["status"]?.conditions ?? []) as {
    type: string;
    status: string;
    reason?: string;
  }[];
  const ready = conditions.find(({ type }) => type === "Ready");
  return ready && `${ready.status} ${ready.reason ?? ""}`.trim();
};

async function find(cluster: RealCluster, name: string): Promise<KubeObject | undefined> {
  return (await cluster.client.list(serviceCidrs, { fieldSelector: `metadata.name=${name}` })).items[0];
}

test("a ServiceCIDR gives addresses once it is ready, and stays while only it holds one of them", async () => {
  const cluster = await startRealCluster("service-cidr-controller");
  const { client, until } = cluster;
  const web = { metadata: { name: "web" }, spec: { clusterIP: "192.0.2.9", ports: [{ port: 80 }] } };
  await assert.rejects(
    client.create(services, web),
    /failed to allocate IP 192\.0\.2\.9: the provided network does not match the current range/,
  );
  await client.create(serviceCidrs, { metadata: { name: "more" }, spec: { cidrs: ["192.0.2.0/24"] } });
  await until("it is ready", async () => readyOf((await find(cluster, "more")) as KubeObject) === "True");
  await client.create(services, web);

  await client.delete(serviceCidrs, "more");
  await until("it says what it waits for", async () => {
    return readyOf((await find(cluster, "more")) as KubeObject) === "False Terminating";
  });
  const later = { metadata: { name: "later" }, spec: { clusterIP: "192.0.2.10", ports: [{ port: 80 }] } };
  await assert.rejects(client.create(services, later), /does not match the current range/);
  await client.delete(services, "web");
  await until("it is gone", async () => (await find(cluster, "more")) === undefined, { stepMs: 500 });
  await cluster.stop();
});

test("a ServiceCIDR that another one contains goes although its addresses are in use", async () => {
  const cluster = await startRealCluster("service-cidr-controller");
  const { client, until } = cluster;
  for (const [name, cidr] of [
    ["wide", "192.0.2.0/24"],
    ["narrow", "192.0.2.0/25"],
  ] as const) {
    await client.create(serviceCidrs, { metadata: { name }, spec: { cidrs: [cidr] } });
    await until("it is ready", async () => readyOf((await find(cluster, name)) as KubeObject) === "True");
  }
  await client.create(services, {
    metadata: { name: "web" },
    spec: { clusterIP: "192.0.2.9", ports: [{ port: 80 }] },
  });
  await client.delete(serviceCidrs, "narrow");
  await until("it is gone", async () => (await find(cluster, "narrow")) === undefined, { stepMs: 500 });
  assert.equal(readyOf((await find(cluster, "wide")) as KubeObject), "True");
  await cluster.stop();
});
