import assert from "node:assert/strict";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { type Ask, asker } from "./asker.ts";
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
    /** How many objects each review had. */
    reviews: [] as number[],
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
    webhook.reviews.push(asked.objects.length);
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
        {
          name: "v2",
          served: true,
          storage: false,
          schema: strings("first", "last"),
          selectableFields: [{ jsonPath: ".spec.last" }],
        },
      ],
      conversion: {
        strategy: "Webhook",
        webhook: { conversionReviewVersions: ["v1"], clientConfig: { url, caBundle } },
      },
    },
  };
}

async function served(ask: Ask): Promise<void> {
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

  const asked = webhook.reviews.length;
  await ask("GET", `${v1}/ada`);
  assert.equal(webhook.reviews.length, asked, "the stored version needs nobody");

  const eve = { ...ada, metadata: { name: "eve" }, spec: { first: "Eve", last: "X" } };
  for (const [spoil, why] of [
    [{ result: { status: "Failure", message: "not today" } }, / failed: not today$/],
    [{ result: {} }, / failed: response.result.status was '', not 'Success'$/],
    [{ uid: "other" }, / failed: expected response.uid=".+", got "other"$/],
    [{ convertedObjects: [] }, / returned 0 objects, expected 1$/],
    [
      { convertedObjects: [{ ...eve, apiVersion: "example.com/v9" }] },
      / returned invalid object at index 0: invalid groupVersion \(expected example.com\/v1, received example.com\/v9\)$/,
    ],
    [
      { convertedObjects: [{ ...eve, apiVersion: "example.com/v1", metadata: { name: "mallory" } }] },
      / returned invalid object: must have the same name: eve != mallory$/,
    ],
  ] as const) {
    webhook.spoil = spoil;
    const { status, body } = await ask("POST", v2, eve);
    assert.equal(status, 500);
    assert.match(body.message, /^conversion webhook for example.com\/v2, Kind=Person /);
    assert.match(body.message, why);
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
  assert.match(
    alone.body.message,
    /failed: Post "https:\/\/127.0.0.1:\d+\/convert\?timeout=30s": dial tcp 127.0.0.1:\d+: connect: connection refused$/,
  );
  assert.deepEqual((await askLater("GET", `${v1}/ada`)).body.spec, { name: "Ada Lovelace" });
  await later.close();
});

interface Event {
  type: string;
  object: Person;
}

/** The first events of a watch. */
async function watched({ server }: OpenServer, path: string, count: number): Promise<Event[]> {
  const { body } = await server.transport(undefined as never).request({
    method: "GET",
    path,
    headers: { authorization: "Bearer admin-token", accept: "application/json" },
  });
  let text = "";
  for await (const chunk of body) {
    text += Buffer.from(chunk).toString();
    if (text.split("\n").length > count) break;
  }
  return text.split("\n", count).map((line) => JSON.parse(line) as Event);
}

test("a list asks the webhook for all its objects at once, and selects by what the webhook says they are", async () => {
  const webhook = await openWebhook();
  const opened = openServer();
  const ask = asker(opened);
  await ask(
    "POST",
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
    definition(webhook.url, webhook.ca),
  );
  await served(ask);
  const v1 = "/apis/example.com/v1/people";
  const v2 = "/apis/example.com/v2/people";
  const names = async (path: string): Promise<string[]> =>
    (await ask("GET", path)).body.items.map(({ metadata }: Person) => metadata.name);
  for (const [name, last] of [
    ["a", "Byron"],
    ["b", "King"],
    ["c", "Byron"],
    ["d", "Byron"],
  ])
    await ask("POST", v1, {
      apiVersion: "example.com/v1",
      kind: "Person",
      metadata: { name },
      spec: { name: `Ada ${last}` },
    });
  assert.deepEqual(webhook.reviews, []);
  assert.deepEqual(await names(v2), ["a", "b", "c", "d"]);
  assert.deepEqual(webhook.reviews, [4]);

  const byrons = `${v2}?fieldSelector=spec.last%3DByron`;
  assert.deepEqual(await names(byrons), ["a", "c", "d"]);
  const { metadata, items } = (await ask("GET", `${byrons}&limit=2`)).body;
  assert.deepEqual(
    items.map((item: Person) => item.metadata.name),
    ["a", "c"],
  );
  assert.deepEqual(await names(`${byrons}&limit=2&continue=${metadata.continue}`), ["d"]);
  const unknown = await ask("GET", `${v1}?fieldSelector=spec.last%3DByron`);
  assert.equal(unknown.body.message, "field label not supported: spec.last");

  const { resourceVersion } = metadata;
  const watch = watched(opened, `${byrons}&watch=true&resourceVersion=${resourceVersion}`, 4);
  const merge = "application/merge-patch+json";
  await ask("PATCH", `${v1}/b`, { spec: { name: "Ada Byron" } }, merge);
  await ask("PATCH", `${v1}/b`, { metadata: { labels: { a: "b" } } }, merge);
  await ask("PATCH", `${v1}/a`, { spec: { name: "Ada King" } }, merge);
  await ask("PATCH", `${v1}/a`, { spec: { name: "Ada Lovelace" } }, merge);
  await ask("DELETE", `${v1}/d`);
  const events = await watch;
  assert.deepEqual(
    events.map(({ type, object }) => [type, object.metadata.name, object.spec.last]),
    [
      ["ADDED", "b", "Byron"],
      ["MODIFIED", "b", "Byron"],
      ["DELETED", "a", "Byron"],
      ["DELETED", "d", "Byron"],
    ],
  );
  await webhook.close();
  await opened.close();
});

test("discovery names no verb that makes or changes objects of a kind whose CRD waits for them to go", async (t) => {
  const opened = openServer();
  t.after(() => opened.close());
  const ask = asker(opened);
  const { spec, ...rest } = definition("", "");
  const { conversion: _, ...plain } = spec;
  const definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  await ask("POST", definitions, { ...rest, spec: plain });
  await served(ask);
  const person = {
    apiVersion: "example.com/v1",
    kind: "Person",
    metadata: { name: "ada", finalizers: ["a.b/c"] },
  };
  assert.equal((await ask("POST", "/apis/example.com/v1/people", person)).status, 201);
  const verbs = async (): Promise<string[]> =>
    (await ask("GET", "/apis/example.com/v1")).body.resources[0].verbs;
  assert.ok((await verbs()).includes("create"));
  await ask("DELETE", `${definitions}/people.example.com`);
  while ((await verbs()).includes("create")) await sleep(10);
  assert.deepEqual(await verbs(), ["delete", "deletecollection", "get", "list", "watch"]);
});
