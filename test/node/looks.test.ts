import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import {
  createServer as createHttp2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createSecureServer } from "node:https";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { runHook } from "../../src/node/process/hooks.ts";
import { imageOf } from "../../src/node/process/images.ts";
import type { Probe } from "../../src/node/process/pod.ts";
import { check, type ProbeTarget } from "../../src/node/process/probes/check.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const machine = nodePlatform();
const open: { close(): unknown }[] = [];
const directory = mkdtempSync(join(tmpdir(), "raftsman-looks-"));
after(() => {
  for (const server of open) server.close();
  rmSync(directory, { recursive: true, force: true });
});

async function listening(server: Pick<Server, "listen" | "address" | "close" | "unref">): Promise<number> {
  open.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  server.unref();
  return (server.address() as AddressInfo).port;
}

const target: ProbeTarget = {
  container: { name: "c", ports: [{ name: "named", containerPort: 1 }] },
  podIp: "127.0.0.1",
  exec: async () => ({ exitCode: 0, output: "" }),
};
const look = (probe: Probe) => check(machine, probe, target);

/** grpc.health.v1.Health/Check: "" serves, "down" does not, all others are unknown. */
async function startHealth(): Promise<number> {
  const server = createHttp2Server();
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    let asked = Buffer.alloc(0);
    stream.on("data", (chunk: Buffer) => {
      asked = Buffer.concat([asked, chunk]);
    });
    stream.on("end", () => {
      assert.equal(headers[":path"], "/grpc.health.v1.Health/Check");
      // A message's head has five bytes; then field 1, its length, its text.
      const service = asked.toString("latin1", 7);
      const known = service === "" || service === "down";
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": known ? "0" : "5" }));
      if (known) stream.write(Buffer.from([0, 0, 0, 0, 2, 8, service === "" ? 1 : 2]));
      stream.end();
    });
  });
  return listening(server);
}

test("a grpc probe asks the health service, and tells what it said", async () => {
  const port = await startHealth();
  assert.deepEqual(await look({ grpc: { port } }), { succeeded: true, output: "" });
  assert.deepEqual(await look({ grpc: { port, service: "down" } }), {
    succeeded: false,
    output: 'service unhealthy (responded with "NOT_SERVING")',
  });
  assert.match((await look({ grpc: { port, service: "other" } })).output, /health rpc failed: code = 5/);
  const silent = await listening(createServer(() => {}));
  assert.match(
    (await look({ grpc: { port: silent }, timeoutSeconds: 0.2 })).output,
    /^timeout: failed to connect service "127\.0\.0\.1:\d+" within 0\.2s/,
  );
});

test("a tcpSocket probe is content with a connection, and a closed port is refused in the kubelet's words", async () => {
  const server = createServer((socket) => socket.end());
  const port = await listening(server);
  assert.equal((await look({ tcpSocket: { port } })).succeeded, true);
  await new Promise((resolve) => server.close(resolve));
  assert.deepEqual(await look({ tcpSocket: { port } }), {
    succeeded: false,
    output: `dial tcp 127.0.0.1:${port}: connect: connection refused`,
  });
  assert.match((await look({ tcpSocket: { port: "nosuch" } })).output, /couldn't find port: "nosuch"/);
});

test("an HTTPS probe takes any certificate, follows its status, and gives up when its time is up", async () => {
  const certificate = issueCertificate(
    createAuthority("unknown", machine),
    { commonName: "elsewhere", dnsNames: ["elsewhere"], usages: ["server"] },
    machine,
  );
  const asked: string[] = [];
  const server = createSecureServer(certificate, (request, response) => {
    asked.push(`${request.url} ${request.headers["user-agent"]} ${request.headers["x-mark"]}`);
    if (request.url === "/hangs") return;
    response.statusCode = request.url === "/bad" ? 500 : 204;
    response.end();
  });
  const port = await listening(server);
  const get = (path: string, rest: Partial<Probe> = {}) =>
    look({
      httpGet: { scheme: "HTTPS", port, path, httpHeaders: [{ name: "X-Mark", value: "1" }] },
      ...rest,
    });
  assert.equal((await get("/good")).succeeded, true);
  assert.equal((await get("/bad")).output, "HTTP probe failed with statuscode: 500");
  assert.match((await get("/hangs", { timeoutSeconds: 0.2 })).output, /context deadline exceeded/);
  assert.deepEqual(
    asked,
    ["/good", "/bad", "/hangs"].map((path) => `${path} kube-probe/1.35 1`),
  );
});

test("a hook that sleeps takes its time and no more than there is, and one that fails says so", async () => {
  await runHook(machine, { sleep: { seconds: 1000 } }, { target, timeoutMs: 1 });
  const failing = { ...target, exec: async () => ({ exitCode: 3, output: "why" }) };
  await assert.rejects(
    runHook(machine, { exec: { command: ["x"] } }, { target: failing, timeoutMs: 1000 }),
    /command ended with 3: why/,
  );
});

test("an image is a directory, or a tarball that is unpacked once for each version of it", async () => {
  const source = join(directory, "source");
  mkdirSync(source);
  writeFileSync(join(source, "file"), "one");
  assert.deepEqual(
    await imageOf({ name: "main", image: `dir:${source}` }, join(directory, "unused"), machine, undefined),
    { kind: "local", directory: source },
  );
  const tarball = join(directory, "app.tgz");
  const pack = (): unknown => execFileSync("tar", ["-czf", tarball, "-C", source, "."]);
  pack();
  const place = join(directory, "container", "image");
  assert.deepEqual(await imageOf({ name: "main", image: `dir:${tarball}` }, place, machine, undefined), {
    kind: "local",
    directory: place,
  });
  assert.equal(readFileSync(join(place, "file"), "utf8"), "one");
  // What the program wrote stays as long as the tarball does.
  writeFileSync(join(place, "written"), "");
  await imageOf({ name: "main", image: `file://${tarball}` }, place, machine, undefined);
  assert.equal(readFileSync(join(place, "written"), "utf8"), "");
  writeFileSync(join(source, "file"), "two");
  pack();
  await imageOf({ name: "main", image: `dir:${tarball}` }, place, machine, undefined);
  assert.equal(readFileSync(join(place, "file"), "utf8"), "two");
  writeFileSync(tarball, "no tarball");
  await assert.rejects(imageOf({ name: "main", image: `dir:${tarball}` }, place, machine, undefined), {
    reason: "ErrImagePull",
    message: /^failed to unpack/,
  });
  await assert.rejects(imageOf({ name: "main", image: "dir:relative" }, place, machine, undefined), {
    reason: "InvalidImageName",
  });
});
