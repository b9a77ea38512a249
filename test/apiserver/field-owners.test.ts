import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject, ManagedFieldsEntry, UserInfo } from "../../src/apimachinery/index.ts";
import { openServer } from "./open-server.ts";

const admin: UserInfo = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const patchTypes = { apply: "application/apply-patch+yaml", merge: "application/merge-patch+json" } as const;

async function client() {
  const opened = openServer();
  const send = async (
    method: string,
    path: string,
    body: unknown,
    type = "application/json",
  ): Promise<{ status: number; object: KubeObject }> => {
    const answer = await opened.server.transport(admin).request({
      method,
      path,
      headers: { "content-type": type },
      ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of answer.body) chunks.push(chunk);
    return { status: answer.status, object: JSON.parse(Buffer.concat(chunks).toString()) };
  };
  await send("POST", "/api/v1/namespaces", {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: { name: "default" },
  });
  return { opened, send };
}

const owners = ({ metadata }: KubeObject): string[] =>
  ((metadata.managedFields ?? []) as ManagedFieldsEntry[]).map(
    ({ manager, operation, apiVersion, subresource = "", fieldsV1 }) =>
      `${manager} ${operation} ${apiVersion} ${subresource}: ${JSON.stringify(fieldsV1)}`,
  );

const deployment = (replicas: number) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d" },
  spec: {
    replicas,
    selector: { matchLabels: { a: "b" } },
    template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
  },
});

test("who owns the number of replicas is told through the Scale, and loses it to who applies the Scale by force", async () => {
  const { opened, send } = await client();
  const path = "/apis/apps/v1/namespaces/default/deployments";
  await send("POST", `${path}?fieldManager=maker`, deployment(1));
  const scale = {
    apiVersion: "autoscaling/v1",
    kind: "Scale",
    metadata: { name: "d" },
    spec: { replicas: 3 },
  };
  const refused = await send("PATCH", `${path}/d/scale?fieldManager=scaler`, scale, patchTypes.apply);
  assert.equal(refused.status, 409);
  assert.equal(
    (refused.object as unknown as { message: string }).message,
    'Apply failed with 1 conflict: conflict with "maker" using autoscaling/v1: .spec.replicas',
  );
  const forced = await send(
    "PATCH",
    `${path}/d/scale?fieldManager=scaler&force=true`,
    scale,
    patchTypes.apply,
  );
  assert.equal(forced.status, 200);
  const { object } = await send("GET", `${path}/d`, undefined);
  assert.deepEqual(owners(object)[0], 'scaler Apply apps/v1 scale: {"f:spec":{"f:replicas":{}}}');
  assert.ok(!owners(object)[1]?.includes("f:replicas"));
  await opened.close();
});

test("a manager that speaks another version loses what is changed there", async () => {
  const { opened, send } = await client();
  const path = (version: string) =>
    `/apis/autoscaling/${version}/namespaces/default/horizontalpodautoscalers`;
  const target = { apiVersion: "apps/v1", kind: "Deployment", name: "d" };
  await send("POST", `${path("v2")}?fieldManager=a`, {
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata: { name: "h" },
    spec: { scaleTargetRef: target, maxReplicas: 5 },
  });
  const changed = await send(
    "PATCH",
    `${path("v1")}/h?fieldManager=b`,
    { spec: { maxReplicas: 6, targetCPUUtilizationPercentage: 50 } },
    patchTypes.merge,
  );
  assert.equal(changed.status, 200);
  assert.deepEqual(owners(changed.object), [
    'a Update autoscaling/v2 : {"f:spec":{"f:minReplicas":{},"f:scaleTargetRef":{"f:apiVersion":{},"f:kind":{},"f:name":{}}}}',
    'b Update autoscaling/v1 : {"f:spec":{"f:maxReplicas":{},"f:targetCPUUtilizationPercentage":{}}}',
  ]);
  await opened.close();
});

test("nobody owns what is in a keyed list with an item without its key", async () => {
  const { opened, send } = await client();
  const path = "/api/v1/namespaces/default/serviceaccounts";
  const account = { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "s" }, secrets: [{}] };
  const { status, object } = await send("POST", `${path}?fieldManager=a`, account);
  assert.equal(status, 201);
  assert.equal(object.metadata.managedFields, undefined);
  await opened.close();
});
