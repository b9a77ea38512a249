import assert from "node:assert/strict";
import { test } from "node:test";
import type { UserInfo } from "../../src/apimachinery/index.ts";
import { FlowClassifier } from "../../src/apiserver/flow-control/flow-classifier.ts";
import { requestInfo } from "../../src/apiserver/request-info.ts";
import { flowControlDefaults } from "../../src/registry/index.ts";
import { fastClock } from "./fast-clock.ts";
import { openServer } from "./open-server.ts";

const { mandatory, suggested } = flowControlDefaults;
const group = { group: "flowcontrol.apiserver.k8s.io", version: "v1" };

interface Named {
  readonly metadata: { readonly name?: string };
}

/** The classifier over a registry that has what every cluster has, and `more`; uids are the objects' names. */
function classifier(more: { schemas?: readonly Named[]; without?: string } = {}) {
  const objects: Record<string, readonly Named[]> = {
    flowschemas: [...mandatory.flowSchemas, ...suggested.flowSchemas, ...(more.schemas ?? [])],
    prioritylevelconfigurations: [...mandatory.priorityLevels, ...suggested.priorityLevels].filter(
      ({ metadata }) => metadata.name !== more.without,
    ),
  };
  const registry = {
    resource: ({ resource }: { resource: string }) => ({
      strategy: {},
      watch: (_: unknown, sink: { onEvents(events: readonly unknown[]): boolean }) => {
        const added = (objects[resource] ?? []).map((object) => ({
          type: "ADDED",
          stored: { object: { ...object, metadata: { ...object.metadata, uid: object.metadata.name } } },
        }));
        queueMicrotask(() => sink.onEvents([...added, { type: "BOOKMARK", initialEventsEnd: true }]));
        return { close() {} };
      },
    }),
  };
  return new FlowClassifier({ registry, clock: fastClock(), log: { error() {} } } as never);
}

const authenticated = (name: string, ...groups: string[]): UserInfo => ({
  name,
  groups: [...groups, "system:authenticated"],
});
const users = {
  admin: authenticated("admin", "system:masters"),
  alice: authenticated("alice", "dev"),
  scheduler: authenticated("system:kube-scheduler"),
  node: authenticated("system:node:n1", "system:nodes"),
  system: authenticated("system:serviceaccount:kube-system:gc", "system:serviceaccounts"),
  other: authenticated("system:serviceaccount:kube-systems:gc", "system:serviceaccounts"),
};

test("a request belongs to the first FlowSchema that matches its user and what it asks", async () => {
  const flows = classifier();
  await Promise.resolve();
  const of = (user: UserInfo, method: string, url: string) => {
    const headers = flows.classify(user, requestInfo(method, url));
    return [headers?.["x-kubernetes-pf-flowschema-uid"], headers?.["x-kubernetes-pf-prioritylevel-uid"]];
  };
  const lease = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/x";
  assert.deepEqual(of(users.admin, "GET", "/api/v1/pods"), ["exempt", "exempt"]);
  assert.deepEqual(of(users.alice, "GET", "/api/v1/pods"), ["global-default", "global-default"]);
  assert.deepEqual(of(users.alice, "GET", "/healthz"), ["probes", "exempt"]);
  assert.deepEqual(of(users.alice, "GET", "/readyz/etcd"), ["probes", "exempt"]);
  assert.deepEqual(of(users.alice, "GET", "/readyzz"), ["global-default", "global-default"]);
  assert.deepEqual(of(users.alice, "POST", "/healthz"), ["global-default", "global-default"]);
  assert.deepEqual(of(users.scheduler, "PUT", lease), ["system-leader-election", "leader-election"]);
  assert.deepEqual(of(users.scheduler, "DELETE", lease), ["kube-scheduler", "workload-high"]);
  assert.deepEqual(of(users.system, "PUT", lease), ["system-leader-election", "leader-election"]);
  assert.deepEqual(of(users.system, "GET", "/api/v1/pods"), [
    "kube-system-service-accounts",
    "workload-high",
  ]);
  assert.deepEqual(of(users.other, "GET", "/api/v1/pods"), ["service-accounts", "workload-low"]);
  assert.deepEqual(of(users.node, "PATCH", "/api/v1/nodes/n1/status"), ["system-node-high", "node-high"]);
  assert.deepEqual(of(users.node, "GET", "/api/v1/pods"), ["system-nodes", "system"]);
  assert.deepEqual(of({ name: "x", groups: [] }, "GET", "/healthz"), [undefined, undefined]);
});

