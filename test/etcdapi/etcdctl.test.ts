import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { createEtcdApi } from "../../src/etcdapi/index.ts";
import { createHttpServer } from "../../src/h2/index.ts";
import { missing, runEtcdctl, startEtcdctl } from "./etcdctl.ts";
import { errorLog, platform } from "./serve.ts";
import { openStore } from "./store.ts";

interface Etcdctl {
  /** What it prints; rejects with what it says on standard error. */
  run(args: readonly string[], input?: string): Promise<string>;
  readonly flags: readonly string[];
}

/** etcdctl with certificates, against a fresh store that asks for them. */
async function open(t: TestContext): Promise<Etcdctl> {
  const authority = createAuthority("test", platform);
  const serving = issueCertificate(
    authority,
    { commonName: "etcd", ipAddresses: ["127.0.0.1"], usages: ["server"] },
    platform,
  );
  const client = issueCertificate(authority, { commonName: "root", usages: ["client"] }, platform);
  const directory = mkdtempSync(join(tmpdir(), "etcdctl-"));
  const file = (name: string, content: string): string => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const store = openStore(platform.clock);
  const api = createEtcdApi({
    ...store,
    clock: platform.clock,
    log: errorLog((error) => assert.fail(String(error))),
  });
  const server = createHttpServer({ clock: platform.clock, ...api });
  const listener = await platform.network.listen(
    {
      host: "127.0.0.1",
      port: 0,
      tls: { ...serving, ca: authority.cert, clientCertificate: "require", protocols: ["h2", "http/1.1"] },
    },
    (connection) => server.serve(connection),
  );
  t.after(async () => {
    api.close();
    await server.close({ graceMs: 100 });
    await listener.close();
    store.close();
    rmSync(directory, { recursive: true });
  });
  const flags = [
    `--endpoints=https://127.0.0.1:${listener.port}`,
    `--cacert=${file("ca.crt", authority.cert)}`,
    `--cert=${file("client.crt", client.cert)}`,
    `--key=${file("client.key", client.key)}`,
  ];
  return {
    flags,
    run: (args, input) => runEtcdctl([...flags, ...args], input),
  };
}

test("etcdctl puts, gets, deletes and compares", { skip: missing }, async (t) => {
  const { run } = await open(t);
  const path = "/kubernetes.io/services/specs/default/docker-registry";
  assert.equal(await run(["put", path, "one"]), "OK\n");
  assert.equal(await run(["get", path]), `${path}\none\n`);
  assert.equal(await run(["get", "/", "--prefix", "--keys-only"]), `${path}\n\n`);
  assert.match(await run(["get", path, "-w", "fields"]), /"ModRevision" : 2\n"Version" : 1\n"Value" : "one"/);
  const txn = `value("${path}") = "one"\n\nput ${path} two\nget ${path}\n\nget other\n\n`;
  assert.equal(await run(["txn"], txn), `SUCCESS\n\nOK\n\n${path}\ntwo\n`);
  assert.equal(await run(["get", path, "--rev=2", "--print-value-only"]), "one\n");
  assert.equal(await run(["del", path, "--prev-kv"]), `1\n${path}\ntwo\n`);
  assert.equal(await run(["compact", "4"]), "compacted revision 4\n");
  await assert.rejects(
    run(["get", path, "--rev=2"]),
    /etcdserver: mvcc: required revision has been compacted/,
  );
});

test("etcdctl lists members and shows the endpoint's status and health", { skip: missing }, async (t) => {
  const { run } = await open(t);
  const members = await run(["member", "list", "--write-out=fields"]);
  assert.match(
    members,
    /"ID" : 10276657743932975437\n"Name" : "default"\n"PeerURL" : "http:\/\/127\.0\.0\.1:2380"/,
  );
  const status = await run(["endpoint", "status", "--write-out=table"]);
  assert.match(status, /\| 8e9e05c52164694d \|\s+3\.6\.16 \|/);
  await run(["endpoint", "health"]);
  assert.match(await run(["endpoint", "hashkv"]), /^https:\/\/127\.0\.0\.1:\d+, \d+/);
  assert.equal(await run(["alarm", "list"]), "");
});

test("etcdctl grants, keeps alive, shows and revokes leases", { skip: missing }, async (t) => {
  const { run } = await open(t);
  const [, id = ""] =
    /^lease ([0-9a-f]+) granted with TTL\(60s\)/.exec(await run(["lease", "grant", "60"])) ?? [];
  await run(["put", "--lease", id, "k", "v"]);
  assert.equal(await run(["lease", "keep-alive", "--once", id]), `lease ${id} keepalived with TTL(60)\n`);
  assert.match(
    await run(["lease", "timetolive", id, "--keys"]),
    /granted with TTL\(60s\).*attached keys\(\[k\]\)/,
  );
  assert.equal(await run(["lease", "list"]), `found 1 leases\n${id}\n`);
  assert.equal(await run(["lease", "revoke", id]), `lease ${id} revoked\n`);
  assert.equal(await run(["get", "k"]), "");
});

test("etcdctl watches a prefix from a past revision and live", { skip: missing }, async (t) => {
  const { run, flags } = await open(t);
  await run(["put", "w/1", "past"]);
  const watch = startEtcdctl([...flags, "watch", "--prefix", "w/", "--rev=1"]);
  t.after(() => watch.kill());
  const lines = createInterface({ input: watch.stdout })[Symbol.asyncIterator]();
  const next = async (count: number): Promise<unknown[]> => {
    const taken: unknown[] = [];
    while (taken.length < count) taken.push((await lines.next()).value);
    return taken;
  };
  assert.deepEqual(await next(3), ["PUT", "w/1", "past"]);
  await run(["put", "w/2", "live"]);
  await run(["del", "w/1"]);
  assert.deepEqual(await next(6), ["PUT", "w/2", "live", "DELETE", "w/1", ""]);
  watch.kill();
  await once(watch, "close");
});

test("etcdctl without a certificate is refused in the handshake", { skip: missing }, async (t) => {
  const { flags } = await open(t);
  const child = startEtcdctl([...flags.slice(0, 2), "--command-timeout=2s", "get", "k"]);
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (piece: string) => {
    said += piece;
  });
  const [status] = await once(child, "close");
  assert.notEqual(status, 0);
  assert.doesNotMatch(
    said,
    /unknown authority|connection refused/,
    "the server itself is reachable and trusted",
  );
});
