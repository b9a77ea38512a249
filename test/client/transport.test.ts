import assert from "node:assert/strict";
import { once } from "node:events";
import http2, { type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import { StatusError } from "../../src/apimachinery/index.ts";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import {
  createClient,
  formatKubeconfig,
  KubeconfigError,
  parseKubeconfig,
  resolveContext,
  singleContextKubeconfig,
  type UndiciTransportOptions,
  undiciTransport,
} from "../../src/client/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { MemoryDisk } from "../platform/memory-disk.ts";
import { settle } from "./world.ts";

const platform = nodePlatform();
const authority = createAuthority("ca", platform);
const serverPair = issueCertificate(
  authority,
  { commonName: "server", usages: ["server"], ipAddresses: ["127.0.0.1"] },
  platform,
);
const clientPair = issueCertificate(authority, { commonName: "me", usages: ["client"] }, platform);

type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

async function serve(
  t: TestContext,
  handler: Handler,
): Promise<{ options: UndiciTransportOptions; sessions: () => number }> {
  let sessions = 0;
  const server = http2.createSecureServer(
    { ...serverPair, ca: authority.cert, requestCert: true, rejectUnauthorized: false, allowHTTP1: true },
    handler,
  );
  server.on("session", () => sessions++);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo;
  return {
    options: { server: `https://127.0.0.1:${port}`, ca: authority.cert, ...clientPair },
    sessions: () => sessions,
  };
}

test("requests, bodies and a watch share one HTTP/2 connection", async (t) => {
  let push: (line: object) => void = () => {};
  const { options, sessions } = await serve(t, (request, response) => {
    if (request.url.includes("watch=true")) {
      response.writeHead(200);
      push = (line) => response.write(`${JSON.stringify(line)}\n`);
      push({ type: "ADDED", object: { metadata: { name: "a" } } });
      return;
    }
    const body: Buffer[] = [];
    request.on("data", (chunk: Buffer) => body.push(chunk));
    request.on("end", () => {
      const sent = body.length === 0 ? {} : JSON.parse(Buffer.concat(body).toString());
      response.end(JSON.stringify({ ...sent, url: request.url, version: request.httpVersion }));
    });
  });
  const transport = undiciTransport(options);
  t.after(() => transport.close());
  const client = createClient({ transport, userAgent: "test/1" });
  const scope = { group: "", version: "v1", resource: "configmaps", namespace: "default" };
  await client.get(scope, "first");
  const stopping = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { object } of client.watch(scope, { signal: stopping.signal })) {
      seen.push(object.metadata.name as string);
    }
  })();
  const answers = await Promise.all(
    Array.from(
      { length: 20 },
      (_, i) => client.create(scope, { metadata: { name: `n${i}` } }) as Promise<object>,
    ),
  );
  assert.deepEqual((answers[7] as { metadata: object; version: string }).metadata, { name: "n7" });
  assert.equal((answers[7] as { version: string }).version, "2.0");
  while (seen.length === 0) await settle(1);
  push({ type: "ADDED", object: { metadata: { name: "b" } } });
  while (seen.length === 1) await settle(1);
  stopping.abort();
  await watching;
  assert.deepEqual(seen, ["a", "b"]);
  assert.equal(sessions(), 1);
});

test("the server sees the client's certificate, the token and the user agent", async (t) => {
  const { options } = await serve(t, (request, response) => {
    const { subject } = (
      request.socket as unknown as { getPeerCertificate(): { subject: { CN: string } } }
    ).getPeerCertificate();
    response.end(JSON.stringify({ name: subject.CN, ...request.headers }));
  });
  const transport = undiciTransport({ ...options, token: "secret" });
  t.after(() => transport.close());
  const client = createClient({ transport, userAgent: "test/1" });
  const seen = JSON.parse((await client.raw({ method: "GET", path: "/whoami" })).body);
  assert.deepEqual([seen.name, seen.authorization, seen["user-agent"]], ["me", "Bearer secret", "test/1"]);
});

test("a failure is the server's Status; one that is none is described", async (t) => {
  const { options } = await serve(t, (request, response) => {
    const missing = request.url.endsWith("missing");
    response.writeHead(missing ? 404 : 502);
    response.end(
      missing
        ? JSON.stringify({
            kind: "Status",
            code: 404,
            reason: "NotFound",
            message: 'pods "missing" not found',
          })
        : "bad gateway",
    );
  });
  const transport = undiciTransport(options);
  t.after(() => transport.close());
  const client = createClient({ transport, userAgent: "test" });
  const scope = { group: "", version: "v1", resource: "pods", namespace: "default" };
  const failureOf = (name: string) =>
    client.get(scope, name).then(
      () => assert.fail("it answered"),
      (error: StatusError) => error,
    );
  const missing = await failureOf("missing");
  assert.ok(missing instanceof StatusError);
  assert.deepEqual(
    [missing.code, missing.reason, missing.message],
    [404, "NotFound", 'pods "missing" not found'],
  );
  const broken = await failureOf("x");
  assert.deepEqual([broken.code, broken.message], [502, "the server answered GET with 502: bad gateway"]);
});

