/** A cluster with one of everything that DNS has names for. */
import { addNamespace, addService, addSlice, type TrafficWorld } from "../traffic/world.ts";

export async function populate(world: Pick<TrafficWorld, "client">): Promise<void> {
  await addNamespace(world, "shop");
  await addService(world, "web", {
    type: "ClusterIP",
    clusterIP: "127.96.1.1",
    clusterIPs: ["127.96.1.1"],
    ports: [
      { name: "http", protocol: "TCP", port: 80 },
      { name: "admin", protocol: "TCP", port: 8080 },
    ],
  });
  await addSlice(world, "web", {
    ports: [
      { name: "http", protocol: "TCP", port: 3000 },
      { name: "admin", protocol: "TCP", port: 3001 },
    ],
    endpoints: [{ addresses: ["127.128.0.9"], conditions: { ready: true } }],
  });
  await addService(world, "both", {
    type: "ClusterIP",
    clusterIP: "127.96.1.2",
    clusterIPs: ["127.96.1.2", "fd00:96::2"],
    ports: [{ name: "dns", protocol: "UDP", port: 53 }],
  });
  await addService(
    world,
    "db",
    {
      type: "ClusterIP",
      clusterIP: "None",
      clusterIPs: ["None"],
      ports: [{ name: "sql", protocol: "TCP", port: 5432 }],
    },
    "shop",
  );
  await addSlice(
    world,
    "db",
    {
      ports: [{ name: "sql", protocol: "TCP", port: 5432 }],
      endpoints: [
        { addresses: ["127.128.0.1"], hostname: "db-0", conditions: { ready: true } },
        { addresses: ["127.128.0.2"], hostname: "db-1", conditions: { ready: true } },
        { addresses: ["127.128.0.3"], hostname: "db-2", conditions: { ready: false } },
        { addresses: ["127.128.0.4"], conditions: {} },
      ],
    },
    "shop",
  );
  await addSlice(
    world,
    "db",
    {
      suffix: "6",
      addressType: "IPv6",
      ports: [{ name: "sql", protocol: "TCP", port: 5432 }],
      endpoints: [{ addresses: ["fd00::1:0"], conditions: { ready: true } }],
    },
    "shop",
  );
  await addService(world, "empty", {
    type: "ClusterIP",
    clusterIP: "None",
    clusterIPs: ["None"],
    ports: [{ port: 1 }],
  });
  await addService(world, "out", { type: "ExternalName", externalName: "www.example.org" });
  await addService(world, "in", { type: "ExternalName", externalName: "db.shop.svc.cluster.local" });
  await addService(world, "loop", { type: "ExternalName", externalName: "loop.default.svc.cluster.local" });
}

