/** What a kubelet may do, with the node authorizer and NodeRestriction in front of the real store. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { type KubeObject, StatusError } from "../../src/apimachinery/index.ts";
import { type Client, createClient } from "../../src/client/index.ts";
import { openServer } from "./open-server.ts";

const core = (resource: string, namespace?: string) => ({
  group: "",
  version: "v1",
  resource,
  ...(namespace === undefined ? {} : { namespace }),
});
const configMaps = core("configmaps", "default");
const secrets = core("secrets", "default");
const pods = core("pods", "default");

async function world() {
  const opened = openServer();
  const as = (name: string, groups: string[]): Client =>
    createClient({ transport: opened.server.transport({ name, groups }), userAgent: "test" });
  const admin = as("admin", ["system:masters"]);
  const kubelet = (node: string) => as(`system:node:${node}`, ["system:nodes", "system:authenticated"]);
  await admin.create(core("namespaces"), { metadata: { name: "default" } });
  await admin.create(core("namespaces"), { metadata: { name: "kube-node-lease" } });
  await opened.bootstrapRoles();
  await admin.create(core("serviceaccounts", "default"), { metadata: { name: "default" } });
  for (const name of ["here", "there", "loose"]) {
    await admin.create(secrets, { metadata: { name }, stringData: { a: "b" } } as KubeObject);
    await admin.create(configMaps, { metadata: { name }, data: { a: "b" } } as KubeObject);
  }
  for (const node of ["here", "there"]) {
    await admin.create(core("nodes"), { metadata: { name: node } });
    await admin.create(pods, {
      metadata: { name: `on-${node}` },
      spec: {
        nodeName: node,
        containers: [{ name: "c", image: "i", envFrom: [{ configMapRef: { name: node } }] }],
        volumes: [{ name: "s", secret: { secretName: node } }],
      },
    } as KubeObject);
  }
  return { ...opened, admin, kubelet };
}

/** The message of a refusal. */
async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof StatusError && error.status.code === 403) return error.status.message ?? "";
    throw error;
  }
  return assert.fail("it was allowed");
}

/** The authorizer hears of a change a moment after its writer does. */
async function soon(check: () => Promise<void>): Promise<void> {
  for (let turn = 0; ; turn++) {
    try {
      return await check();
    } catch (error) {
      if (turn === 1000) throw error;
      await setImmediate();
    }
  }
}

test("a kubelet reads what the pods on its node need, and nothing else", async () => {
  const { kubelet, close } = await world();
  const here = kubelet("here");
  assert.equal((await here.get(secrets, "here")).metadata.name, "here");
  assert.equal((await here.get(configMaps, "here")).metadata.name, "here");
  for (const [scope, what] of [
    [secrets, "secrets"],
    [configMaps, "configmaps"],
  ] as const) {
    for (const name of ["there", "loose"]) {
      assert.match(
        await refusal(here.get(scope, name)),
        new RegExp(
          `^${what} "${name}" is forbidden: User "system:node:here" cannot get resource "${what}" .*: no relationship found between node 'here' and this object$`,
        ),
      );
    }
  }
  assert.match(await refusal(here.list(secrets)), /No Object name found$/);
  assert.match(await refusal(here.delete(secrets, "here")), /can only read resources of this type$/);
  assert.equal((await here.list(pods, { fieldSelector: "spec.nodeName=here" })).items.length, 1);
  assert.match(
    await refusal(here.list(pods, { fieldSelector: "spec.nodeName=there" })),
    /can only list\/watch pods with spec.nodeName field selector$/,
  );
  assert.match(await refusal(here.get(core("nodes"), "there")), /only its own Node object$/);
  assert.equal((await here.get(core("nodes"), "here")).metadata.name, "here");
  assert.match(await refusal(kubelet("").get(secrets, "here")), /no relationship found/);
  await close();
});

