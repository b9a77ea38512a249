import assert from "node:assert/strict";
import { suite, test } from "node:test";
import fc from "fast-check";
import { seededPrng } from "../../src/base/index.ts";
import { type Endpoint, type EndpointSlice, endpointsOf, type Service } from "../../src/catalog/index.ts";
import { Balancer } from "../../src/proxy/balancer.ts";
import { frontendKey, frontendsOf } from "../../src/proxy/frontends.ts";
import { type Place, selectEndpoints } from "../../src/proxy/selection.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const everywhere: Place = { isLocal: () => true, nodeName: undefined, zone: undefined };
const onA: Place = { isLocal: (name) => name === "a", nodeName: "a", zone: "east" };

function endpoint(address: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    address,
    port: 80,
    ready: true,
    serving: true,
    terminating: false,
    nodeName: "a",
    forZones: [],
    forNodes: [],
    podName: undefined,
    ...more,
  };
}
const draining = { ready: false, serving: true, terminating: true };
const addresses = (endpoints: readonly Endpoint[]): string[] => endpoints.map(({ address }) => address);

suite("which endpoints get traffic", () => {
  test("the ready ones, and those that terminate only while none is ready", () => {
    const all = [endpoint("1"), endpoint("2", draining), endpoint("3", { ready: false, serving: false })];
    assert.deepEqual(addresses(selectEndpoints(all, "Cluster", everywhere)), ["1"]);
    assert.deepEqual(addresses(selectEndpoints(all.slice(1), "Cluster", everywhere)), ["2"]);
    assert.deepEqual(selectEndpoints(all.slice(2), "Cluster", everywhere), []);
  });

  test("with the policy Local those of this node or none, draining ones last", () => {
    const all = [endpoint("1", { nodeName: "b" }), endpoint("2", draining), endpoint("3", { nodeName: "a" })];
    assert.deepEqual(addresses(selectEndpoints(all, "Local", onA)), ["3"]);
    assert.deepEqual(addresses(selectEndpoints(all.slice(0, 2), "Local", onA)), ["2"]);
    assert.deepEqual(selectEndpoints(all.slice(0, 1), "Local", onA), []);
  });

  test("near ones where every endpoint says for whom it is, and one is for here", () => {
    const hinted = [endpoint("1", { forZones: ["east"] }), endpoint("2", { forZones: ["west"] })];
    assert.deepEqual(addresses(selectEndpoints(hinted, "Cluster", onA)), ["1"]);
    assert.deepEqual(addresses(selectEndpoints([...hinted, endpoint("3")], "Cluster", onA)), ["1", "2", "3"]);
    assert.deepEqual(addresses(selectEndpoints(hinted.slice(1), "Cluster", onA)), ["2"]);
    const nodes = [
      endpoint("1", { forNodes: ["b"], forZones: ["east"] }),
      endpoint("2", { forNodes: ["a"], forZones: ["west"] }),
    ];
    assert.deepEqual(addresses(selectEndpoints(nodes, "Cluster", onA)), ["2"]);
  });

  test("an endpoint that two slices hold comes once, ready where one of them says so", () => {
    const slice = (ready: boolean): EndpointSlice => ({
      metadata: {},
      addressType: "IPv4",
      ports: [{ name: "http", port: 80 }],
      endpoints: [{ addresses: ["10.0.0.1"], conditions: { ready } }],
    });
    for (const slices of [
      [slice(true), slice(false)],
      [slice(false), slice(true)],
    ]) {
      const found = endpointsOf(slices, { name: "http", protocol: "TCP" });
      assert.deepEqual(
        found.map(({ ready }) => ready),
        [true],
      );
    }
    assert.deepEqual(endpointsOf([slice(true)], { name: "", protocol: "TCP" }), []);
    assert.deepEqual(endpointsOf([slice(true)], { name: "http", protocol: "UDP" }), []);
  });
});