test("what a priority level's shares come to is told for each, as many as upstream comes to of 600 at once", async () => {
  const flows = classifier();
  await Promise.resolve();
  assert.deepEqual(Object.fromEntries(flows.nominalSeats(600)), {
    "catch-all": 13,
    exempt: 0,
    "global-default": 49,
    "leader-election": 25,
    "node-high": 98,
    system: 74,
    "workload-high": 98,
    "workload-low": 245,
  });
});

test("FlowSchemas are met by precedence and then by name, and one without its priority level by nobody", async () => {
  const rules = [
    {
      subjects: [{ kind: "User", user: { name: "alice" } }],
      resourceRules: [
        { verbs: ["get"], apiGroups: [""], resources: ["pods/log", "pods"], namespaces: ["a"] },
      ],
    },
  ];
  const schema = (name: string, level: string, matchingPrecedence: number) => ({
    metadata: { name },
    spec: { priorityLevelConfiguration: { name: level }, matchingPrecedence, rules },
  });
  const flows = classifier({
    schemas: [schema("z", "system", 50), schema("y", "system", 50), schema("x", "leader-election", 49)],
    without: "leader-election",
  });
  await Promise.resolve();
  const of = (url: string) =>
    flows.classify(users.alice, requestInfo("GET", url))?.["x-kubernetes-pf-flowschema-uid"];
  assert.equal(of("/api/v1/namespaces/a/pods/p"), "y");
  assert.equal(of("/api/v1/namespaces/a/pods/p/log"), "y");
  assert.equal(of("/api/v1/namespaces/a/pods/p/status"), "global-default");
  assert.equal(of("/api/v1/namespaces/b/pods/p"), "global-default");
  assert.equal(of("/api/v1/nodes/n"), "global-default", "these rules are not of the cluster's scope");
});

test("an answer names the FlowSchema and the priority level, also one that refuses", async () => {
  const opened = openServer();
  const call = async (user: UserInfo, method: string, path: string, body?: unknown) => {
    const answer = await opened.server.transport(user).request({
      method,
      path,
      headers: { "content-type": "application/json" },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    return { ...answer, object: JSON.parse(Buffer.concat(chunks).toString()) };
  };
  const create = (resource: string, kind: string, { metadata, spec }: { metadata: object; spec: object }) =>
    call(users.admin, "POST", `/apis/${group.group}/v1/${resource}`, {
      apiVersion: `${group.group}/v1`,
      kind,
      metadata,
      spec,
    });
  const [levels, schemas] = [mandatory.priorityLevels[1], mandatory.flowSchemas[1]];
  assert.ok(levels !== undefined && schemas !== undefined);
  const level = await create("prioritylevelconfigurations", "PriorityLevelConfiguration", levels as never);
  const schema = await create("flowschemas", "FlowSchema", schemas as never);
  let refused = await call(users.alice, "GET", "/api/v1/pods");
  // The server learns of them as every watcher does.
  for (let i = 0; i < 1000 && refused.headers["x-kubernetes-pf-flowschema-uid"] === undefined; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    refused = await call(users.alice, "GET", "/api/v1/pods");
  }
  assert.equal(refused.status, 403);
  assert.equal(refused.headers["x-kubernetes-pf-flowschema-uid"], schema.object.metadata.uid);
  assert.equal(refused.headers["x-kubernetes-pf-prioritylevel-uid"], level.object.metadata.uid);
  await opened.close();
});
