import assert from "node:assert/strict";
import { test } from "node:test";
import type { GroupVersionResource, KubeObject } from "../../src/apimachinery/index.ts";
import { resourceInfo } from "../../src/schema/index.ts";
import { openRegistry } from "./open-registry.ts";

const now = Date.parse("2026-01-01T01:00:00Z");
const { handler, registry } = openRegistry();

function row(resource: string, object: Record<string, unknown>, group = ""): unknown[] {
  const at: GroupVersionResource = { group, version: "v1", resource };
  const metadata = {
    name: "x",
    creationTimestamp: "2026-01-01T00:00:00Z",
    ...(object["metadata"] as object),
  };
  return handler(at).strategy.tableRow?.({ ...object, metadata } as KubeObject, now) as unknown[];
}

test("every row has a cell for every column", () => {
  for (const { resource, subresource, strategy } of registry.resources) {
    if (subresource !== "" || strategy.tableRow === undefined || resource.resource === "ipaddresses")
      continue;
    const columns = resourceInfo(resource)?.columns.map(({ name }) => name);
    const cells = strategy.tableRow({ metadata: { name: "x" }, spec: {}, roleRef: {} }, now);
    assert.equal(cells.length, columns?.length, `${resource.resource}: ${columns} / ${cells}`);
  }
});

test("a node tells its state, its roles and its addresses", () => {
  const node = {
    metadata: {
      labels: {
        "node-role.kubernetes.io/worker": "",
        "node-role.kubernetes.io/edge": "",
        "kubernetes.io/role": "db",
      },
    },
    spec: { unschedulable: true },
    status: {
      conditions: [{ type: "Ready", status: "False" }],
      addresses: [{ type: "InternalIP", address: "192.0.2.1" }],
      nodeInfo: {
        kubeletVersion: "v1.35.4",
        osImage: "",
        kernelVersion: "6.1",
        containerRuntimeVersion: "c",
      },
    },
  };
  assert.deepEqual(row("nodes", node), [
    "x",
    "NotReady,SchedulingDisabled",
    "db,edge,worker",
    "60m",
    "v1.35.4",
    "192.0.2.1",
    "<none>",
    "<unknown>",
    "6.1",
    "c",
  ]);
});

test("a Service tells how it is reached", () => {
  const external = (spec: object, status = {}) =>
    row("services", { spec: { ports: [], ...spec }, status })[3];
  assert.equal(external({ type: "ClusterIP" }), "<none>");
  assert.equal(
    external({ type: "ClusterIP", externalIPs: ["192.0.2.1", "192.0.2.2"] }),
    "192.0.2.1,192.0.2.2",
  );
  assert.equal(external({ type: "LoadBalancer" }), "<pending>");
  assert.equal(
    external(
      { type: "LoadBalancer" },
      { loadBalancer: { ingress: [{ ip: "192.0.2.9" }, { hostname: "lb.example" }] } },
    ),
    "192.0.2.9,lb.example",
  );
  const ports = [
    { port: 80, protocol: "TCP", nodePort: 30_080 },
    { port: 53, protocol: "UDP" },
  ];
  assert.equal(row("services", { spec: { ports } })[4], "80:30080/TCP,53/UDP");
});

test("long lists of endpoints are cut", () => {
  const addresses = ["1", "2", "3", "4", "5"].map((n) => ({ ip: `192.0.2.${n}` }));
  assert.equal(
    row("endpoints", { subsets: [{ addresses, ports: [{ port: 80 }] }] })[1],
    "192.0.2.1:80,192.0.2.2:80,192.0.2.3:80 + 2 more...",
  );
  assert.equal(row("endpoints", { subsets: [] })[1], "<none>");
  const slice = {
    endpoints: [{ addresses: ["2001:db8::1"] }],
    ports: [{ port: 1 }, {}, { port: 3 }, { port: 4 }],
  };
  assert.deepEqual(row("endpointslices", slice, "discovery.k8s.io").slice(2, 4), [
    "1,*,3 + 1 more...",
    "2001:db8::1",
  ]);
});

test("an event tells when it was last seen, and where it comes from", () => {
  const event = {
    involvedObject: { kind: "Pod", name: "p", fieldPath: "spec.containers{a}" },
    firstTimestamp: "2026-01-01T00:10:00Z",
    lastTimestamp: "2026-01-01T00:59:00Z",
    source: { component: "kubelet", host: "n1" },
    message: " it happened\n",
    reason: "R",
    type: "Normal",
    count: 4,
  };
  assert.deepEqual(row("events", event), [
    "60s",
    "Normal",
    "R",
    "pod/p",
    "spec.containers{a}",
    "kubelet, n1",
    "it happened",
    "50m",
    4,
    "x",
  ]);
  const series = {
    eventTime: "2026-01-01T00:10:00.000000Z",
    series: { count: 9, lastObservedTime: "2026-01-01T00:58:00.000000Z" },
  };
  const cells = row("events", series);
  assert.deepEqual([cells[0], cells[7], cells[8]], ["2m", "50m", 9]);
});

test("workloads tell their containers and selectors", () => {
  const deployment = {
    spec: {
      replicas: 3,
      selector: {
        matchLabels: { app: "web" },
        matchExpressions: [{ key: "tier", operator: "In", values: ["a", "b"] }],
      },
      template: {
        spec: {
          containers: [
            { name: "one", image: "i:1" },
            { name: "two", image: "j:2" },
          ],
        },
      },
    },
    status: { readyReplicas: 2, updatedReplicas: 1, availableReplicas: 2 },
  };
  assert.deepEqual(row("deployments", deployment, "apps"), [
    "x",
    "2/3",
    1,
    2,
    "60m",
    "one,two",
    "i:1,j:2",
    "app=web,tier in (a,b)",
  ]);
});