suite("how connections are shared out", () => {
  const balancer = (): Balancer => {
    const number = seededPrng(7);
    return new Balancer({
      clock: new ManualClock(),
      random: { number, bytes: () => new Uint8Array(), uuid: () => "" },
    });
  };

  test("connections that last spread evenly: no endpoint is two ahead of another by more than chance", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 300 }), (count, connections) => {
        const one = balancer();
        const endpoints = Array.from({ length: count }, (_, index) => endpoint(String(index)));
        const active = new Map<string, number>();
        for (let i = 0; i < connections; i++) {
          const claim = one.pick(endpoints, "c");
          assert.ok(claim);
          active.set(claim.endpoint.address, (active.get(claim.endpoint.address) ?? 0) + 1);
        }
        const counts = endpoints.map(({ address }) => active.get(address) ?? 0);
        return Math.max(...counts) - Math.min(...counts) <= 6;
      }),
    );
  });

  test("a client with affinity stays while its endpoint is there and its time has not run out", () => {
    const clock = new ManualClock();
    const number = seededPrng(3);
    const one = new Balancer({ clock, random: { number, bytes: () => new Uint8Array(), uuid: () => "" } });
    one.affinityMs = 10_000;
    const endpoints = Array.from({ length: 8 }, (_, index) => endpoint(String(index)));
    const first = one.pick(endpoints, "client")?.endpoint as Endpoint;
    for (let i = 0; i < 30; i++) {
      clock.advance(5000);
      assert.equal(one.pick(endpoints, "client")?.endpoint, first);
    }
    assert.ok(
      new Set(Array.from({ length: 30 }, (_, i) => one.pick(endpoints, `other ${i}`)?.endpoint)).size > 3,
    );
    const without = endpoints.filter((other) => other !== first);
    const second = one.pick(without, "client")?.endpoint;
    assert.notEqual(second, first);
    assert.equal(one.pick(endpoints, "client")?.endpoint, second);
    clock.advance(10_001);
    const drawn = new Set(
      Array.from({ length: 40 }, () => {
        clock.advance(10_001);
        return one.pick(endpoints, "client")?.endpoint;
      }),
    );
    assert.ok(drawn.size > 3);
  });

  test("one that did not accept rests while there are others, and is tried again when there are none", () => {
    const one = balancer();
    const endpoints = [endpoint("dead"), endpoint("alive")];
    for (;;) {
      const claim = one.pick(endpoints, "c");
      if (claim?.endpoint.address !== "dead") continue;
      claim.failed();
      claim.release();
      break;
    }
    for (let i = 0; i < 20; i++) assert.equal(one.pick(endpoints, "c")?.endpoint.address, "alive");
    assert.equal(one.pick(endpoints.slice(0, 1), "c")?.endpoint.address, "dead");
    assert.equal(one.pick(endpoints, "c", new Set(["dead 80", "alive 80"])), undefined);
  });
});

test("a Service's addresses: cluster IPs, external IPs, node ports, a health check; none of an ExternalName or a headless one", () => {
  const of = (spec: NonNullable<Service["spec"]>): string[] =>
    frontendsOf({ metadata: { namespace: "n", name: "s" }, spec }, ["127.0.0.1"]).map(
      (one) => `${frontendKey(one)} ${one.policy} ${one.kind}`,
    );
  assert.deepEqual(
    of({
      type: "LoadBalancer",
      clusterIPs: ["127.96.0.9", "fd00::9"],
      externalIPs: ["127.99.0.1"],
      externalTrafficPolicy: "Local",
      healthCheckNodePort: 32000,
      ports: [
        { port: 53, protocol: "UDP", nodePort: 30053 },
        { port: 9, protocol: "SCTP" },
      ],
    }),
    [
      "UDP 127.96.0.9:53 Cluster service",
      "UDP [fd00::9]:53 Cluster service",
      "UDP 127.99.0.1:53 Local service",
      "UDP 127.0.0.1:30053 Local service",
      "TCP 127.0.0.1:32000 Local health",
    ],
  );
  assert.deepEqual(of({ clusterIP: "None", ports: [{ port: 80 }] }), []);
  assert.deepEqual(of({ type: "ExternalName", externalName: "x", ports: [{ port: 80 }] }), []);
});
