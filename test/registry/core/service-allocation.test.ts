import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { KubeObject, StatusError } from "../../../src/apimachinery/index.ts";
import { noLease } from "../../../src/base/index.ts";
import { change, create, decoded, type OpenRegistry, openRegistry, remove } from "../open-registry.ts";
import { requestContext } from "../open-store.ts";

const services = { group: "", version: "v1", resource: "services" };
const ipAddresses = { group: "networking.k8s.io", version: "v1", resource: "ipaddresses" };

function service(name: string, spec: Record<string, unknown> = {}): KubeObject {
  return {
    kind: "Service",
    apiVersion: "v1",
    metadata: { name, namespace: "default" },
    spec: { ports: [{ port: 80 }], ...spec },
  };
}

const ipOf = (object: KubeObject): string => object["spec"].clusterIP;
const portsOf = (object: KubeObject): number[] =>
  object["spec"].ports.map((port: { nodePort: number }) => port.nodePort);

async function refused(promise: Promise<unknown>): Promise<string> {
  let message = "";
  await assert.rejects(promise, (error: StatusError) => {
    message = error.message;
    return true;
  });
  return message;
}

async function keysUnder({ kv }: OpenRegistry, prefix: string): Promise<string[]> {
  const { kvs } = await kv.range({ key: Buffer.from(prefix), rangeEnd: Buffer.from(`${prefix}\xff`) });
  return kvs.map(({ key }) => Buffer.from(key).toString().slice(prefix.length));
}

const heldAddresses = (opened: OpenRegistry): Promise<string[]> =>
  keysUnder(opened, "/kubernetes.io/ipaddresses/");
const heldPorts = (opened: OpenRegistry): Promise<string[]> =>
  keysUnder(opened, "/kubernetes.io/ranges/servicenodeports/");