/** What the cluster above answers: question, code, answers. CoreDNS answers the same where nothing else is said. */
export const questions: readonly [question: string, status: string, answers: readonly string[]][] = [
  ["web.default.svc.cluster.local A", "NOERROR", ["web.default.svc.cluster.local. A 127.96.1.1"]],
  ["web.default.svc.cluster.local AAAA", "NOERROR", []],
  ["web.default.svc.cluster.local TXT", "NOERROR", []],
  ["web.default.svc.cluster.local MX", "NOERROR", []],
  ["web.default.svc.cluster.local CNAME", "NOERROR", []],
  ["WEB.Default.SVC.cluster.LOCAL A", "NOERROR", ["WEB.Default.SVC.cluster.LOCAL. A 127.96.1.1"]],
  ["both.default.svc.cluster.local A", "NOERROR", ["both.default.svc.cluster.local. A 127.96.1.2"]],
  ["both.default.svc.cluster.local AAAA", "NOERROR", ["both.default.svc.cluster.local. AAAA fd00:96::2"]],
  [
    "_http._tcp.web.default.svc.cluster.local SRV",
    "NOERROR",
    ["_http._tcp.web.default.svc.cluster.local. SRV 0 100 80 web.default.svc.cluster.local."],
  ],
  ["_http._udp.web.default.svc.cluster.local SRV", "NXDOMAIN", []],
  ["_none._tcp.web.default.svc.cluster.local SRV", "NXDOMAIN", []],
  [
    "web.default.svc.cluster.local SRV",
    "NOERROR",
    [
      "web.default.svc.cluster.local. SRV 0 50 80 web.default.svc.cluster.local.",
      "web.default.svc.cluster.local. SRV 0 50 8080 web.default.svc.cluster.local.",
    ],
  ],
  [
    "127-128-0-9.web.default.svc.cluster.local A",
    "NOERROR",
    ["127-128-0-9.web.default.svc.cluster.local. A 127.128.0.9"],
  ],
  [
    "db.shop.svc.cluster.local A",
    "NOERROR",
    ["1", "2", "4"].map((last) => `db.shop.svc.cluster.local. A 127.128.0.${last}`),
  ],
  ["db.shop.svc.cluster.local AAAA", "NOERROR", ["db.shop.svc.cluster.local. AAAA fd00::1:0"]],
  ["db-0.db.shop.svc.cluster.local A", "NOERROR", ["db-0.db.shop.svc.cluster.local. A 127.128.0.1"]],
  ["db-2.db.shop.svc.cluster.local A", "NXDOMAIN", []],
  [
    "127-128-0-4.db.shop.svc.cluster.local A",
    "NOERROR",
    ["127-128-0-4.db.shop.svc.cluster.local. A 127.128.0.4"],
  ],
  [
    "_sql._tcp.db.shop.svc.cluster.local SRV",
    "NOERROR",
    ["127-128-0-4", "db-0", "db-1", "fd00--1-0"].map(
      (host) => `_sql._tcp.db.shop.svc.cluster.local. SRV 0 25 5432 ${host}.db.shop.svc.cluster.local.`,
    ),
  ],
  ["empty.default.svc.cluster.local A", "NXDOMAIN", []],
  [
    "in.default.svc.cluster.local A",
    "NOERROR",
    [
      ...["1", "2", "4"].map((last) => `db.shop.svc.cluster.local. A 127.128.0.${last}`),
      "in.default.svc.cluster.local. CNAME db.shop.svc.cluster.local.",
    ],
  ],
  [
    "out.default.svc.cluster.local CNAME",
    "NOERROR",
    ["out.default.svc.cluster.local. CNAME www.example.org."],
  ],
  ["x.out.default.svc.cluster.local A", "NXDOMAIN", []],
  ["10-1-2-3.shop.pod.cluster.local A", "NOERROR", ["10-1-2-3.shop.pod.cluster.local. A 10.1.2.3"]],
  ["fd00--1.shop.pod.cluster.local AAAA", "NOERROR", ["fd00--1.shop.pod.cluster.local. AAAA fd00::1"]],
  ["10-1-2-300.shop.pod.cluster.local A", "NXDOMAIN", []],
  ["10-1-2-3.nowhere.pod.cluster.local A", "NXDOMAIN", []],
  ["nothing.default.svc.cluster.local A", "NXDOMAIN", []],
  ["web.default.svc.cluster.local.svc.cluster.local A", "NXDOMAIN", []],
  ["a.b.c.web.default.svc.cluster.local A", "NXDOMAIN", []],
  ["shop.svc.cluster.local A", "NOERROR", []],
  ["nowhere.svc.cluster.local A", "NXDOMAIN", []],
  ["svc.cluster.local A", "NOERROR", []],
  ["cluster.local A", "NOERROR", []],
  ["foo.cluster.local A", "NXDOMAIN", []],
  ["dns-version.cluster.local TXT", "NOERROR", ['dns-version.cluster.local. TXT "1.1.0"']],
  ["1.1.96.127.in-addr.arpa PTR", "NOERROR", ["1.1.96.127.in-addr.arpa. PTR web.default.svc.cluster.local."]],
  [
    "1.0.128.127.in-addr.arpa PTR",
    "NOERROR",
    ["1.0.128.127.in-addr.arpa. PTR db-0.db.shop.svc.cluster.local."],
  ],
  [
    "4.0.128.127.in-addr.arpa PTR",
    "NOERROR",
    ["4.0.128.127.in-addr.arpa. PTR 127-128-0-4.db.shop.svc.cluster.local."],
  ],
  ["77.0.128.127.in-addr.arpa PTR", "NXDOMAIN", []],
];
