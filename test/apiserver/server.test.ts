import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync } from "node:zlib";
import protobufjs from "protobufjs";
import type { WatchEvent } from "../../src/apimachinery/index.ts";
import type { Transport, TransportResponse } from "../../src/client/index.ts";
import { fastClock } from "./fast-clock.ts";
import { type OpenServer, openServer, watchesIn } from "./open-server.ts";

const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const headers = { accept: "application/json", "user-agent": "test" };

async function start(): Promise<OpenServer & { transport: Transport }> {
  const opened = openServer({ clock: fastClock() });
  const transport = opened.server.transport(admin);
  await send(transport, "POST", "/api/v1/namespaces", { metadata: { name: "default" } });
  return { ...opened, transport };
}

async function send(
  transport: Transport,
  method: string,
  path: string,
  body?: object,
  more: Record<string, string> = {},
): Promise<{ status: number; headers: TransportResponse["headers"]; bytes: Buffer; json: () => Answer }> {
  const response = await transport.request({
    method,
    path,
    headers: { ...headers, ...(body === undefined ? {} : { "content-type": "application/json" }), ...more },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return {
    status: response.status,
    headers: response.headers,
    bytes,
    json: () => JSON.parse(bytes.toString()),
  };
}

/** As much of an answer as these tests look at. */
interface Answer {
  readonly data?: Record<string, string>;
  readonly items?: readonly { readonly metadata: { readonly name?: string } }[];
}

const configMaps = "/api/v1/namespaces/default/configmaps";

/** Lines of a stream as they come. */
async function* lines(response: TransportResponse): AsyncGenerator<WatchEvent> {
  let text = "";
  for await (const chunk of response.body) {
    text += Buffer.from(chunk).toString();
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
    }
  }
}

async function openWatch(
  transport: Transport,
  path: string,
  signal: AbortSignal,
): Promise<AsyncGenerator<WatchEvent>> {
  const response = await transport.request({ method: "GET", path, headers, signal });
  assert.equal(response.status, 200);
  return lines(response);
}

test("what is served may change while the server runs: discovery, OpenAPI, the index and the paths follow", async () => {
  let batch = false;
  let generation = 0;
  const { server, close } = openServer({
    clock: fastClock(),
    serves: (whole) => ({
      get resources() {
        return whole.resources.filter(({ resource }) => batch || resource.group !== "batch");
      },
      get generation() {
        return generation;
      },
      ready: whole.ready,
      onChange: (changed) => whole.onChange(changed),
      resource: (resource) => (batch || resource.group !== "batch" ? whole.resource(resource) : undefined),
      close: () => whole.close(),
    }),
  });
  const transport = server.transport(admin);
  const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const seen = async () => {
    const get = async (path: string, accept = "application/json") => {
      const { status, bytes } = await send(transport, "GET", path, undefined, { accept });
      return { status, names: /"name":"batch"|apis\/batch\/v1/.test(bytes.toString()) };
    };
    const post = await send(transport, "POST", "/apis/batch/v1", {});
    return {
      groups: await get("/apis"),
      aggregated: await get("/apis", aggregated),
      group: (await get("/apis/batch")).status,
      slash: (await get("/apis/batch/")).status,
      version: (await get("/apis/batch/v1")).status,
      list: (await get("/apis/batch/v1/jobs")).status,
      unknown: (await get("/apis/batch/v1/nothing")).status,
      index: (await get("/")).names,
      v2: (await get("/openapi/v2")).names,
      v3: (await get("/openapi/v3")).names,
      document: (await get("/openapi/v3/apis/batch/v1")).status,
      post: post.status,
    };
  };
  const without = {
    groups: { status: 200, names: false },
    aggregated: { status: 200, names: false },
    ...{ group: 404, slash: 404, version: 404, list: 404, unknown: 404 },
    ...{ index: false, v2: false, v3: false, document: 404, post: 404 },
  };
  assert.deepEqual(await seen(), without);
  batch = true;
  generation++;
  assert.deepEqual(await seen(), {
    groups: { status: 200, names: true },
    aggregated: { status: 200, names: true },
    ...{ group: 200, slash: 200, version: 200, list: 200, unknown: 404 },
    ...{ index: true, v2: true, v3: true, document: 200, post: 405 },
  });
  batch = false;
  generation++;
  assert.deepEqual(await seen(), without);
  await close();
});

test("a watch delivers each change once, in order, as it happens", async () => {
  const { transport, close } = await start();
  const stop = new AbortController();
  const events = await openWatch(transport, `${configMaps}?watch=true`, stop.signal);
  await send(transport, "POST", configMaps, { metadata: { name: "a" } });
  assert.equal((await events.next()).value.type, "ADDED");
  await send(transport, "PUT", `${configMaps}/a`, { metadata: { name: "a" }, data: { k: "v" } });
  const modified = (await events.next()).value;
  assert.deepEqual([modified.type, modified.object["data"]], ["MODIFIED", { k: "v" }]);
  await send(transport, "DELETE", `${configMaps}/a`);
  assert.equal((await events.next()).value.type, "DELETED");
  stop.abort();
  await close();
});

test("a watch ends after timeoutSeconds, and every watch when the server closes", async () => {
  const { transport, server, close } = await start();
  const never = new AbortController().signal;
  const short = await openWatch(transport, `${configMaps}?watch=true&timeoutSeconds=1`, never);
  assert.equal((await short.next()).done, true);
  const long = await openWatch(transport, `${configMaps}?watch=true`, never);
  await server.close();
  assert.equal((await long.next()).done, true);
  await close();
});

test("a client that goes away takes its watch with it", async () => {
  const { transport, server, close } = await start();
  const open = async (): Promise<number> => {
    const { bytes } = await send(server.transport(admin), "GET", "/metrics");
    return watchesIn(bytes.toString());
  };
  const stop = new AbortController();
  const events = await openWatch(transport, `${configMaps}?watch=true`, stop.signal);
  assert.equal(await open(), 1);
  stop.abort();
  await assert.rejects(events.next());
  assert.equal(await open(), 0);
  await close();
});

test("a watcher that does not read is cut off, and the server keeps nothing for it", async () => {
  const { transport, close } = await start();
  const response = await transport.request({ method: "GET", path: `${configMaps}?watch=true`, headers });
  const data = { k: "x".repeat(200_000) };
  for (let i = 0; i < 60; i++)
    await send(transport, "POST", configMaps, { metadata: { name: `c${i}` }, data });
  let events = 0;
  for await (const _ of lines(response)) events++;
  assert.ok(events < 60, `${events} events of 60 came although nobody read`);
  await close();
});

test("large answers are compressed for those who can read that, small ones are not", async () => {
  const { transport, close } = await start();
  await send(transport, "POST", configMaps, { metadata: { name: "big" }, data: { k: "x".repeat(200_000) } });
  const gzip = { "accept-encoding": "gzip" };
  const big = await send(transport, "GET", `${configMaps}/big`, undefined, gzip);
  assert.equal(big.headers["content-encoding"], "gzip");
  assert.equal(JSON.parse(gunzipSync(big.bytes).toString()).data.k.length, 200_000);
  const plain = await send(transport, "GET", `${configMaps}/big`);
  assert.equal(plain.headers["content-encoding"], undefined);
  const small = await send(transport, "GET", "/api/v1/namespaces/default", undefined, gzip);
  assert.equal(small.headers["content-encoding"], undefined);
  await close();
});

test("paths, methods and headers that nobody sane sends get an answer and change nothing", async () => {
  const { transport, logged, close } = await start();
  for (const path of [
    "/api/v1/namespaces/default/configmaps/%2e%2e%2fsecrets",
    "/api/v1/namespaces/default/configmaps/%E0%A4%A",
    "/api/v1/namespaces/__proto__/configmaps/constructor",
    "/apis/__proto__/v1/constructor",
    "//api//v1//",
    "/api/v1/configmaps?fieldSelector=__proto__%3Dx&labelSelector=%00",
    `/${"a/".repeat(5000)}`,
    "/readyz/__proto__",
  ]) {
    for (const method of ["GET", "DELETE", "constructor", "PATCH"]) {
      const { status } = await send(transport, method, path, undefined, { accept: "a/b;q=x, ,;;,*/*;q=0.1" });
      assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
    }
  }
  assert.deepEqual(logged, []);
  await close();
});

test("odd requests are answered as kube-apiserver 1.35 answers them", async () => {
  const { transport, close } = await start();
  const of = async (method: string, path: string, body?: string, more: object = {}): Promise<string> => {
    const json = { ...headers, "content-type": "application/json", ...more };
    const answer = await transport.request({ method, path, headers: json, ...(body && { body }) });
    const text = Buffer.concat(await Array.fromAsync(answer.body)).toString();
    return `${answer.status} ${text.startsWith("{") ? (JSON.parse(text).message ?? "") : text}`;
  };
  const dry = `${configMaps}?dryRun=All`;
  const named = (extra: object) => JSON.stringify({ metadata: { name: "a", ...extra } });
  assert.equal(
    await of("GET", `${configMaps}?timeout=abc`),
    '400 invalid timeout specified in the request URL - time: invalid duration "abc"',
  );
  assert.equal(
    await of("POST", dry, '{"kind":5}'),
    "400 the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: " +
      'json: cannot unmarshal number into Go struct field .kind of type string ({"kind":5})',
  );
  assert.equal(await of("POST", dry, named({ resourceVersion: "5" })), "201 ");
  assert.equal(await of("PUT", "/healthz"), "200 ok");
  assert.equal(await of("DELETE", "/apis/apps"), "200 ");
  assert.match(await of("DELETE", "/apis/apps/v1"), /^405 /);
  assert.match(
    await of("GET", configMaps, undefined, { accept: "text/plain" }),
    /^406 .*application\/vnd\.kubernetes\.protobuf;stream=watch$/s,
  );
  assert.equal(await of("GET", "/api/v1/nodes/nope/proxy"), '404 nodes "nope" not found');
  const apply = { "content-type": "application/apply-patch+yaml" };
  assert.equal(
    await of("PATCH", `${configMaps}/a?fieldManager=x`, "a", apply),
    "400 error decoding YAML: error unmarshaling JSON: while decoding JSON: " +
      "json: cannot unmarshal string into Go value of type map[string]interface {}",
  );
  await close();
});

test("keys like __proto__ in a body are data, and deep nesting is refused", async () => {
  const { transport, close } = await start();
  const response = await transport.request({
    method: "POST",
    path: configMaps,
    headers: { ...headers, "content-type": "application/json" },
    body: '{"metadata":{"name":"p","labels":{"__proto__":"x"},"__proto__":{"name":"q"}},"data":{"__proto__":"v"}}',
  });
  assert.ok(response.status === 201 || response.status === 422, String(response.status));
  assert.equal(({} as { name?: string }).name, undefined);
  const deep = `{"metadata":{"name":"d"},"data":${"[".repeat(200_000)}`;
  const refused = await transport.request({
    method: "POST",
    path: configMaps,
    headers: { ...headers, "content-type": "application/json" },
    body: deep,
  });
  assert.equal(refused.status, 400);
  await close();
});

test("nobody without a certificate or a token gets further than health and version", async () => {
  const { server, bootstrapRoles, close } = openServer();
  await bootstrapRoles();
  const anonymous = server.transport(undefined as never);
  for (const path of ["/healthz", "/livez", "/readyz", "/version"]) {
    assert.equal((await send(anonymous, "GET", path)).status, 200, path);
  }
  for (const path of ["/api", "/apis", "/metrics", "/openapi/v2", "/", configMaps]) {
    assert.equal((await send(anonymous, "GET", path)).status, 403, path);
  }
  assert.equal(
    (await send(anonymous, "GET", configMaps, undefined, { authorization: "Bearer nope" })).status,
    401,
  );
  await close();
});

test("readiness names the check that fails and says why only to the log", async () => {
  const { server, transport, close } = await start();
  let ready = false;
  server.addReadinessCheck("store", () => (ready ? undefined : "no leader"));
  const waiting = await send(transport, "GET", "/readyz");
  assert.equal(waiting.status, 500);
  assert.match(
    waiting.bytes.toString(),
    /^\[\+\]ping ok\n(\[\+\]\S+ ok\n)*\[-\]store failed: reason withheld\n\[\+\]shutdown ok\nreadyz check failed\n$/,
  );
  assert.equal((await send(transport, "GET", "/livez")).status, 200);
  ready = true;
  assert.equal((await send(transport, "GET", "/readyz")).status, 200);
  await close();
});

test("aggregated discovery is not sent again to a client that has it", async () => {
  const { transport, close } = await start();
  const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const first = await send(transport, "GET", "/apis", undefined, { accept });
  assert.ok(first.json().items?.some((group) => group.metadata.name === "apps"));
  const again = await send(transport, "GET", "/apis", undefined, {
    accept,
    "if-none-match": first.headers["etag"] as string,
  });
  assert.equal(again.status, 304);
  assert.equal(again.bytes.length, 0);
  await close();
});

test("an object in protobuf is the same object", async () => {
  const { transport, close } = await start();
  const protobuf = "application/vnd.kubernetes.protobuf";
  await send(transport, "POST", configMaps, { metadata: { name: "a" }, data: { k: "v" } });
  const { bytes, headers: found } = await send(transport, "GET", `${configMaps}/a`, undefined, {
    accept: protobuf,
  });
  assert.equal(found["content-type"], protobuf);
  assert.equal(bytes.subarray(0, 4).toString("latin1"), "k8s\u0000");
  const response = await transport.request({
    method: "PUT",
    path: `${configMaps}/a`,
    headers: { ...headers, "content-type": protobuf },
    body: bytes,
  });
  assert.equal(response.status, 200);
  const { json } = await send(transport, "GET", `${configMaps}/a`);
  assert.deepEqual(json().data, { k: "v" });
  await close();
});

test("discovery is told in protobuf too, where the core group's documents have no apiVersion", async () => {
  const { transport, close } = await start();
  const accept = "application/vnd.kubernetes.protobuf";
  for (const path of ["/api", "/api/v1", "/apis", "/apis/apps", "/apis/apps/v1"]) {
    const { status, headers: found, bytes } = await send(transport, "GET", path, undefined, { accept });
    assert.equal(status, 200, path);
    assert.equal(found["content-type"], accept);
    assert.equal(bytes.subarray(0, 4).toString("latin1"), "k8s\u0000");
  }
  await close();
});

test("an elected client gives its Lease back with a holder that is empty", async () => {
  const { transport, close } = await start();
  const leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  const lease = { metadata: { name: "leader" }, spec: { holderIdentity: "one", leaseDurationSeconds: 15 } };
  const made = await send(transport, "POST", leases, lease);
  const { metadata } = made.json() as { metadata?: object };
  const released = { metadata, spec: { holderIdentity: "", leaseDurationSeconds: 1, leaseTransitions: 0 } };
  assert.equal((await send(transport, "PUT", `${leases}/leader`, released)).status, 200);
  await close();
});

test("a watch in protobuf frames each event behind its length", async () => {
  const { transport, close } = await start();
  await send(transport, "POST", configMaps, { metadata: { name: "a" } });
  const accept = "application/vnd.kubernetes.protobuf,application/json";
  const path = `${configMaps}?watch=true&timeoutSeconds=1`;
  const { bytes, headers: found } = await send(transport, "GET", path, undefined, { accept });
  assert.equal(found["content-type"], "application/vnd.kubernetes.protobuf;stream=watch");
  assert.equal(bytes.readUInt32BE(0), bytes.length - 4);
  assert.ok(bytes.includes("ADDED") && bytes.includes("k8s\u0000"));
  await close();
});

test("OpenAPI 2 in protobuf has the same paths and definitions as in JSON", async () => {
  const { transport, close } = await start();
  const { root } = protobufjs.parse(`
    syntax = "proto3";
    message Schema { string ref = 1; TypeItem type = 22; }
    message TypeItem { repeated string value = 1; }
    message NamedSchema { string name = 1; Schema value = 2; }
    message Definitions { repeated NamedSchema properties = 1; }
    message NamedPath { string name = 1; }
    message Paths { repeated NamedPath path = 2; }
    message Document { string swagger = 1; Paths paths = 8; Definitions definitions = 9; }`);
  const accept = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
  const { bytes } = await send(transport, "GET", "/openapi/v2", undefined, { accept });
  const found = root.lookupType("Document").decode(bytes).toJSON();
  const json = JSON.parse((await send(transport, "GET", "/openapi/v2")).bytes.toString());
  const names = (list: { name: string }[]): string[] => list.map(({ name }) => name);
  assert.equal(found["swagger"], json.swagger);
  assert.deepEqual(names(found["paths"].path), Object.keys(json.paths));
  assert.deepEqual(names(found["definitions"].properties), Object.keys(json.definitions));
  const pod = found["definitions"].properties.find(
    ({ name }: { name: string }) => name === "io.k8s.api.core.v1.Pod",
  );
  assert.deepEqual(pod.value, { type: { value: ["object"] } });
  await close();
});

test("people's tools get indented JSON, errors included; programs do not", async () => {
  const { transport, close } = await start();
  const text = async (userAgent: string, path: string) =>
    (await send(transport, "GET", path, undefined, { "user-agent": userAgent })).bytes.toString();
  for (const path of [configMaps, `${configMaps}/missing`, "/api/v1"]) {
    assert.match(await text("curl/8.0", path), /^\{\n {2}"kind"/, path);
    assert.match(await text("kubectl/v1.35", path), /^\{"kind"/, path);
  }
  assert.match(await text("program", `${configMaps}/missing?pretty=true`), /^\{\n {2}"kind"/);
  await close();
});

test("a Scale's Table tells wanted and present replicas", async () => {
  const { transport, close } = await start();
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const spec = { replicas: 3, selector: { matchLabels: { a: "b" } }, template };
  const deployments = "/apis/apps/v1/namespaces/default/deployments";
  assert.equal((await send(transport, "POST", deployments, { metadata: { name: "web" }, spec })).status, 201);
  const accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
  const { bytes } = await send(transport, "GET", `${deployments}/web/scale`, undefined, { accept });
  const table = JSON.parse(bytes.toString());
  assert.deepEqual(
    table.columnDefinitions.map(({ name }: { name: string }) => name),
    ["Name", "Desired", "Available", "Age"],
  );
  assert.deepEqual(table.rows[0].cells.slice(0, 3), ["web", 3, 0]);
  await close();
});

test("logs and commands of a pod that is not there are refused by its name", async () => {
  const { transport, close } = await start();
  const refused = async (method: string, path: string) => {
    const { status, bytes } = await send(transport, method, `/api/v1/namespaces/default/${path}`);
    return `${status} ${JSON.parse(bytes.toString()).message}`;
  };
  assert.equal(await refused("GET", "pods/x/log"), '404 pods "x" not found');
  assert.equal(await refused("POST", "pods/x/exec?command=ls"), '404 pods "x" not found');
  assert.equal(
    await refused("GET", "pods/x/nonsense"),
    "404 the server could not find the requested resource",
  );
  await close();
});

test("who may get pods/exec and not create it runs nothing, by a WebSocket's GET either", async () => {
  const { transport, close } = await start();
  const rbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
  const resources = ["pods/exec", "pods/attach", "pods/portforward"];
  const allow = async (name: string, verbs: string[]): Promise<void> => {
    const rules = [{ apiGroups: [""], resources, verbs }];
    const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name };
    const subjects = [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "alice" }];
    assert.equal((await send(transport, "POST", `${rbac}/roles`, { metadata: { name }, rules })).status, 201);
    const binding = { metadata: { name }, roleRef, subjects };
    assert.equal((await send(transport, "POST", `${rbac}/rolebindings`, binding)).status, 201);
  };
  const refused = async (subresource: string): Promise<string> => {
    const path = `/api/v1/namespaces/default/pods/x/${subresource}?command=ls`;
    const { status, bytes } = await send(transport, "GET", path, undefined, { "impersonate-user": "alice" });
    return `${status} ${JSON.parse(bytes.toString()).message}`;
  };
  await allow("reads", ["get"]);
  for (const subresource of ["exec", "attach", "portforward"])
    assert.equal(await refused(subresource), '403 pods "x" is forbidden: ');
  await allow("runs", ["create"]);
  assert.equal(await refused("exec"), '404 pods "x" not found');
  await close();
});

test("policies see what is to be run in a pod, by whom and where, and may refuse it", async () => {
  const { transport, close } = await start();
  const policies = "/apis/admissionregistration.k8s.io/v1";
  const spec = {
    matchConstraints: {
      resourceRules: [
        {
          apiGroups: [""],
          apiVersions: ["v1"],
          operations: ["CONNECT"],
          resources: ["pods/exec", "services/proxy"],
        },
      ],
    },
    validations: [
      {
        expression: "request.resource.resource != 'pods' || !(object.command[0] in ['rm', 'dd'])",
        messageExpression: "object.kind + ' in ' + request.name + ': not ' + object.command[0]",
      },
      {
        expression:
          "request.resource.resource != 'services' || !has(object.path) || object.path != 'admin/x'",
        message: "not there",
      },
    ],
  };
  const create = async (resource: string, object: object): Promise<void> =>
    assert.equal((await send(transport, "POST", `${policies}/${resource}`, object)).status, 201);
  await create("validatingadmissionpolicies", { metadata: { name: "no-rm" }, spec });
  const binding = { policyName: "no-rm", validationActions: ["Deny"] };
  await create("validatingadmissionpolicybindings", { metadata: { name: "no-rm" }, spec: binding });
  const answer = async (path: string): Promise<string> => {
    const { status, bytes } = await send(transport, "POST", `/api/v1/namespaces/default/${path}`);
    return `${status} ${JSON.parse(bytes.toString()).message}`;
  };
  const refusal = "is forbidden: ValidatingAdmissionPolicy 'no-rm' with binding 'no-rm' denied request";
  assert.equal(await answer("pods/x/exec?command=ls"), '404 pods "x" not found');
  const refused = `422 pods "x" ${refusal}: PodExecOptions in x: not rm`;
  for (let tries = 0; (await answer("pods/x/exec?command=rm")) !== refused && tries < 100; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await answer("pods/x/exec?command=rm"), refused);
  assert.equal(await answer("services/x/proxy/admin/x"), `422 services "x" ${refusal}: not there`);
  assert.equal(await answer("services/x/proxy/"), '404 services "x" not found');
  await close();
});

test("requests are counted under upstream's names and labels, a path that nobody serves as one of a kind", async () => {
  const { server, close } = await start();
  const transport = server.transport(admin);
  await send(transport, "POST", configMaps, { metadata: { name: "one" } });
  await send(transport, "POST", `${configMaps}?dryRun=All`, { metadata: { name: "two" } });
  await send(transport, "GET", `${configMaps}/one`);
  await send(transport, "GET", `${configMaps}/none`);
  await send(transport, "GET", configMaps);
  await send(transport, "GET", "/api/v1/configmaps");
  await send(transport, "GET", "/readyz");
  await send(transport, "GET", "/made/up");
  await send(transport, "GET", "/made/up/too");
  const text = (await send(transport, "GET", "/metrics")).bytes.toString();
  const about = (verb: string, scope: string, dryRun = "") =>
    `component="apiserver",dry_run="${dryRun}",group="",resource="configmaps",scope="${scope}",subresource="",verb="${verb}",version="v1"`;
  const nothing = (path: string) =>
    `component="",dry_run="",group="",resource="",scope="",subresource="${path}",verb="GET",version=""`;
  for (const line of [
    `apiserver_request_total{code="201",${about("POST", "resource")}} 1`,
    `apiserver_request_total{code="201",${about("POST", "resource", "All")}} 1`,
    `apiserver_request_total{code="200",${about("GET", "resource")}} 1`,
    `apiserver_request_total{code="404",${about("GET", "resource")}} 1`,
    `apiserver_request_total{code="200",${about("LIST", "namespace")}} 1`,
    `apiserver_request_total{code="200",${about("LIST", "cluster")}} 1`,
    `apiserver_request_total{code="200",${nothing("/readyz")}} 1`,
    `apiserver_request_total{code="404",${nothing("")}} 2`,
    `apiserver_request_duration_seconds_bucket{${about("GET", "resource")},le="60"} 2`,
    `apiserver_request_duration_seconds_count{${about("LIST", "namespace")}} 1`,
    `apiserver_response_sizes_bucket{${about("GET", "resource").replace('dry_run="",', "")},le="1000"} 2`,
    `apiserver_current_inflight_requests{request_kind="readOnly"} 1`,
    `apiserver_current_inflight_requests{request_kind="mutating"} 0`,
  ])
    assert.ok(text.includes(`${line}\n`), `${line} is not in\n${text}`);
  await close();
});

test("a start hook is shown by its name and holds up only /readyz, and /metrics/slis tells what checks said", async () => {
  const { server, transport, close } = await start();
  const get = async (path: string) => {
    const { status, bytes } = await send(transport, "GET", path);
    return { status, text: bytes.toString() };
  };
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => {
    finish = resolve;
  });
  server.addStartHook("poststarthook/rbac/bootstrap-roles", done);
  assert.equal((await get("/readyz/poststarthook/rbac/bootstrap-roles")).status, 500);
  assert.equal((await get("/livez/poststarthook/rbac/bootstrap-roles")).status, 200);
  finish();
  await done;
  assert.match((await get("/readyz?verbose")).text, /\[\+\]poststarthook\/rbac\/bootstrap-roles ok\n/);
  const { text } = await get("/metrics/slis");
  const labels = 'name="poststarthook/rbac/bootstrap-roles"';
  assert.ok(text.includes(`kubernetes_healthcheck{${labels},type="readyz"} 1\n`), text);
  assert.ok(text.includes(`kubernetes_healthchecks_total{${labels},status="error",type="readyz"} 1\n`), text);
  await close();
});

test("a watch that does not say how long it stays open ends after the time that the server was told, at most twice", async () => {
  const opened = openServer({ watchSeconds: 0.05 });
  const transport = opened.server.transport(admin);
  const { status } = await send(transport, "GET", "/api/v1/namespaces?watch=true");
  assert.equal(status, 200);
  await opened.close();
});