describe("addresses of Services", () => {
  test("two servers never give one address to two Services", async () => {
    const one = openRegistry({ seed: 1 });
    // The same seed: both guess the same addresses.
    const two = openRegistry({ kv: one.kv, clock: one.clock, seed: 1 });
    const made = await Promise.all(
      Array.from({ length: 40 }, (_, i) => create((i % 2 ? one : two).handler(services), service(`s${i}`))),
    );
    assert.equal(new Set(made.map(ipOf)).size, 40);
  });

  test("what a restart finds is still taken", async () => {
    const before = openRegistry();
    await create(before.handler(services), service("a", { clusterIP: "10.0.0.5" }));
    const after = openRegistry({ kv: before.kv, clock: before.clock });
    const message = await refused(create(after.handler(services), service("b", { clusterIP: "10.0.0.5" })));
    assert.equal(
      message,
      'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.0.0.5"]: failed to allocate IP 10.0.0.5: provided IP is already allocated',
    );
  });

  test("addresses that people choose are given by themselves only when nothing else is left", async () => {
    const opened = openRegistry({ clusterIps: "10.0.0.0/26" });
    const handler = opened.handler(services);
    // 62 addresses, the first 16 of them static.
    const dynamic: string[] = [];
    for (let i = 0; i < 46; i++) dynamic.push(ipOf(await create(handler, service(`d${i}`))));
    assert.ok(dynamic.every((ip) => Number(ip.split(".")[3]) >= 17));
    for (let i = 0; i < 16; i++) {
      const ip = ipOf(await create(handler, service(`s${i}`)));
      assert.ok(Number(ip.split(".")[3]) <= 16, ip);
    }
    assert.equal(
      await refused(create(handler, service("full"))),
      "Internal error occurred: failed to allocate a serviceIP: range is full",
    );
  });

  test("an address is held by an IPAddress, and free again when its Service is gone", async () => {
    const opened = openRegistry();
    await create(opened.handler(services), service("a", { clusterIP: "10.0.0.7" }));
    const held = await opened.handler(ipAddresses).get?.("10.0.0.7", { namespace: "" } as never);
    assert.deepEqual(held?.object["spec"].parentRef, {
      resource: "services",
      namespace: "default",
      name: "a",
    });
    await remove(opened.handler(services), "a");
    assert.deepEqual(await heldAddresses(opened), []);
    await create(opened.handler(services), service("b", { clusterIP: "10.0.0.7" }));
  });

  test("a Service that is refused after it got an address gives it back", async () => {
    const opened = openRegistry();
    await refused(
      create(opened.handler(services), service("a", { type: "NodePort", sessionAffinity: "Cookie" })),
    );
    await refused(
      create(
        opened.handler(services),
        service("b", { type: "NodePort", ports: [{ port: 1, nodePort: 80 }] }),
      ),
    );
    assert.deepEqual(await heldAddresses(opened), []);
    assert.deepEqual(await heldPorts(opened), []);
  });

  test("a name that is taken costs no address", async () => {
    const opened = openRegistry();
    await create(opened.handler(services), service("a"));
    await refused(create(opened.handler(services), service("a")));
    assert.equal((await heldAddresses(opened)).length, 1);
  });

  test("a dry run takes nothing, has no eye for the range of ports, and sees which ports are taken, not which addresses", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    const spec = (nodePort: number) => ({ type: "NodePort", ports: [{ port: 80, nodePort }] });
    await create(handler, service("a", { clusterIP: "10.0.0.5", ...spec(30_005) }));
    const shown = await create(handler, service("b", { type: "NodePort" }), { dryRun: true });
    assert.equal(ipOf(shown), "10.0.0.0");
    assert.deepEqual(portsOf(shown), [32_769]);
    const other = await create(handler, service("c", { clusterIP: "10.0.0.5", ...spec(7) }), {
      dryRun: true,
    });
    assert.deepEqual(portsOf(other), [7]);
    assert.match(
      await refused(create(handler, service("c", spec(30_005)), { dryRun: true })),
      /already allocated/,
    );
    assert.match(
      await refused(create(handler, service("c", { clusterIP: "1.2.3.4" }), { dryRun: true })),
      /the provided IP \(1\.2\.3\.4\) is not in the valid range/,
    );
    assert.deepEqual(await heldAddresses(opened), ["10.0.0.5"]);
    assert.deepEqual(await heldPorts(opened), ["30005"]);
  });

  test("what a server that died in between left behind is taken over after a minute, not before", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    await create(handler, service("a", { clusterIP: "10.0.0.5" }));
    // The Service never came to be: only its address is held.
    await opened.kv.txn({
      compare: [],
      success: [{ type: "delete", key: Buffer.from("/kubernetes.io/services/specs/default/a") }],
      failure: [],
    });
    opened.clock.advance(59_000);
    assert.match(
      await refused(create(handler, service("b", { clusterIP: "10.0.0.5" }))),
      /already allocated/,
    );
    opened.clock.advance(1_001);
    assert.equal(ipOf(await create(handler, service("b", { clusterIP: "10.0.0.5" }))), "10.0.0.5");
    const held = await opened.handler(ipAddresses).get?.("10.0.0.5", { namespace: "" } as never);
    assert.equal(held?.object["spec"].parentRef.name, "b");
  });

  test("an address in use is never taken over", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    await create(handler, service("a", { clusterIP: "10.0.0.5" }));
    opened.clock.advance(3_600_000);
    assert.match(
      await refused(create(handler, service("b", { clusterIP: "10.0.0.5" }))),
      /already allocated/,
    );
  });

  test("a Service that becomes an ExternalName gives its address back once that is stored", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    await create(handler, service("a"));
    await change(handler, "a", (object) => {
      Object.assign(object["spec"], { type: "ExternalName", externalName: "x.example" });
      delete object["spec"].clusterIP;
      delete object["spec"].clusterIPs;
    });
    assert.deepEqual(await heldAddresses(opened), []);
    const back = await change(handler, "a", (object) => {
      object["spec"].type = "ClusterIP";
      delete object["spec"].externalName;
    });
    assert.deepEqual(await heldAddresses(opened), [ipOf(back)]);
  });

  test("an IPv6 range gives IPv6 addresses in their canonical form", async () => {
    const opened = openRegistry({ clusterIps: "fd00:10::/112" });
    const made = await create(opened.handler(services), service("a"));
    assert.match(ipOf(made), /^fd00:10::[0-9a-f]{1,4}$/);
    assert.deepEqual(made["spec"].ipFamilies, ["IPv6"]);
  });

  test("two ranges give a Service that wants both an address of each, and take the second back", async () => {
    const opened = openRegistry({ clusterIps: "10.0.0.0/24,fd00:10::/112" });
    const handler = opened.handler(services);
    const made = await create(handler, service("a", { ipFamilyPolicy: "PreferDualStack" }));
    assert.deepEqual(made["spec"].ipFamilies, ["IPv4", "IPv6"]);
    assert.equal(made["spec"].clusterIPs.length, 2);
    const single = await change(handler, "a", (object) => {
      Object.assign(object["spec"], { ipFamilyPolicy: "SingleStack", ipFamilies: ["IPv4"] });
    });
    assert.deepEqual(single["spec"].clusterIPs, [ipOf(single)]);
    assert.deepEqual(await heldAddresses(opened), [ipOf(single)]);
  });
});

