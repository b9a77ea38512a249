import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { createSecureServer } from "node:http2";
import { type AddressInfo, connect } from "node:net";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import type { Transport } from "../../src/client/index.ts";
import { serveHttp } from "../../src/member/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openServer } from "./open-server.ts";

interface Seen {
  readonly method: string;
  readonly url: string;
  readonly user: string | undefined;
  /** One a header. */
  readonly groups: readonly string[];
  readonly authorization: string | undefined;
}

/** An API server of somebody else's, for things.extra.example/v1. */
async function openExtra(): Promise<{
  port: number;
  ca: string;
  seen: Seen[];
  probes: string[];
  close(): Promise<void>;
}> {
  const platform = nodePlatform();
  const authority = await createAuthority("extra", platform);
  const pair = await issueCertificate(
    authority,
    { commonName: "extra", dnsNames: ["extra.default.svc"], usages: ["server"] },
    platform,
  );
  const seen: Seen[] = [];
  /** What was asked for without saying in what form. */
  const probes: string[] = [];
  const documents: Record<string, unknown> = {
    "/apis/extra.example/v1": {
      kind: "APIResourceList",
      groupVersion: "extra.example/v1",
      resources: [
        { name: "things", singularName: "thing", namespaced: true, kind: "Thing", verbs: ["get", "list"] },
      ],
    },
    "/openapi/v2": {
      swagger: "2.0",
      paths: {
        "/apis/extra.example/v1/things": { get: { schema: { $ref: "#/definitions/example.Thing" } } },
        "/apis/apps/v1/deployments": { get: {} },
      },
      definitions: {
        "example.Thing": {
          properties: {
            other: { $ref: "#/definitions/io.k8s.api.core.v1.Pod" },
            time: { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Time" },
          },
        },
        "example.Unused": {},
        "io.k8s.api.core.v1.Pod": { description: "no pod as others know it", type: "string" },
        "io.k8s.apimachinery.pkg.apis.meta.v1.Time": {
          description: "in other words",
          type: "string",
          format: "date-time",
        },
      },
    },
    "/openapi/v3": {
      paths: { "apis/extra.example/v1": { serverRelativeURL: "/openapi/v3/apis/extra.example/v1?hash=1" } },
    },
  };
  // As Go's servers, it has both versions of HTTP; each header is told by itself, as Go's have them.
  const options = { cert: pair.cert, key: pair.key, allowHTTP1: true };
  const server = createSecureServer(options, (request, response) => {
    const { method, url, headers, rawHeaders } = request;
    if (headers.accept === undefined) probes.push(url);
    seen.push({
      method,
      url,
      user: headers["x-remote-user"] as string | undefined,
      groups: rawHeaders.filter((_, index) => rawHeaders[index - 1]?.toLowerCase() === "x-remote-group"),
      authorization: headers.authorization,
    });
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(documents[url] ?? { kind: "ThingList", items: [] }));
  });
  // Whoever asks for another protocol gets it, and hears what they said.
  server.on("upgrade", (request: IncomingMessage, socket: Duplex) => {
    const { method = "", url = "", headers } = request;
    const user = String(headers["x-remote-user"]);
    seen.push({ method, url, user, groups: [], authorization: headers.authorization });
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n");
    socket.pipe(socket);
  });
  const sockets = new Set<{ destroy(): void }>();
  server.on("secureConnection", (socket) => sockets.add(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    ca: authority.cert,
    seen,
    probes,
    close: () =>
      new Promise((resolve) => {
        for (const socket of sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

async function send(
  transport: Transport,
  method: string,
  path: string,
  body?: object,
  accept = "application/json",
) {
  const response = await transport.request({
    method,
    path,
    headers: { authorization: "Bearer admin-token", accept, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const chunks: Uint8Array[] = [];
  for await (const chunk of response.body) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  return { status: response.status, text };
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + 10_000;
  while (!(await condition())) {
    assert.ok(performance.now() < end, "it did not come to be");
    await sleep(20);
  }
}

test("a registered group is asked of its own server, as whoever asks, and is a part of discovery while it answers", async () => {
  const extra = await openExtra();
  const opened = openServer();
  const transport = opened.server.transport(undefined as never);
  const post = (path: string, body: object) => send(transport, "POST", path, body);
  await opened.server.aggregate();
  await post("/api/v1/namespaces", { metadata: { name: "default" } });
  const name = "/apis/apiregistration.k8s.io/v1/apiservices/v1.extra.example";
  await post("/apis/apiregistration.k8s.io/v1/apiservices", {
    metadata: { name: "v1.extra.example" },
    spec: {
      group: "extra.example",
      version: "v1",
      groupPriorityMinimum: 100,
      versionPriority: 10,
      service: { name: "extra", namespace: "default" },
      caBundle: Buffer.from(extra.ca).toString("base64"),
    },
  });
  await until(async () => /"reason":"ServiceNotFound"/.test((await send(transport, "GET", name)).text));
  assert.equal(
    (await send(transport, "GET", "/apis/extra.example/v1/namespaces/default/things")).status,
    503,
  );

  await post("/api/v1/namespaces/default/services", {
    metadata: { name: "extra" },
    spec: { type: "ExternalName", externalName: "127.0.0.1" },
  });
  const patch = (body: object) =>
    transport.request({
      method: "PATCH",
      path: name,
      headers: { authorization: "Bearer admin-token", "content-type": "application/merge-patch+json" },
      body: JSON.stringify(body),
    });
  // Whether it is there is asked whatever its certificate; what clients send is not.
  await patch({ spec: { service: { port: extra.port } } });
  await until(async () => /"reason":"Passed"/.test((await send(transport, "GET", name)).text));
  // In any form: some servers have none but that of aggregated discovery.
  assert.ok(extra.probes.includes("/apis/extra.example/v1"));
  await patch({ spec: { service: { name: "other" } } });
  await until(async () => /"reason":"ServiceNotFound"/.test((await send(transport, "GET", name)).text));
  await post("/api/v1/namespaces/default/services", {
    metadata: { name: "other" },
    spec: { type: "ExternalName", externalName: "127.0.0.1" },
  });
  await until(async () => /"reason":"Passed"/.test((await send(transport, "GET", name)).text));
  assert.deepEqual(await send(transport, "GET", "/apis/extra.example/v1/things"), {
    status: 503,
    text: "error trying to reach service: tls: failed to verify certificate: x509: certificate is valid for extra.default.svc, not other.default.svc\n",
  });
  await patch({ spec: { caBundle: null, insecureSkipTLSVerify: true } });
  await until(async () => (await send(transport, "GET", "/apis/extra.example/v1/things")).status === 200);

  const things = await send(transport, "GET", "/apis/extra.example/v1/namespaces/default/things?limit=5");
  assert.deepEqual(JSON.parse(things.text), { kind: "ThingList", items: [] });
  const asked = extra.seen.find(({ url }) => url.includes("limit=5"));
  assert.equal(asked?.user, "admin");
  assert.deepEqual(asked?.groups, ["system:masters", "system:authenticated"]);
  assert.equal(asked?.authorization, undefined, "the client's own credentials stay here");

  const groups = await send(transport, "GET", "/apis");
  assert.match(groups.text, /"name":"extra.example"/);
  const aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
  const discovery = await send(transport, "GET", "/apis", undefined, aggregated);
  assert.match(discovery.text, /"resource":"things"/);
  assert.match((await send(transport, "GET", "/openapi/v3")).text, /apis\/extra.example\/v1\?hash=1/);
  const { paths, definitions } = JSON.parse((await send(transport, "GET", "/openapi/v2")).text);
  assert.ok("/apis/extra.example/v1/things" in paths);
  assert.ok("parameters" in paths["/apis/apps/v1/deployments"], "what this server serves is its own to say");
  assert.deepEqual(definitions["example.Thing"].properties, {
    other: { $ref: "#/definitions/io.k8s.api.core.v1.Pod_v2" },
    time: { $ref: "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Time" },
  });
  assert.equal(definitions["io.k8s.api.core.v1.Pod"].type, "object");
  assert.equal(definitions["io.k8s.api.core.v1.Pod_v2"].type, "string");
  assert.equal("example.Unused" in definitions, false);

  await send(transport, "DELETE", name);
  await until(async () => (await send(transport, "GET", "/apis/extra.example/v1")).status === 404);
  await opened.close();
  await extra.close();
});

test("a request that becomes another protocol does so with the other server, for whoever asks", async () => {
  const extra = await openExtra();
  const platform = nodePlatform();
  const opened = openServer({ outbound: { connect: (to) => platform.network.connect(to) } });
  const transport = opened.server.transport(undefined as never);
  await opened.server.aggregate();
  const post = (path: string, body: object) => send(transport, "POST", path, body);
  await post("/api/v1/namespaces", { metadata: { name: "default" } });
  await post("/api/v1/namespaces/default/services", {
    metadata: { name: "extra" },
    spec: { type: "ExternalName", externalName: "127.0.0.1" },
  });
  await post("/apis/apiregistration.k8s.io/v1/apiservices", {
    metadata: { name: "v1.extra.example" },
    spec: {
      group: "extra.example",
      version: "v1",
      groupPriorityMinimum: 100,
      versionPriority: 10,
      service: { name: "extra", namespace: "default", port: extra.port },
      caBundle: Buffer.from(extra.ca).toString("base64"),
    },
  });
  await until(async () => (await send(transport, "GET", "/apis/extra.example/v1/things")).status === 200);
  const { callback: onRequest, upgrade: onUpgrade } = opened.server;
  const http = await serveHttp(platform, { host: "127.0.0.1", port: 0 }, { onRequest, onUpgrade }, undefined);
  const path = "/apis/extra.example/v1/namespaces/default/things/one/exec";
  const client = connect(http.port, "127.0.0.1");
  client.write(
    `GET ${path} HTTP/1.1\r\nHost: here\r\nAuthorization: Bearer admin-token\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nX-Remote-User: evil\r\nX-Remote-Extra-Scopes: all\r\n\r\n`,
  );
  let heard = "";
  for await (const chunk of client) {
    heard += chunk;
    if (heard.endsWith("\r\n\r\n")) client.write("hello");
    if (heard.endsWith("hello")) break;
  }
  assert.match(heard, /^HTTP\/1\.1 101 /);
  const asked = extra.seen.find(({ url }) => url === path);
  assert.equal(asked?.user, "admin");
  assert.equal(asked?.authorization, undefined);
  await http.close();
  await opened.close();
  await extra.close();
});
