import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { createAuthority, createTokenKey, issueCertificate } from "../../src/auth/index.ts";
import { parseArguments } from "../../src/cli/apiserver/arguments.ts";
import { certificatesOf } from "../../src/cli/apiserver/certificates.ts";
import { createClient, undiciTransport } from "../../src/client/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";

const bin = (name: string): string => join(import.meta.dirname, "../../bin", name);
const pods = { group: "", version: "v1", resource: "pods", namespace: "default" };

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function start(t: TestContext, name: string, args: readonly string[]): ChildProcess {
  const child = spawn(bin(name), args, { stdio: ["ignore", "ignore", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  return child;
}

/** As envtest waits: whatever the certificate is. */
async function healthy(url: string): Promise<void> {
  for (;;) {
    const status = await new Promise<number>((resolve) => {
      request(url, { rejectUnauthorized: false }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      })
        .on("error", () => resolve(0))
        .end();
    });
    if (status === 200) return;
    await pause(50);
  }
}

test("bin/kube-apiserver says its version, and refuses a command line as kube-apiserver does", () => {
  const run = (...args: string[]) => spawnSync(bin("kube-apiserver"), args, { encoding: "utf8" });
  assert.match(run("--version").stdout, /^Kubernetes v1\.35\.\d+/);
  const wrong = run("--bogus");
  assert.deepEqual([wrong.status, wrong.stderr], [1, "Error: unknown flag: --bogus\n"]);
  const empty = run();
  assert.equal(empty.status, 1);
  assert.match(
    empty.stderr,
    /\[--etcd-servers must be specified, service-account-issuer is a required flag, /,
  );
});

test("clients and front proxies of one authority are told apart by names, or not at all", async (t) => {
  const platform = nodePlatform();
  const directory = mkdtempSync(join(tmpdir(), "raftsman-authorities-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const shared = createAuthority("shared", platform).cert;
  const own = createAuthority("own", platform).cert;
  const certificates = (proxies: string, ...flags: string[]) =>
    certificatesOf(
      parseArguments([
        `--cert-dir=${directory}`,
        `--client-ca-file=${file("clients.crt", shared)}`,
        `--requestheader-client-ca-file=${file("proxies.crt", proxies)}`,
        "--etcd-servers=http://127.0.0.1:1",
        "--service-account-issuer=https://here",
        "--service-account-key-file=sa.pub",
        "--service-account-signing-key-file=sa.key",
        ...flags,
      ]),
      platform,
      { serviceAddress: "10.0.0.1" },
    );
  await assert.rejects(
    certificates(`${own}\n${shared}`),
    /contain overlapping certificates; --requestheader-/,
  );
  const named = await certificates(shared, "--requestheader-allowed-names=front-proxy-client");
  assert.deepEqual(named.requestHeader?.allowedNames, ["front-proxy-client"]);
  assert.equal((await certificates(own)).requestHeader?.ca, own);
});

test("bin/etcd and bin/kube-apiserver start as envtest starts them, and serve without controllers", async (t) => {
  const platform = nodePlatform();
  const directory = mkdtempSync(join(tmpdir(), "raftsman-envtest-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const [client = 0, peer = 0, port = 0] = await freePorts(3);
  const etcdUrl = `http://127.0.0.1:${client}`;
  const peerUrl = `http://127.0.0.1:${peer}`;
  start(t, "etcd", [
    `--data-dir=${directory}/etcd`,
    ...["listen-client-urls", "advertise-client-urls"].map((flag) => `--${flag}=${etcdUrl}`),
    ...["listen-peer-urls", "initial-advertise-peer-urls"].map((flag) => `--${flag}=${peerUrl}`),
    `--initial-cluster=default=${peerUrl}`,
    "--unsafe-no-fsync=true",
    "--log-level=error",
  ]);
  const authority = createAuthority("users", platform);
  const { privateKey, publicKey } = createTokenKey();
  const issuer = `https://127.0.0.1:${port}/`;
  const server = start(t, "kube-apiserver", [
    "--allow-privileged=true",
    "--authorization-mode=RBAC",
    "--bind-address=127.0.0.1",
    `--cert-dir=${directory}`,
    `--client-ca-file=${file("client-cert-auth-ca.crt", authority.cert)}`,
    "--disable-admission-plugins=ServiceAccount",
    "--runtime-config=api/all=true",
    `--etcd-servers=${etcdUrl}`,
    `--secure-port=${port}`,
    `--service-account-issuer=${issuer}`,
    `--service-account-key-file=${file("sa-signer.crt", publicKey)}`,
    `--service-account-signing-key-file=${file("sa-signer.key", privateKey)}`,
    "--service-cluster-ip-range=10.0.0.0/24",
  ]);
  await healthy(`https://127.0.0.1:${port}/healthz`);

  const userClient = (commonName: string, organizations: string[]) => {
    const leaf = issueCertificate(authority, { commonName, organizations, usages: ["client"] }, platform);
    const transport = undiciTransport({
      server: `https://127.0.0.1:${port}`,
      ca: readFileSync(join(directory, "apiserver.crt"), "utf8"),
      cert: leaf.cert,
      key: leaf.key,
    });
    t.after(() => transport.close());
    return createClient({ transport, userAgent: "envtest" });
  };
  const admin = userClient("admin", ["system:masters"]);
  const spec = { containers: [{ name: "c", image: "i" }] };
  // No controller has made the ServiceAccount "default", and nobody asks for it.
  const pod = await admin.create(pods, { metadata: { name: "p" }, spec });
  assert.equal((pod as KubeObject)["spec"].serviceAccountName, undefined);
  const services = await admin.list({ group: "", version: "v1", resource: "services" }, {});
  assert.deepEqual(
    services.items.map(({ spec: { clusterIP } }) => clusterIP),
    ["10.0.0.1"],
  );
  // What aggregated servers, and the cleaner of tokens in a real kube-controller-manager, wait for.
  await healthy(`https://127.0.0.1:${port}/readyz`);
  const known = await admin.list({ group: "", version: "v1", resource: "configmaps" }, {});
  assert.deepEqual(known.items.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`).sort(), [
    "kube-system/extension-apiserver-authentication",
    "kube-system/kube-apiserver-legacy-service-account-token-tracking",
  ]);
  await assert.rejects(
    userClient("alice", ["dev"]).list(pods, {}),
    /User "alice" cannot list resource "pods"/,
  );

  server.kill("SIGTERM");
  const [status] = await once(server, "exit");
  assert.equal(status, 0);
});