describe("node ports of Services", () => {
  test("two servers never give one port to two Services", async () => {
    const one = openRegistry({ seed: 1 });
    const two = openRegistry({ kv: one.kv, clock: one.clock, seed: 1 });
    const made = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        create((i % 2 ? one : two).handler(services), service(`s${i}`, { type: "NodePort" })),
      ),
    );
    const ports = made.flatMap(portsOf);
    assert.equal(new Set(ports).size, 20);
    assert.ok(
      ports.every((port) => port >= 30_086 && port <= 32_767),
      String(ports),
    );
  });

  test("a changed port is free again, a kept one stays", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    const ports = [
      { name: "a", port: 80, nodePort: 30_001 },
      { name: "b", port: 81, nodePort: 30_002 },
    ];
    await create(handler, service("a", { type: "NodePort", ports }));
    const changed = await change(handler, "a", (object) => {
      object["spec"].ports[0].nodePort = 30_003;
      // An old client leaves out what the server chose.
      delete object["spec"].ports[1].nodePort;
    });
    assert.deepEqual(portsOf(changed), [30_003, 30_002]);
    assert.deepEqual(await heldPorts(opened), ["30002", "30003"]);
  });

  test("a change that is refused leaves ports as they were", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    await create(handler, service("a", { type: "NodePort", ports: [{ port: 80, nodePort: 30_001 }] }));
    const edit = (object: KubeObject): void => {
      object["spec"].ports[0].nodePort = 30_002;
      object["spec"].clusterIP = "10.0.0.99";
      object["spec"].clusterIPs = ["10.0.0.99"];
    };
    assert.match(await refused(change(handler, "a", edit)), /may not change once set/);
    assert.deepEqual(await heldPorts(opened), ["30001"]);
  });

  test("a load balancer that asks for no ports any more keeps those it does not clear", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    const ports = [
      { name: "a", port: 80, nodePort: 30_001 },
      { name: "b", port: 81, nodePort: 30_002 },
    ];
    await create(handler, service("a", { type: "LoadBalancer", ports }));
    const changed = await change(handler, "a", (object) => {
      object["spec"].allocateLoadBalancerNodePorts = false;
      delete object["spec"].ports[0].nodePort;
    });
    assert.deepEqual(portsOf(changed), [undefined, 30_002]);
    assert.deepEqual(await heldPorts(opened), ["30002"]);
  });

  test("a port that a load balancer chose although it asks for none is its own", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    const ports = [
      { name: "a", port: 80, nodePort: 30_001 },
      { name: "b", port: 81 },
    ];
    const spec = { type: "LoadBalancer", allocateLoadBalancerNodePorts: false, ports };
    assert.deepEqual(portsOf(await create(handler, service("a", spec))), [30_001, undefined]);
    assert.match(await refused(create(handler, service("b", spec))), /provided port is already allocated/);
  });

  test("one number may serve TCP and UDP of one Service, not of two", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    const ports = [
      { name: "t", port: 53, nodePort: 30_053, protocol: "TCP" },
      { name: "u", port: 53, nodePort: 30_053, protocol: "UDP" },
    ];
    await create(handler, service("a", { type: "NodePort", ports }));
    const other = service("b", {
      type: "NodePort",
      ports: [{ port: 53, nodePort: 30_053, protocol: "SCTP" }],
    });
    assert.equal(
      await refused(create(handler, other)),
      'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30053: provided port is already allocated',
    );
    await remove(handler, "a");
    assert.deepEqual(await heldPorts(opened), []);
  });

  test("a load balancer that keeps to local endpoints gets a health check port, and gives it back", async () => {
    const opened = openRegistry();
    const handler = opened.handler(services);
    const made = await create(
      handler,
      service("a", { type: "LoadBalancer", externalTrafficPolicy: "Local" }),
    );
    const health = made["spec"].healthCheckNodePort;
    assert.deepEqual(await heldPorts(opened), [...portsOf(made), health].map(String).sort());
    const cluster = await change(handler, "a", (object) => {
      object["spec"].externalTrafficPolicy = "Cluster";
    });
    assert.equal(cluster["spec"].healthCheckNodePort, undefined);
    assert.deepEqual(await heldPorts(opened), portsOf(cluster).map(String));
  });

  test("a full range says so", async () => {
    const opened = openRegistry({ nodePorts: { from: 30_000, to: 30_001 } });
    const handler = opened.handler(services);
    await create(
      handler,
      service("a", {
        type: "NodePort",
        ports: [
          { name: "x", port: 1 },
          { name: "y", port: 2 },
        ],
      }),
    );
    assert.equal(
      await refused(create(handler, service("b", { type: "NodePort" }))),
      "Internal error occurred: failed to allocate a nodePort: range is full",
    );
  });
});