test("a server whose certificate another authority signed is not talked to", async (t) => {
  let asked = 0;
  const { options } = await serve(t, (_, response) => {
    asked++;
    response.end("{}");
  });
  const other = createAuthority("other", platform);
  const transport = undiciTransport({ ...options, ca: other.cert });
  t.after(() => transport.close());
  await assert.rejects(
    createClient({ transport, userAgent: "test" }).raw({ method: "GET", path: "/" }),
    /certificate/,
  );
  assert.equal(asked, 0);
});

test("a watch line is read whole however it is cut, and one without an end is refused", async (t) => {
  const line = `${JSON.stringify({ type: "ADDED", object: { metadata: { name: "ä".repeat(1_000) } } })}\n`;
  const { options } = await serve(t, (request, response) => {
    response.writeHead(200);
    if (request.url.includes("endless")) {
      const chunk = "x".repeat(1_048_576);
      const more = (): void => {
        while (response.write(chunk));
        response.once("drain", more);
      };
      more();
      return;
    }
    const bytes = Buffer.from(line.repeat(3));
    for (let i = 0; i < bytes.length; i += 7) response.write(bytes.subarray(i, i + 7));
    response.end();
  });
  const transport = undiciTransport(options);
  t.after(() => transport.close());
  const client = createClient({ transport, userAgent: "test" });
  const names = async (resource: string): Promise<string[]> => {
    const found: string[] = [];
    const { signal } = new AbortController();
    for await (const { object } of client.watch({ group: "", version: "v1", resource }, { signal })) {
      found.push(object.metadata.name as string);
    }
    return found;
  };
  assert.deepEqual(
    await names("cut"),
    Array.from({ length: 3 }, () => "ä".repeat(1_000)),
  );
  await assert.rejects(names("endless"), /longer than 16777216 bytes/);
});

test("a kubeconfig that was written is read back as the same way to the server", async () => {
  const config = singleContextKubeconfig({
    name: "raftsman",
    server: "https://127.0.0.1:6443",
    ca: authority.cert,
    user: "admin",
    ...clientPair,
    namespace: "apps",
  });
  const read = parseKubeconfig(formatKubeconfig(config));
  assert.deepEqual(await resolveContext(read, { disk: new MemoryDisk(), directory: "/" }), {
    namespace: "apps",
    server: "https://127.0.0.1:6443",
    ca: authority.cert,
    cert: clientPair.cert,
    key: clientPair.key,
  });
});

test("files that a kubeconfig names are looked for beside it, and what cannot be used is said", async () => {
  const disk = new MemoryDisk();
  await disk.makeDirectory("/home/me");
  await disk.replaceFile("/home/me/ca.pem", new TextEncoder().encode("CA"));
  const text = `
apiVersion: v1
kind: Config
current-context: here
clusters: [{name: c, cluster: {server: "https://x", certificate-authority: ca.pem}}]
contexts: [{name: here, context: {cluster: c, user: u}}, {name: lost, context: {cluster: gone, user: u}}, {name: plug, context: {cluster: c, user: p}}]
users: [{name: u, user: {token: t}}, {name: p, user: {exec: {command: get-token}}}]
`;
  const config = parseKubeconfig(text);
  const where = { disk, directory: "/home/me" };
  assert.deepEqual(await resolveContext(config, where), {
    namespace: "default",
    server: "https://x",
    ca: "CA",
    token: "t",
  });
  await assert.rejects(
    resolveContext(config, { ...where, context: "nobody" }),
    /context "nobody" does not exist/,
  );
  await assert.rejects(
    resolveContext(config, { ...where, context: "lost" }),
    /cluster "gone" does not exist/,
  );
  await assert.rejects(resolveContext(config, { ...where, context: "plug" }), /plug-in/);
  await assert.rejects(resolveContext(config, { disk, directory: "/tmp" }), /cannot read \/tmp\/ca\.pem/);
  assert.throws(() => parseKubeconfig("clusters: 7"), KubeconfigError);
  assert.throws(() => parseKubeconfig("users: [{user: {}}]"), /users\[0\] must have a name/);
});
