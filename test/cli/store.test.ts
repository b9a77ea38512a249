import assert from "node:assert/strict";
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import * as http from "node:http";
import * as https from "node:https";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { noLease, utf8 } from "../../src/base/index.ts";
import { createEtcdClient } from "../../src/etcdclient/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { missing, runEtcdctl } from "../etcdapi/etcdctl.ts";
import { quietLog } from "../replica/cluster.ts";

const platform = nodePlatform();
const etcd = join(import.meta.dirname, "../../bin/etcd");

function temporary(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-store-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly error?: string;
}

/** A running bin/etcd; `said` resolves with the first line of its log that is so. */
function start(
  t: TestContext,
  args: readonly string[],
  env: Record<string, string> = {},
): { child: ChildProcess; said(words: string | RegExp): Promise<Line> } {
  const child = spawn(etcd, args, { env: { ...process.env, ...env }, stdio: ["ignore", "ignore", "pipe"] });
  t.after(() => child.kill("SIGKILL"));
  const lines: Line[] = [];
  const waiting = new Set<() => void>();
  createInterface({ input: child.stderr as NodeJS.ReadableStream }).on("line", (line) => {
    lines.push(JSON.parse(line) as Line);
    for (const look of waiting) look();
  });
  return {
    child,
    said: (words) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const line = lines.find(({ msg }) =>
            words instanceof RegExp ? words.test(msg) : msg.includes(words),
          );
          if (line === undefined) return;
          waiting.delete(look);
          resolve(line);
        };
        waiting.add(look);
        child.once("close", () =>
          reject(new Error(lines.map(({ msg, error }) => `${msg} ${error}`).join("\n"))),
        );
        look();
      }),
  };
}

test("bin/etcd says its version as etcd does, and refuses what etcd would", () => {
  const { stdout } = spawnSync(etcd, ["--version"], { encoding: "utf8" });
  assert.match(stdout, /^etcd Version: 3\.\d+\.\d+\nGit SHA: /);
  const wrong = spawnSync(etcd, ["--no-such-flag"], { encoding: "utf8" });
  assert.equal(wrong.status, 2);
  assert.match(wrong.stderr, /^flag provided but not defined: -no-such-flag\n/);
  const unsafe = spawnSync(etcd, ["--discovery=x"], { encoding: "utf8" });
  assert.equal(unsafe.status, 1);
  assert.match(unsafe.stderr, /--discovery=x asks for something that this store does not do/);
  const proxy = spawnSync(etcd, ["grpc-proxy", "start"], { encoding: "utf8" });
  assert.equal(proxy.status, 1);
  assert.match(proxy.stderr, /there is no gRPC proxy here/);
});

test("bin/etcd starts with etcd's flags and environment, serves all its listeners, and ends with SIGTERM", async (t) => {
  const directory = temporary(t);
  const [client = 0, http = 0, metrics = 0, peer = 0] = await freePorts(4);
  const url = (port: number) => `http://127.0.0.1:${port}`;
  const { child, said } = start(
    t,
    [
      "--name=s1",
      `--data-dir=${directory}/s1.etcd`,
      `--listen-client-urls=${url(client)}`,
      `--advertise-client-urls=${url(client)}`,
      `--listen-client-http-urls=${url(http)}`,
      `--listen-peer-urls=${url(peer)}`,
      `--initial-advertise-peer-urls=${url(peer)}`,
      `--initial-cluster=s1=${url(peer)}`,
    ],
    { ETCD_LISTEN_METRICS_URLS: url(metrics) },
  );
  await said("ready to serve client requests");
  await said("serving client traffic insecurely; this is strongly discouraged!");
  const get = async (port: number, path: string) => (await fetch(`${url(port)}${path}`)).status;
  assert.equal(await get(http, "/version"), 200);
  assert.equal(await get(http, "/health"), 200);
  assert.equal(await get(client, "/version"), 404, "HTTP has a port of its own");
  assert.equal(await get(metrics, "/metrics"), 200);
  assert.equal(await get(metrics, "/version"), 404);
  const members = await fetch(`${url(http)}/v3/cluster/member/list`, { method: "POST", body: "{}" });
  const {
    members: [member],
  } = (await members.json()) as { members: { name: string; clientURLs: string[] }[] };
  assert.deepEqual([member?.name, member?.clientURLs], ["s1", [url(client)]]);
  child.kill("SIGTERM");
  const [status] = await once(child, "close");
  assert.equal(status, 0);
});

test("a configuration file starts a member, TLS of its own making included", async (t) => {
  const directory = temporary(t);
  const [client = 0, peer = 0] = await freePorts(2);
  const file = join(directory, "etcd.conf.yml");
  writeFileSync(
    file,
    [
      "name: s2",
      `data-dir: ${directory}/s2.etcd`,
      `listen-client-urls: https://127.0.0.1:${client}`,
      `advertise-client-urls: https://127.0.0.1:${client}`,
      `listen-peer-urls: https://127.0.0.1:${peer}`,
      `initial-advertise-peer-urls: https://127.0.0.1:${peer}`,
      `initial-cluster: s2=https://127.0.0.1:${peer}`,
      "client-transport-security:",
      "  auto-tls: true",
      "peer-transport-security:",
      "  auto-tls: true",
      // As etcd's own example has it.
      "cipher-suites: [",
      "  TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,",
      "  TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
      "]",
    ].join("\n"),
  );
  const { said } = start(t, ["--config-file", file]);
  assert.equal((await said("serving client traffic securely")).level, "info");
});