describe("a Service that is put", () => {
  test("is made where there is none", async () => {
    const handler = openRegistry().handler(services);
    const next = (): KubeObject => decoded(handler, service("a"), "default");
    const made = await handler.update?.("a", next, requestContext(), {});
    assert.equal(made?.created, true);
    assert.match(ipOf(made?.object as KubeObject), /^10\.0\.0\./);
  });

  test("keeps its families and addresses, and is told what it may not change", async () => {
    const handler = openRegistry().handler(services);
    await create(handler, service("a", { clusterIP: "None", selector: { app: "a" } }));
    // Headless and without a selector it would be for both families, were it new.
    const put = await change(handler, "a", (object) => {
      object["spec"] = { ports: [{ port: 80 }], clusterIP: "None" };
    });
    assert.deepEqual(put["spec"].ipFamilies, ["IPv4"]);
    assert.equal(put["spec"].ipFamilyPolicy, "SingleStack");

    await create(handler, service("b"));
    const headless = change(handler, "b", (object) => {
      object["spec"] = { ports: [{ port: 80 }], clusterIP: "None", loadBalancerClass: "a.b/c" };
    });
    assert.equal(
      await refused(headless),
      'Service "b" is invalid: [spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set, ' +
        "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer']",
    );
  });

  test("forgets its load balancer's address when it is no load balancer any more", async () => {
    const { handler: of } = openRegistry();
    const handler = of(services);
    await create(handler, service("a", { type: "LoadBalancer" }));
    const ingress = [{ ip: "192.0.2.1", ipMode: "VIP" }];
    const status = await change(of({ ...services, resource: "services/status" }), "a", (object) => {
      object["status"] = { loadBalancer: { ingress } };
    });
    assert.deepEqual(status["status"], { loadBalancer: { ingress } });
    const changed = await change(handler, "a", (object) => {
      object["spec"].type = "ClusterIP";
    });
    assert.deepEqual(changed["status"], { loadBalancer: {} });
  });

  test("has no policy for traffic inside the cluster where it is only a name", async () => {
    const handler = openRegistry().handler(services);
    const spec = { type: "ExternalName", externalName: "a.example", internalTrafficPolicy: "Cluster" };
    const made = await create(handler, service("a", spec));
    assert.equal(made["spec"].internalTrafficPolicy, undefined);
  });

  test("may be one that was stored when there was a single address and no families", async () => {
    const { kv, handler: of } = openRegistry();
    const old = service("a", { clusterIP: "10.0.0.9" });
    const stored = { ...old, metadata: { ...old.metadata, uid: "00000000-0000-4000-8000-000000000009" } };
    await kv.txn({
      compare: [],
      success: [
        {
          type: "put",
          key: Buffer.from("/kubernetes.io/services/specs/default/a"),
          value: Buffer.from(JSON.stringify(stored)),
          lease: noLease,
        },
      ],
      failure: [],
    });
    const put = await change(of(services), "a", (object) => {
      object.metadata.labels = { changed: "yes" };
    });
    const { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = put["spec"];
    assert.deepEqual(
      { clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy },
      {
        clusterIP: "10.0.0.9",
        clusterIPs: ["10.0.0.9"],
        ipFamilies: ["IPv4"],
        ipFamilyPolicy: "SingleStack",
      },
    );
  });
});
