import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { type AuditEvent, createAuditor, parsePolicy } from "../../src/audit/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openServer } from "./open-server.ts";

const policy = parsePolicy(`
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver"]}
- {level: RequestResponse, namespaces: [all], omitManagedFields: true}
- {level: Metadata}
`);

// biome-ignore lint/suspicious/noExplicitAny: events as JSON.
type Told = any;

async function start() {
  const events: AuditEvent[] = [];
  const sink = { write: (event: AuditEvent) => void events.push(event), close: async () => {} };
  const auditor = createAuditor({ policy, sinks: [sink], clock: nodePlatform().clock });
  const opened = openServer({ auditor });
  const transport = opened.server.transport(undefined as never);
  const ask = async (method: string, path: string, body?: object, headers: Record<string, string> = {}) => {
    const from = events.length;
    const response = await transport.request({
      method,
      path,
      headers: {
        authorization: "Bearer admin-token",
        accept: "application/json",
        "content-type": "application/json",
        "user-agent": "test/1",
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    for await (const _ of response.body) {
      // To its end.
    }
    return { status: response.status, events: events.slice(from) as Told[] };
  };
  for (const name of ["all", "some"]) await ask("POST", "/api/v1/namespaces", { metadata: { name } });
  return { ...opened, ask, events };
}

const configMaps = "/api/v1/namespaces/all/configmaps";

test("an event has the request as it was sent and the answer, where the policy wants both", async (t) => {
  const { ask, close } = await start();
  t.after(close);
  const { events } = await ask("POST", configMaps, { metadata: { name: "a" }, data: { x: "1" } });
  assert.equal(events.length, 1);
  const [event] = events;
  assert.equal(event.stage, "ResponseComplete");
  assert.deepEqual(event.objectRef, {
    resource: "configmaps",
    namespace: "all",
    name: "a",
    apiVersion: "v1",
  });
  assert.deepEqual(event.responseStatus, { metadata: {}, code: 201 });
  assert.deepEqual(event.requestObject, {
    kind: "ConfigMap",
    apiVersion: "v1",
    metadata: { name: "a" },
    data: { x: "1" },
  });
  assert.equal(event.responseObject.metadata.managedFields, undefined);
  assert.ok(event.responseObject.metadata.uid);
  assert.deepEqual(event.annotations, {
    "authorization.k8s.io/decision": "allow",
    "authorization.k8s.io/reason": "",
  });
  const patched = await ask(
    "PATCH",
    `${configMaps}/a`,
    { data: { y: "2" } },
    { "content-type": "application/merge-patch+json" },
  );
  assert.deepEqual(patched.events[0].requestObject, { data: { y: "2" } });
  const removed = await ask("DELETE", `${configMaps}/a`);
  assert.equal(removed.events[0].responseStatus.status, "Success");
  assert.equal(removed.events[0].responseStatus.code, 200);
});

test("of the metadata alone no object is told, and a refusal is told with its Status", async (t) => {
  const { ask, close } = await start();
  t.after(close);
  const made = await ask("POST", "/api/v1/namespaces/some/configmaps", { metadata: { name: "a" } });
  assert.equal("requestObject" in made.events[0], false);
  assert.equal("responseObject" in made.events[0], false);
  const missing = await ask("GET", "/api/v1/namespaces/some/configmaps/b");
  assert.equal(missing.events[0].responseStatus.reason, "NotFound");
  const unknown = await ask("GET", "/version", undefined, { authorization: "Bearer nobody" });
  assert.equal(unknown.status, 401);
  assert.deepEqual([unknown.events[0].stage, unknown.events[0].user], ["ResponseStarted", {}]);
  const acting = await ask("GET", "/api/v1/namespaces/some/configmaps", undefined, {
    "impersonate-user": "zoe",
  });
  assert.equal(acting.events[0].user.username, "admin");
  assert.equal(acting.events[0].impersonatedUser.username, "zoe");
  assert.equal(acting.events[0].annotations["authorization.k8s.io/decision"], "forbid");
});

test("a watch is told of when it begins and when it ends", async (t) => {
  const { ask, close, events } = await start();
  t.after(close);
  await ask("GET", `${configMaps}?watch=1&timeoutSeconds=1`);
  const ofWatch = () => events.filter(({ verb }) => verb === "watch") as Told[];
  // Whoever reads may see the end before the server does.
  while (ofWatch().length < 2) await turn();
  assert.deepEqual(
    ofWatch().map(({ stage, responseStatus }) => [stage, responseStatus.code]),
    [
      ["ResponseStarted", 200],
      ["ResponseComplete", 200],
    ],
  );
});

test("what Pod Security would say is told where a namespace wants that", async (t) => {
  const { ask, close } = await start();
  t.after(close);
  const labels = { "pod-security.kubernetes.io/audit": "restricted" };
  await ask("POST", "/api/v1/namespaces", { metadata: { name: "strict", labels } });
  await ask("POST", "/api/v1/namespaces/strict/serviceaccounts", { metadata: { name: "default" } });
  const pod = { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "i" }] } };
  const { status, events } = await ask("POST", "/api/v1/namespaces/strict/pods", pod);
  assert.equal(status, 201);
  const { annotations } = events[0];
  assert.equal(annotations["pod-security.kubernetes.io/enforce-policy"], "privileged:latest");
  assert.match(
    annotations["pod-security.kubernetes.io/audit-violations"],
    /^would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false/,
  );
});