test("one port serves clients with TLS and without where URLs of both kinds name it", async (t) => {
  const directory = temporary(t);
  const [client = 0, peer = 0] = await freePorts(2);
  const urls = ["http", "https"].map((scheme) => `${scheme}://127.0.0.1:${client}`);
  const { child, said } = start(t, [
    "--name=s3",
    `--data-dir=${directory}/s3.etcd`,
    `--listen-client-urls=${[...urls, ...urls].join(",")}`,
    `--advertise-client-urls=${urls.join(",")}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-cluster=s3=http://127.0.0.1:${peer}`,
    "--auto-tls",
  ]);
  await said("serving client traffic insecurely; this is strongly discouraged!");
  await said("serving client traffic securely");
  // Neither says anything: neither is in the others' way, nor in the way of the end.
  const silent = [1, 2].map(() => connect(client, "127.0.0.1").on("error", () => {}));
  await Promise.all(silent.map((socket) => once(socket, "connect")));
  for (const [i, url] of urls.entries()) {
    assert.match(await get(url, { rejectUnauthorized: false }), /^\{"health":"true"/);
    const endpoints = [url];
    const etcdClient = createEtcdClient({ platform, endpoints, log: quietLog, tls: { unverified: true } });
    t.after(() => etcdClient.close());
    const put = { type: "put", key: utf8(`k${i}`), value: utf8("v"), lease: noLease } as const;
    await etcdClient.txn({ compare: [], success: [put], failure: [] });
    assert.equal((await etcdClient.range({ key: utf8(`k${i}`) })).kvs.length, 1);
    if (missing) t.diagnostic(missing);
    else {
      // Before 3.5 the URL alone does not say that there is to be TLS.
      const secure = ["--insecure-transport=false", "--insecure-skip-tls-verify"];
      const flags = [`--endpoints=${url}`, ...(url.startsWith("https:") ? secure : [])];
      assert.equal(await runEtcdctl([...flags, "get", `k${i}`]), `k${i}\nv\n`);
    }
    etcdClient.close();
  }
  child.kill("SIGTERM");
  assert.equal((await once(child, "close"))[0], 0);
});

/** What `/health` says over HTTP/1.1. */
async function get(url: string, tls: object): Promise<string> {
  const { request } = url.startsWith("https:") ? https : http;
  const [response] = await once(request(`${url}/health`, { ...tls, agent: false }).end(), "response");
  return String(Buffer.concat(await response.toArray()));
}

test("gRPC's address and that of HTTP alone may not be the same", () => {
  const url = "http://127.0.0.1:1";
  const { status, stderr } = spawnSync(
    etcd,
    [`--listen-client-urls=${url}`, `--advertise-client-urls=${url}`, `--listen-client-http-urls=${url}`],
    { encoding: "utf8", cwd: tmpdir() },
  );
  assert.equal(status, 1);
  assert.match(
    stderr,
    /cannot bind both --listen-client-urls and --listen-client-http-urls on the same url http:\/\/127\.0\.0\.1:1"/,
  );
});

test("a member that waits for its discovery service ends when it is told to", async (t) => {
  const [nobody = 0, client = 0, peer = 0] = await freePorts(3);
  const { child, said } = start(t, [
    `--data-dir=${temporary(t)}/d`,
    `--listen-client-urls=http://127.0.0.1:${client}`,
    `--advertise-client-urls=http://127.0.0.1:${client}`,
    `--listen-peer-urls=http://127.0.0.1:${peer}`,
    `--initial-advertise-peer-urls=http://127.0.0.1:${peer}`,
    "--discovery-token=t",
    `--discovery-endpoints=http://127.0.0.1:${nobody}`,
  ]);
  await said("Bootstrapping cluster using v3 discovery.");
  child.kill("SIGTERM");
  const [status] = await once(child, "close");
  assert.equal(status, 0);
});

test("the gateway joins connections to the next member that accepts one, and tries again one that did not", async (t) => {
  const [listen = 0, first = 0, second = 0] = await freePorts(3);
  const serve = (port: number, name: string) =>
    createServer((socket) => socket.on("error", () => {}).end(name)).listen(port, "127.0.0.1");
  let server = serve(second, "second");
  t.after(() => server.close());
  const { child, said } = start(t, [
    "gateway",
    `--endpoints=http://127.0.0.1:${first},127.0.0.1:${second}`,
    "start",
    "--retry-delay=100ms",
    `--listen-addr=127.0.0.1:${listen}`,
  ]);
  await said("ready to proxy client requests");
  const answer = async () => String(await connect(listen, "127.0.0.1").toArray());
  assert.deepEqual([await answer(), await answer()], ["second", "second"]);
  await said("deactivated endpoint");
  server.close();
  await once(server, "close");
  server = serve(first, "first");
  await said(/^activated$/);
  assert.equal(await answer(), "first");
  child.kill("SIGTERM");
  const [status] = await once(child, "close");
  assert.equal(status, 0);
});
