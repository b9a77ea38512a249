import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import type { Cure } from "../../src/controllers/scheduler/filter.ts";
import { isOfInterest, nodeMayHelp } from "../../src/controllers/scheduler/node-change.ts";

const node = (of: {
  taints?: readonly object[];
  labels?: Record<string, string>;
  unschedulable?: boolean;
  allocatable?: Record<string, string>;
}): KubeObject => {
  const { labels = {}, allocatable = { cpu: "2", pods: "10" }, ...spec } = of;
  return { metadata: { name: "n", labels }, spec, status: { allocatable } };
};
const pod = (spec: object = {}): KubeObject => ({
  metadata: { name: "p" },
  spec: { containers: [{ name: "c", resources: { requests: { cpu: "3" } } }], ...spec },
});
const helps = (cure: Cure, to: KubeObject, from?: KubeObject, who = pod()): boolean =>
  nodeMayHelp(who, new Set([cure]), { node: to, old: from });

const k = { key: "k", effect: "NoSchedule" };
const other = { key: "other", effect: "NoExecute" };

test("a pod that does not tolerate a node waits until that has lost the last of such taints", () => {
  assert.equal(helps("tolerated", node({}), node({ taints: [k] })), true);
  assert.equal(helps("tolerated", node({ taints: [other] }), node({ taints: [k, other] })), false);
  assert.equal(helps("tolerated", node({ taints: [k] })), false, "a new node with the same taint");
  assert.equal(helps("tolerated", node({ labels: { a: "b" } }), node({})), false);
  const tolerant = pod({ tolerations: [{ key: "other", operator: "Exists" }] });
  assert.equal(helps("tolerated", node({ taints: [other] }), node({ taints: [k, other] }), tolerant), true);
});

test("a pod that lacks room waits for a node that has more of what it asks for, and enough", () => {
  const small = node({});
  const large = node({ allocatable: { cpu: "4", pods: "10" } });
  assert.equal(helps("capacity", large, small), true);
  assert.equal(helps("capacity", large), true);
  assert.equal(helps("capacity", small), false);
  assert.equal(helps("capacity", node({ allocatable: { cpu: "4", pods: "10" }, taints: [k] }), large), false);
  assert.equal(helps("capacity", node({ allocatable: { cpu: "2500m", pods: "10" } }), small), false);
});

test("a cordon, and labels that do not fit, hold a pod until they are gone", () => {
  assert.equal(helps("schedulable", node({}), node({ unschedulable: true })), true);
  assert.equal(helps("schedulable", node({ unschedulable: true })), false);
  const choosy = pod({ nodeSelector: { a: "b" } });
  assert.equal(helps("selected", node({ labels: { a: "b" } }), node({}), choosy), true);
  assert.equal(helps("selected", node({ labels: { a: "c" } }), node({}), choosy), false);
});

test("a heartbeat is of no interest to pods that wait", () => {
  const old = node({});
  const beaten = { ...old, status: { ...old["status"], conditions: [{ type: "Ready", status: "True" }] } };
  assert.equal(isOfInterest({ node: beaten, old }), false);
  assert.equal(isOfInterest({ node: beaten, old: undefined }), true);
});
