import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, suite, test } from "node:test";
import { createClient, undiciTransport } from "../../src/client/index.ts";
import { startCluster, type TestCluster, withoutEtcdctl } from "./cluster.ts";

suite("the unmodified etcdctl", { skip: withoutEtcdctl() }, () => {
  let cluster: TestCluster;
  before(async () => {
    cluster = await startCluster(["--members", "3", "--nodes", "2"]);
  });
  after(async () => {
    assert.equal(await cluster.stop(), 0);
  });

  /** Standard output of a call that must succeed. */
  const etcdctl = async (...args: string[]) => {
    const { status, stdout, stderr } = await cluster.etcdctl(args);
    assert.equal(status, 0, stderr);
    return stdout;
  };

  test("lists three members with their names and URLs", async () => {
    const fields = await etcdctl("member", "list", "--write-out=fields");
    assert.deepEqual(fields.match(/"Name" : "m\d"/g)?.sort(), [
      '"Name" : "m1"',
      '"Name" : "m2"',
      '"Name" : "m3"',
    ]);
    assert.equal(fields.match(/"ClientURL" : "https:\/\/127\.0\.0\.1:\d+"/g)?.length, 3);
    assert.match(fields, /"ClusterID" : \d+/);
  });

  test("sees one leader in the status of all endpoints", async () => {
    const table = await etcdctl("endpoint", "status", "--write-out=table", "--cluster");
    const rows = table.split("\n").filter((line) => line.includes("https://"));
    assert.equal(rows.length, 3);
    assert.equal(rows.filter((row) => row.split("|")[5]?.trim() === "true").length, 1, table);
  });

  test("reads the objects of the resource API as JSON under the historical keys", async () => {
    const applied = await cluster.raftsman(["apply", "-f", "manifests/docker-registry.yaml"]);
    assert.equal(applied.status, 0, applied.stderr);
    const keys = await etcdctl("get", "/", "--prefix", "--keys-only");
    assert.match(keys, /^\/kubernetes\.io\/services\/specs\/default\/docker-registry$/m);
    assert.match(keys, /^\/kubernetes\.io\/minions\/\S+$/m);
    const [, value = ""] = (
      await etcdctl("get", "/kubernetes.io/services/specs/default/docker-registry")
    ).split("\n");
    const service = JSON.parse(value);
    assert.equal(service.kind, "Service");
    assert.equal(service.spec.ports[0].port, 5000);
    assert.match(service.spec.clusterIP, /^10\.96\./);
  });

  test("puts, reads, counts and deletes", async () => {
    assert.equal(await etcdctl("put", "a/1", "one"), "OK\n");
    assert.equal(await etcdctl("put", "a/2", "two"), "OK\n");
    assert.equal(await etcdctl("get", "a/", "--prefix", "--print-value-only"), "one\ntwo\n");
    assert.equal(await etcdctl("del", "a/", "--prefix"), "2\n");
    assert.equal(await etcdctl("get", "a/", "--prefix"), "");
  });

  test("runs a transaction on its compares", async () => {
    await etcdctl("put", "txn", "before");
    const script = 'value("txn") = "before"\n\nput txn after\n\nput txn never\n\n';
    const { status, stdout } = await cluster.etcdctl(["txn"], script);
    assert.equal(status, 0);
    assert.match(stdout, /^SUCCESS/);
    assert.equal(await etcdctl("get", "txn", "--print-value-only"), "after\n");
  });

  test("grants a lease, keeps it alive and takes its keys with it", async () => {
    const id = /lease (\w+) granted with TTL\(60s\)/.exec(await etcdctl("lease", "grant", "60"))?.[1] ?? "";
    await etcdctl("put", "leased", "x", `--lease=${id}`);
    assert.match(await etcdctl("lease", "keep-alive", "--once", id), /keepalived with TTL\(60\)/);
    assert.match(await etcdctl("lease", "timetolive", id, "--keys"), /attached keys\(\[leased\]\)/);
    assert.match(await etcdctl("lease", "revoke", id), /revoked/);
    assert.equal(await etcdctl("get", "leased"), "");
  });

  test("watches from an old revision, in order", async () => {
    const [line = ""] = (await etcdctl("put", "w/0", "first", "--write-out=json")).split("\n");
    const { revision } = JSON.parse(line).header;
    for (let i = 1; i < 5; i++) await etcdctl("put", `w/${i}`, `${i}`);
    const watching = cluster.start("etcdctl", [
      ...cluster.etcdFlags,
      "watch",
      "w/",
      "--prefix",
      `--rev=${revision}`,
    ]);
    const values: string[] = [];
    let previous = "";
    for await (const line of watching.lines) {
      if (previous.startsWith("w/")) values.push(line);
      previous = line;
      if (values.length === 3) await etcdctl("put", "w/5", "live");
      if (values.length === 6) break;
    }
    watching.stop();
    assert.deepEqual(values, ["first", "1", "2", "3", "4", "live"]);
  });

  test("finds etcd's own metrics beside the API", async () => {
    const read = (name: string) => readFileSync(join(cluster.certs, name), "utf8");
    const tls = { ca: read("ca.crt"), cert: read("client.crt"), key: read("client.key") };
    const transport = undiciTransport({ server: cluster.etcdUrls[0] ?? "", ...tls });
    const { body, status } = await createClient({ transport, userAgent: "test" }).raw({
      method: "GET",
      path: "/metrics",
    });
    await transport.close();
    assert.equal(status, 200);
    assert.match(body, /^etcd_server_has_leader 1$/m);
    assert.match(body, /^# TYPE etcd_disk_wal_fsync_duration_seconds histogram$/m);
  });

  test("without a client certificate gets nothing", async () => {
    const { status } = await cluster.etcdctl(["--cert", "", "--key", "", "--command-timeout=2s", "get", "/"]);
    assert.notEqual(status, 0);
  });
});
