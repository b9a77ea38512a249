import assert from "node:assert/strict";
import { test } from "node:test";
import type { Transport } from "../../src/client/index.ts";
import { fastClock } from "./fast-clock.ts";
import { type OpenServer, openServer } from "./open-server.ts";

/** What upstream's conformance tests found, kept by tests of our own. */

const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const deployments = "/apis/apps/v1/namespaces/default/deployments";

async function start(): Promise<OpenServer & { transport: Transport }> {
  const opened = openServer({ clock: fastClock() });
  const transport = opened.server.transport(admin);
  await send(transport, {
    method: "POST",
    path: "/api/v1/namespaces",
    body: { metadata: { name: "default" } },
  });
  return { ...opened, transport };
}

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: object | string;
  readonly type?: string;
  readonly accept?: string;
}

async function send(
  transport: Transport,
  { method, path, body, type = "application/json", accept = "application/json" }: Sent,
): Promise<{ status: number; bytes: Buffer; json: () => { message: string; items: unknown[] } }> {
  const response = await transport.request({
    method,
    path,
    headers: { accept, "user-agent": "test", ...(body === undefined ? {} : { "content-type": type }) },
    ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return { status: response.status, bytes, json: () => JSON.parse(bytes.toString()) };
}

test("the core group's resources are listed in protobuf too", async () => {
  const { transport, close } = await start();
  const accept = "application/vnd.kubernetes.protobuf";
  const answer = await send(transport, { method: "GET", path: "/api/v1", accept });
  assert.equal(answer.status, 200);
  assert.equal(answer.bytes.subarray(0, 3).toString(), "k8s");
  await close();
});

test("unknown and duplicate fields of JSON are told of in the order in which they stand", async () => {
  const { transport, close } = await start();
  const labels = '{"app":"a"}';
  const template = `{"metadata":{"labels":${labels}},"spec":{"containers":[{"name":"c","image":"i"}]}}`;
  const body = `{"metadata":{"name":"d"},"spec":{"surprise":{"x":1,"x":2},"replicas":1,"replicas":2,"other":1,"selector":{"matchLabels":${labels}},"template":${template}}}`;
  const answer = await send(transport, {
    method: "POST",
    path: `${deployments}?fieldValidation=Strict`,
    body,
  });
  assert.equal(answer.status, 400);
  assert.match(
    answer.json().message,
    /: strict decoding error: unknown field "spec.surprise", duplicate field "spec.replicas", unknown field "spec.other"$/,
  );
  await close();
});

test("a field that stands twice in a patch is refused where the client wants strictness, and names its line in YAML", async () => {
  const { transport, close } = await start();
  const path = "/api/v1/namespaces/default/configmaps/c?fieldManager=m&fieldValidation=Strict";
  const yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: c\ndata:\n  a: one\n  a: two\n";
  const applied = await send(transport, {
    method: "PATCH",
    path,
    body: yaml,
    type: "application/apply-patch+yaml",
  });
  assert.equal(applied.status, 400, applied.bytes.toString());
  assert.equal(
    applied.json().message,
    'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 7: key "a" already set in map',
  );
  await send(transport, {
    method: "POST",
    path: "/api/v1/namespaces/default/configmaps",
    body: { metadata: { name: "c" } },
  });
  const type = "application/merge-patch+json";
  const merged = await send(transport, { method: "PATCH", path, body: '{"data":{"a":"x","a":"y"}}', type });
  assert.equal(merged.status, 422);
  assert.match(merged.json().message, /strict decoding error: duplicate field "data.a"$/);
  await close();
});

test("there is no table of what is only asked and answered", async () => {
  const { transport, close } = await start();
  const answer = await send(transport, {
    method: "POST",
    path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: { spec: { nonResourceAttributes: { path: "/", verb: "get" } } },
    accept: "application/json;as=Table;v=v1;g=meta.k8s.io",
  });
  assert.equal(answer.status, 406);
  await close();
});

test("events are selected by the names that their group has for its fields", async () => {
  const { transport, close } = await start();
  const body = {
    metadata: { name: "e" },
    involvedObject: { kind: "Pod", name: "p", namespace: "default" },
    source: { component: "tester" },
    reportingComponent: "tester",
    reason: "Tested",
    type: "Normal",
  };
  await send(transport, { method: "POST", path: "/api/v1/namespaces/default/events", body });
  const selected = async (root: string, selector: string): Promise<number> => {
    const path = `${root}/namespaces/default/events?fieldSelector=${encodeURIComponent(selector)}`;
    const answer = await send(transport, { method: "GET", path });
    return answer.status === 200 ? answer.json().items.length : answer.status;
  };
  const events = "/apis/events.k8s.io/v1";
  assert.equal(await selected("/api/v1", "source=tester,involvedObject.name=p"), 1);
  assert.equal(await selected(events, "reportingController=tester,regarding.name=p"), 1);
  assert.equal(await selected(events, "regarding.name=other"), 0);
  assert.equal(await selected(events, "source=tester"), 400);
  assert.equal(await selected("/api/v1", "reportingController=tester"), 400);
  await close();
});

test("a JSON patch is told of fields that no operation has, in their order, and YAML of each key that stands twice", async () => {
  const { transport, close } = await start();
  const path = "/api/v1/namespaces/default/configmaps";
  const made = await send(transport, { method: "POST", path, body: { metadata: { name: "c" } } });
  assert.equal(made.status, 201);
  const patched = await send(transport, {
    method: "PATCH",
    path: `${path}/c?fieldValidation=Strict`,
    body: '[{"op":"add","path":"/data","value":{},"foo":"bar"},{"op":"add","path":"/x","path":"/y","value":1}]',
    type: "application/json-patch+json",
  });
  assert.equal(patched.status, 422);
  assert.match(
    patched.json().message,
    /: strict decoding error: json patch unknown field "\[0\]\.foo", json patch duplicate field "\[1\]\.path", unknown field "y"$/,
  );
  const yaml =
    "apiVersion: v1\nkind: ConfigMap\nzero: 1\nmetadata:\n  name: d\n  name: e\ndata:\n  a: one\n  a: two\nfirst: 1\n";
  const posted = await send(transport, {
    method: "POST",
    path: `${path}?fieldValidation=Strict`,
    body: yaml,
    type: "application/yaml",
  });
  assert.match(
    posted.json().message,
    /strict decoding error: yaml: unmarshal errors:\n {2}line 6: key "name" already set in map\n {2}line 9: key "a" already set in map, unknown field "first", unknown field "zero"$/,
  );
  await close();
});

test("a resourceVersion that is no number does not keep an object from being made, and no export is served", async () => {
  const { transport, close } = await start();
  const path = "/api/v1/namespaces/default/configmaps";
  const create = async (name: string, resourceVersion: string): Promise<number> =>
    (await send(transport, { method: "POST", path, body: { metadata: { name, resourceVersion } } })).status;
  assert.equal(await create("a", "odd"), 201);
  assert.equal(await create("b", "00"), 201);
  assert.equal(await create("c", "7"), 500);
  const exported = await send(transport, { method: "GET", path: `${path}/a?export=true` });
  assert.equal(exported.status, 400);
  assert.equal((await send(transport, { method: "GET", path: `${path}/a?export=False` })).status, 200);
  await close();
});

test("what a watch cannot be shown as is refused as for objects first, and for want of frames then", async () => {
  const { transport, close } = await start();
  const refused = async (accept: string): Promise<string> => {
    const path = "/api/v1/namespaces/default/configmaps?watch=true";
    const answer = await send(transport, { method: "GET", path, accept });
    assert.equal(answer.status, 406);
    return answer.bytes.toString();
  };
  const table = "as=Table;g=meta.k8s.io;v=v1";
  assert.match(
    await refused(`application/vnd.kubernetes.protobuf;${table}`),
    /accepted: application\/json, application\/yaml, application\/vnd.kubernetes.protobuf"/,
  );
  assert.match(
    await refused(`application/yaml;${table}, application/json`),
    /accepted: application\/json;stream=watch, application\/vnd.kubernetes.protobuf;stream=watch/,
  );
  await close();
});

test("owners that stand twice are told of, and what a patch does to them counts as done by admission", async () => {
  const { transport, close } = await start();
  const path = "/api/v1/namespaces/default/configmaps";
  const owner = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
  const warning = async (method: string, at: string, type: string): Promise<string> => {
    const response = await transport.request({
      method,
      path: at,
      headers: { accept: "application/json", "content-type": type },
      body: JSON.stringify({ metadata: { name: "o", ownerReferences: [owner, owner] } }),
    });
    for await (const _ of response.body);
    return String(response.headers["warning"]);
  };
  assert.match(await warning("POST", path, "application/json"), /contains duplicate entries; API server/);
  assert.match(
    await warning("PATCH", `${path}/o`, "application/merge-patch+json"),
    /contains duplicate entries after mutating admission happens; API server/,
  );
  await close();
});

test("a ServiceAccount whose Secrets are to be enforced is told that this ends, when it is first said and not again", async () => {
  const { transport, close } = await start();
  const path = "/api/v1/namespaces/default/serviceaccounts";
  const write = async (method: string, at: string): Promise<unknown> => {
    const annotations = { "kubernetes.io/enforce-mountable-secrets": "true" };
    const response = await transport.request({
      method,
      path: at,
      headers: { accept: "application/json", "content-type": "application/json" },
      body: JSON.stringify({ metadata: { name: "s", annotations } }),
    });
    for await (const _ of response.body);
    return response.headers["warning"];
  };
  assert.match(
    String(await write("POST", path)),
    /metadata\.annotations\[kubernetes\.io\/enforce-mountable-secrets\]: deprecated in v1\.32\+; prefer/,
  );
  assert.equal(await write("PUT", `${path}/s`), undefined);
  await close();
});

test("a ServiceAccount's token lives no longer than the server gives any, and who asked for more is told", async () => {
  const opened = openServer({ clock: fastClock(), serviceAccounts: { secondsMax: 7_200 } });
  const transport = opened.server.transport(admin);
  const core = "/api/v1/namespaces";
  await send(transport, { method: "POST", path: core, body: { metadata: { name: "default" } } });
  const accounts = `${core}/default/serviceaccounts`;
  await send(transport, { method: "POST", path: accounts, body: { metadata: { name: "s" } } });
  const response = await transport.request({
    method: "POST",
    path: `${accounts}/s/token`,
    headers: { accept: "application/json", "content-type": "application/json" },
    body: JSON.stringify({ spec: { expirationSeconds: 10_000 } }),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const { spec, status } = JSON.parse(Buffer.concat(chunks).toString());
  assert.equal(spec.expirationSeconds, 7_200);
  const claims = JSON.parse(Buffer.from(status.token.split(".")[1], "base64url").toString());
  assert.equal(claims.exp - claims.iat, 7_200);
  assert.match(
    String(response.headers["warning"]),
    /requested expiration of 10000 seconds shortened to 7200 seconds/,
  );
  await opened.close();
});
