import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { EvictionZones, saysReady } from "../../src/controllers/node-lifecycle/zones.ts";

/** `ready` and `lost` nodes of a zone. */
function nodesOf(zone: string, ready: number, lost: number): KubeObject[] {
  return Array.from({ length: ready + lost }, (_, at) => ({
    metadata: { name: `${zone}-${at}`, labels: { "topology.kubernetes.io/zone": zone } },
    status: { conditions: [{ type: "Ready", status: at < ready ? "True" : "Unknown" }] },
  }));
}

/** What the lost nodes of the zone hear, one after the other, at a time. */
function turns(zones: EvictionZones, nodes: readonly KubeObject[], now: number): number[] {
  zones.judge(nodes, saysReady, now);
  return nodes.filter((node) => !saysReady(node)).map((node) => zones.turn(node, now));
}

test("a zone empties one lost node at a time, every ten seconds", () => {
  const zones = new EvictionZones();
  const nodes = nodesOf("a", 3, 2);
  assert.deepEqual(turns(zones, nodes, 1_000), [0, 10_000]);
  assert.deepEqual(turns(zones, nodes, 4_000), [7_000, 7_000]);
  assert.deepEqual(turns(zones, nodes, 11_000), [0, 10_000]);
});

test("a small zone of which most nodes are lost empties none, a large one a node every hundred seconds", () => {
  const never = Number.POSITIVE_INFINITY;
  assert.deepEqual(turns(new EvictionZones(), nodesOf("a", 2, 3), 0), [never, never, never]);
  // Two are not many enough to say so.
  assert.deepEqual(turns(new EvictionZones(), nodesOf("a", 1, 2), 0), [0, 10_000]);
  const large = turns(new EvictionZones(), nodesOf("a", 20, 40), 0);
  assert.deepEqual(large.slice(0, 2), [0, 100_000]);
});

test("a zone that is lost as a whole is emptied as long as another is there, and none when all are lost", () => {
  const zones = new EvictionZones();
  const both = [...nodesOf("a", 0, 3), ...nodesOf("b", 1, 0)];
  assert.deepEqual(turns(zones, both, 0), [0, 10_000, 10_000]);
  assert.equal(zones.allDown, false);
  const none = [...nodesOf("a", 0, 3), ...nodesOf("b", 0, 1)];
  assert.ok(zones.judge(none, saysReady, 1_000), "nodes are to be looked at again");
  assert.equal(zones.allDown, true);
  assert.equal(zones.turn(none[0] as KubeObject, 60_000), Number.POSITIVE_INFINITY);
  assert.ok(zones.judge(both, saysReady, 61_000));
  assert.equal(zones.turn(both[0] as KubeObject, 61_000), 0);
});

test("a zone that recovers goes on at its rate, not at once", () => {
  const zones = new EvictionZones();
  assert.deepEqual(turns(zones, nodesOf("a", 3, 2), 0), [0, 10_000]);
  assert.equal(turns(zones, nodesOf("a", 2, 3), 1_000)[0], Number.POSITIVE_INFINITY);
  assert.equal(turns(zones, nodesOf("a", 3, 2), 20_000)[0], 10_000);
});
