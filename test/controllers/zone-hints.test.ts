import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import type { Endpoint } from "../../src/controllers/endpointslice/endpoint.ts";
import { hintZones, zoneShares } from "../../src/controllers/endpointslice/zone-hints.ts";

const node = (zone: string | undefined, cpu: string, ready = "True"): KubeObject => ({
  metadata: { name: "n", labels: zone === undefined ? {} : { "topology.kubernetes.io/zone": zone } },
  status: { allocatable: { cpu }, conditions: [{ type: "Ready", status: ready }] },
});

/** One endpoint in each of the zones named by the letters; a capital one is not ready. */
function endpoints(zones: string): Endpoint[] {
  return [...zones].map((zone) => ({
    addresses: ["10.0.0.1"],
    zone: zone.toLowerCase(),
    conditions: { ready: zone === zone.toLowerCase(), serving: true, terminating: false },
  }));
}

const zonesOf = (found: Endpoint[] | string): string =>
  typeof found === "string"
    ? found
    : found.map(({ hints }) => hints?.forZones?.map(({ name }) => name).join("+") ?? "-").join("");

const even = zoneShares([node("a", "4"), node("b", "4")]);

test("endpoints serve their own zone while each zone has its share of them", () => {
  assert.equal(zonesOf(hintZones(endpoints("abab"), even)), "abab");
  assert.equal(zonesOf(hintZones(endpoints("abBab"), even)), "ab-ab", "who is not ready serves none");
});

test("zones with more than their share of the nodes' CPU give some of theirs", () => {
  assert.equal(zonesOf(hintZones(endpoints("aaaa"), even)), "bbaa");
  const uneven = zoneShares([node("a", "8"), node("a", "8"), node("b", "8"), node("c", "0", "False")]);
  assert.equal(zonesOf(hintZones(endpoints("aaabbb"), uneven)), "aaaabb");
});

test("there are no hints where they would leave a zone without endpoints, or nobody knows the zones", () => {
  assert.equal(hintZones(endpoints("a"), even), "Insufficient number of endpoints (1 endpoints, 2 zones)");
  const little = zoneShares([node("a", "15"), node("b", "1"), node("c", "1")]);
  assert.equal(
    hintZones(endpoints("abc"), little),
    "Unable to allocate minimum required endpoints to each zone without exceeding overload threshold (3 endpoints, 3 zones)",
  );
  const insufficient =
    "Insufficient Node information: allocatable CPU or zone not specified on one or more nodes";
  assert.equal(hintZones(endpoints("ab"), zoneShares([node("a", "4"), node(undefined, "4")])), insufficient);
  assert.equal(hintZones(endpoints("ab"), zoneShares([node("a", "4")])), insufficient);
});
