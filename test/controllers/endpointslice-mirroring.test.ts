import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { type RealCluster, startRealCluster } from "./real-cluster.ts";

const endpoints = { group: "", version: "v1", resource: "endpoints", namespace: "default" };
const services = { group: "", version: "v1", resource: "services", namespace: "default" };
const slices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices", namespace: "default" };

const shown = async ({ client }: RealCluster): Promise<string[]> =>
  (await client.list(slices, {})).items
    .map((slice) => {
      const addresses = slice["endpoints"].map(
        (endpoint: { addresses: string[]; conditions: { ready: boolean } }) =>
          `${endpoint.addresses[0]}${endpoint.conditions.ready ? "" : "!"}`,
      );
      const ports = slice["ports"].map(({ name, port }: { name: string; port: number }) => `${name}:${port}`);
      return `${slice["addressType"]} ${ports} ${addresses}`;
    })
    .sort();

test("hand-made Endpoints of a Service without a selector are shown as slices for as long as they are there", async () => {
  const cluster = await startRealCluster("endpointslice-mirroring-controller");
  const { client, until } = cluster;
  const becomes = (...wanted: string[]) =>
    until(
      `slices are ${wanted}`,
      async () => JSON.stringify(await shown(cluster)) === JSON.stringify(wanted),
    );
  await client.create(services, { metadata: { name: "db" }, spec: { ports: [{ port: 5432 }] } });
  const source = await client.create<KubeObject>(endpoints, {
    metadata: { name: "db", labels: { team: "a" } },
    subsets: [
      {
        addresses: [{ ip: "192.0.2.1" }, { ip: "2001:db8::1" }],
        notReadyAddresses: [{ ip: "192.0.2.2" }],
        ports: [{ name: "sql", port: 5432 }],
      },
    ],
  });
  await becomes("IPv4 sql:5432 192.0.2.1,192.0.2.2!", "IPv6 sql:5432 2001:db8::1");
  const [slice] = (await client.list(slices, {})).items;
  assert.deepEqual(slice?.metadata.labels, {
    team: "a",
    "kubernetes.io/service-name": "db",
    "endpointslice.kubernetes.io/managed-by": "endpointslicemirroring-controller.k8s.io",
  });
  assert.equal(slice?.metadata.ownerReferences?.[0]?.uid, source.metadata.uid);
  const ports = [{ name: "sql", port: 5433 }];
  await client.update(endpoints, { ...source, subsets: [{ addresses: [{ ip: "192.0.2.3" }], ports }] });
  await becomes("IPv4 sql:5433 192.0.2.3");
  // With a selector, the Service's slices are somebody else's.
  await client.patch(services, "db", { type: "merge", body: { spec: { selector: { app: "db" } } } });
  await becomes();
  await cluster.stop();
});
