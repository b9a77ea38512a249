import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { type OpenServer, openServer } from "./open-server.ts";

interface Person {
  apiVersion: string;
  kind: string;
  metadata: { name: string; uid?: string; labels?: Record<string, string> };
  spec: { name?: string; first?: string; last?: string };
}

/** v1 has one name, v2 has two. */
function convert({ spec, ...object }: Person, apiVersion: string): Person {
  const [first, last] = (spec.name ?? `${spec.first} ${spec.last}`).split(" ") as [string, string];
  return {
    ...object,
    apiVersion,
    spec: apiVersion.endsWith("/v1") ? { name: `${first} ${last}` } : { first, last },
  };
}

/** Somebody's conversion webhook. `spoil` changes what it answers. */
async function openWebhook() {
  const platform = nodePlatform();
  const authority = await createAuthority("webhook", platform);
  const pair = await issueCertificate(
    authority,
    { commonName: "webhook", ipAddresses: ["127.0.0.1"], usages: ["server"] },
    platform,
  );
  const webhook = {
    ca: Buffer.from(authority.cert).toString("base64"),
    url: "",
    reviews: 0,
    spoil: undefined as object | undefined,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  const server = createServer({ cert: pair.cert, key: pair.key }, async (request, response) => {
    let text = "";
    for await (const chunk of request) text += String(chunk);
    const { apiVersion, kind, request: asked } = JSON.parse(text);
    webhook.reviews += 1;
    const convertedObjects = asked.objects.map((object: Person) => convert(object, asked.desiredAPIVersion));
    const answer = { uid: asked.uid, result: { status: "Success" }, convertedObjects, ...webhook.spoil };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ apiVersion, kind, response: answer }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  webhook.url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/convert`;
  return webhook;
}

function definition(url: string, caBundle: string) {
  const strings = (...names: string[]) => ({
    openAPIV3Schema: {
      type: "object",
      properties: {
        spec: {
          type: "object",
          properties: Object.fromEntries(names.map((name) => [name, { type: "string" }])),
        },
      },
    },
  });
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "people.example.com" },
    spec: {
      group: "example.com",
      scope: "Cluster",
      names: { plural: "people", kind: "Person" },
      versions: [
        { name: "v1", served: true, storage: true, schema: strings("name") },
        { name: "v2", served: true, storage: false, schema: strings("first", "last") },
      ],
      conversion: {
        strategy: "Webhook",
        webhook: { conversionReviewVersions: ["v1"], clientConfig: { url, caBundle } },
      },
    },
  };
}

function asker({ server }: OpenServer) {
  const transport = server.transport(undefined as never);
  return async (method: string, path: string, body?: object, contentType = "application/json") => {
    const response = await transport.request({
      method,
      path,
      headers: {
        authorization: "Bearer admin-token",
        accept: "application/json",
        "content-type": contentType,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const chunks: Uint8Array[] = [];
    for await (const chunk of response.body) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : {} };
  };
}

async function served(ask: ReturnType<typeof asker>): Promise<void> {
  const end = performance.now() + 10_000;
  while ((await ask("GET", "/apis/example.com/v2/people")).status !== 200) {
    assert.ok(performance.now() < end, "people are not served");
    await sleep(5);
  }
}

test("a webhook converts what is written and read in another version, and a server started later serves the same", async () => {
  const webhook = await openWebhook();
  const opened = openServer();
  const ask = asker(opened);
  const made = await ask(
    "POST",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    definition(webhook.url, webhook.ca),
  );
  assert.equal(made.status, 201, JSON.stringify(made.body));
  await served(ask);
  const v1 = "/apis/example.com/v1/people";
  const v2 = "/apis/example.com/v2/people";
  const ada = { apiVersion: "example.com/v2", kind: "Person", metadata: { name: "ada" } };
  const created = await ask("POST", v2, { ...ada, spec: { first: "Ada", last: "Byron" } });
  assert.equal(created.status, 201, JSON.stringify(created.body));
  assert.deepEqual(created.body.spec, { first: "Ada", last: "Byron" });
  assert.deepEqual((await ask("GET", `${v1}/ada`)).body.spec, { name: "Ada Byron" });
  const merge = "application/merge-patch+json";
  const patched = await ask("PATCH", `${v2}/ada`, { spec: { last: "Lovelace" } }, merge);
  assert.deepEqual(patched.body.spec, { first: "Ada", last: "Lovelace" });
  const list = await ask("GET", v2);
  assert.equal(list.body.apiVersion, "example.com/v2");
  assert.deepEqual(
    list.body.items.map(({ spec }: Person) => spec),
    [{ first: "Ada", last: "Lovelace" }],
  );

  const asked = webhook.reviews;
  await ask("GET", `${v1}/ada`);
  assert.equal(webhook.reviews, asked, "the stored version needs nobody");

  const eve = { ...ada, metadata: { name: "eve" }, spec: { first: "Eve", last: "X" } };
  for (const [spoil, why] of [
    [{ result: { status: "Failure", message: "not today" } }, "not today"],
    [{ uid: "other" }, /invalid response: expected response.uid=".+", got "other"/],
    [{ convertedObjects: [] }, "returned 0 objects, expected 1"],
    [
      { convertedObjects: [{ ...eve, apiVersion: "example.com/v1", metadata: { name: "mallory" } }] },
      /invalid metadata of converted object: must have the same name/,
    ],
  ] as const) {
    webhook.spoil = spoil;
    const { status, body } = await ask("POST", v2, eve);
    assert.equal(status, 500);
    assert.match(body.message, /conversion webhook for example.com\/v2, Kind=Person failed: /);
    if (typeof why === "string") assert.ok(body.message.endsWith(why), body.message);
    else assert.match(body.message, why);
  }
  webhook.spoil = undefined;
  await opened.close();

  const later = openServer({ kv: opened.kv });
  const askLater = asker(later);
  await served(askLater);
  assert.deepEqual((await askLater("GET", `${v2}/ada`)).body.spec, { first: "Ada", last: "Lovelace" });
  await webhook.close();
  const alone = await askLater("PATCH", `${v2}/ada`, { spec: { last: "King" } }, merge);
  assert.equal(alone.status, 500, JSON.stringify(alone.body));
  assert.deepEqual((await askLater("GET", `${v1}/ada`)).body.spec, { name: "Ada Lovelace" });
  await later.close();
});