test("a kubelet sees a pod's Secret as soon as the pod is assigned to it, and no longer than the pod is there", async () => {
  const { admin, kubelet, close } = await world();
  const here = kubelet("here");
  await here.get(secrets, "here");
  await admin.create(pods, {
    metadata: { name: "later" },
    spec: {
      nodeName: "here",
      containers: [{ name: "c", image: "i" }],
      imagePullSecrets: [{ name: "loose" }],
    },
  } as KubeObject);
  await soon(async () => assert.equal((await here.get(secrets, "loose")).metadata.name, "loose"));
  await admin.delete(pods, "later", { gracePeriodSeconds: 0 });
  await soon(async () => assert.match(await refusal(here.get(secrets, "loose")), /no relationship found/));
  await close();
});

test("a kubelet writes its own Node but not what would draw pods to it, and its own Lease", async () => {
  const { kubelet, close } = await world();
  const here = kubelet("here");
  const nodes = core("nodes");
  const patch = (name: string, body: object) => here.patch(nodes, name, { type: "merge", body });
  await patch("here", { metadata: { labels: { "topology.kubernetes.io/zone": "z", mine: "x" } } });
  assert.match(
    await refusal(patch("there", { metadata: { labels: { mine: "x" } } })),
    /node "here" is not allowed to modify node "there"$/,
  );
  assert.match(
    await refusal(
      patch("here", {
        metadata: { labels: { "node-role.kubernetes.io/control-plane": "" } },
      }),
    ),
    /is not allowed to modify labels: node-role.kubernetes.io\/control-plane$/,
  );
  assert.match(
    await refusal(patch("here", { spec: { taints: [{ key: "a", effect: "NoSchedule" }] } })),
    /node "here" is not allowed to modify taints$/,
  );
  const leases = {
    group: "coordination.k8s.io",
    version: "v1",
    resource: "leases",
    namespace: "kube-node-lease",
  };
  await here.create(leases, { metadata: { name: "here" } });
  assert.match(
    await refusal(here.create(leases, { metadata: { name: "there" } })),
    /can only access node lease with the same name as the requesting node$/,
  );
  await close();
});

test("a kubelet gets tokens for the accounts of its pods only, and evicts and reports on its own pods only", async () => {
  const { admin, kubelet, close } = await world();
  const here = kubelet("here");
  const token = async (pod: string, spec: object = {}) => {
    const { uid } = (await admin.get(pods, pod)).metadata;
    const boundObjectRef = { apiVersion: "v1", kind: "Pod", name: pod, uid };
    const request = { metadata: {}, spec: { boundObjectRef, ...spec } } as unknown as KubeObject;
    return here.create(core("serviceaccounts", "default"), request, {
      name: "default",
      subresource: "token",
    });
  };
  const { status } = await token("on-here");
  assert.match(status.token, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.match(
    await refusal(token("on-there")),
    /node requested token bound to a pod scheduled on a different node$/,
  );
  assert.match(
    await refusal(token("on-here", { boundObjectRef: null })),
    /node requested token not bound to a pod$/,
  );
  assert.match(
    await refusal(token("on-here", { audiences: ["vault"] })),
    /audience "vault" not found in pod spec volume/,
  );
  const report = (name: string) =>
    here.patch(pods, name, { type: "merge", body: { status: { phase: "Running" } }, subresource: "status" });
  await report("on-here");
  assert.match(
    await refusal(report("on-there")),
    /can only update pod status for pods with spec.nodeName set to itself$/,
  );
  assert.match(
    await refusal(here.delete(pods, "on-there")),
    /can only delete pods with spec.nodeName set to itself$/,
  );
  const plain = {
    metadata: { name: "x" },
    spec: { nodeName: "here", containers: [{ name: "c", image: "i" }] },
  } as KubeObject;
  assert.match(await refusal(here.create(pods, plain)), /can only create mirror pods$/);
  await here.delete(pods, "on-here");
  await close();
});

test("who is named as a node and not in its group, or the other way round, is no node", async () => {
  const { server, close } = await world();
  const client = (name: string, groups: string[]) =>
    createClient({ transport: server.transport({ name, groups }), userAgent: "t" });
  assert.doesNotMatch(
    await refusal(client("system:node:here", ["dev"]).get(secrets, "here")),
    /relationship/,
  );
  assert.doesNotMatch(await refusal(client("here", ["system:nodes"]).get(secrets, "here")), /relationship/);
  await close();
});
