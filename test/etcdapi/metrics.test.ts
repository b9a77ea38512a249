import assert from "node:assert/strict";
import { test } from "node:test";
import { noLease } from "../../src/base/index.ts";
import { serveMembers } from "./members.ts";

test("what was done can be counted at /metrics, under etcd's names", async (t) => {
  const { cluster, ports } = await serveMembers(t, 1);
  const url = `http://127.0.0.1:${ports[0]}`;
  const post = (path: string, body: unknown) =>
    fetch(`${url}/v3/${path}`, { method: "POST", body: JSON.stringify(body) });
  const base64 = (text: string) => Buffer.from(text).toString("base64");
  const put = { key: base64("key"), value: base64("value") };
  await post("kv/put", put);
  await post("kv/txn", { success: [{ requestPut: put }, { requestDeleteRange: { key: base64("other") } }] });
  await post("kv/range", { key: put.key });
  await post("lease/grant", { ID: "7", TTL: "100" });
  await post("lease/keepalive", { ID: "7" });
  await post("lease/revoke", { ID: "7" });
  await post("kv/compaction", { revision: "3", physical: true });
  await post("maintenance/defragment", {});
  await (await post("maintenance/snapshot", {})).arrayBuffer();
  await fetch(`${url}/health`);
  await fetch(`${url}/readyz`);
  const text = await (await fetch(`${url}/metrics`)).text();
  const values = new Map(
    text
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split(/ (?=[^ ]*$)/) as [string, string]),
  );
  const member = cluster.replicas[0]?.memberId.toString(16);
  const expected: Readonly<Record<string, string>> = {
    etcd_mvcc_put_total: "2",
    etcd_mvcc_delete_total: "1",
    etcd_mvcc_txn_total: "1",
    etcd_debugging_mvcc_total_put_size_in_bytes: "16",
    etcd_debugging_mvcc_current_revision: "3",
    etcd_debugging_mvcc_compact_revision: "3",
    etcd_debugging_mvcc_db_compaction_keys_total: "1",
    etcd_debugging_lease_granted_total: "1",
    etcd_debugging_lease_renewed_total: "1",
    etcd_debugging_lease_revoked_total: "1",
    etcd_debugging_lease_ttl_total_sum: "100",
    etcd_server_has_leader: "1",
    etcd_server_health_success: "1",
    [`etcd_server_id{server_id="${member}"}`]: "1",
    [`etcd_network_known_peers{Local="${member}",Remote="${member}"}`]: "1",
    'etcd_server_healthcheck{name="linearizable_read",type="readyz"}': "1",
    'etcd_server_client_requests_total{client_api_version="unknown",type="stream"}': "2",
    'grpc_server_started_total{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}': "0",
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(values.get(name), value, name);
  assert(Number(values.get("etcd_disk_wal_fsync_duration_seconds_count")) > 0);
  assert(Number(values.get("etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count")) > 0);
  assert(Number(values.get("etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds_count")) > 0);
  assert.equal(values.get("etcd_disk_backend_defrag_duration_seconds_count"), "1");
  assert.equal(values.get("etcd_disk_backend_snapshot_duration_seconds_count"), "1");
  assert(Number(values.get("etcd_disk_wal_write_bytes_total")) > 0);
  const applied = (op: string, success = true) =>
    Number(
      values.get(`etcd_server_apply_duration_seconds_count{op="${op}",success="${success}",version="v3"}`) ??
        0,
    );
  // Of a single put and a transaction, the others once each.
  const operations = ["Put", "Txn", "LeaseGrant", "LeaseRevoke", "Compaction"];
  assert.deepEqual(
    operations.map((op) => applied(op)),
    [1, 1, 1, 1, 1],
  );
  assert.equal(applied("Put", false), 0);
  assert.equal(
    values.get('etcd_debugging_lease_ttl_total_bucket{le="1.048576e+06"}'),
    "1",
    "as Go writes it",
  );
  // Series begin at zero, so that the first failure is a rise.
  const ofPuts = 'grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"';
  assert.equal(values.get(`grpc_server_handled_total{grpc_code="Unavailable",${ofPuts}}`), "0");
});

test("pages of other origins may call only where that is allowed, and health is asked by GET alone", async (t) => {
  const { ports } = await serveMembers(t, 1);
  const url = `http://127.0.0.1:${ports[0]}`;
  const version = await fetch(`${url}/version`);
  assert.equal(version.headers.get("access-control-allow-origin"), null);
  const posted = await fetch(`${url}/health`, { method: "POST" });
  assert.deepEqual([posted.status, posted.headers.get("allow")], [405, "GET"]);
});

test("how long a member takes to answer, and that it was lost, is told by those that speak with it", async (t) => {
  const { cluster } = await serveMembers(t, 3);
  const shown = (index: number, name: string) => {
    const text = cluster.metrics[index]?.expose() ?? "";
    return [...text.matchAll(new RegExp(`^${name}\\{.*\\} (\\S+)$`, "gm"))].map(([, value]) => Number(value));
  };
  await until(() => shown(0, "etcd_network_peer_round_trip_time_seconds_count").length === 2);
  assert.deepEqual(shown(0, "etcd_network_disconnected_peers_total"), []);
  await cluster.replicas[2]?.close();
  await until(() => shown(0, "etcd_network_disconnected_peers_total").join() === "1");
  await until(() => shown(1, "etcd_network_disconnected_peers_total").join() === "1");
});

test("bytes between members are counted on both sides", async (t) => {
  const { cluster } = await serveMembers(t, 3);
  const leader = cluster.replicas[await cluster.leader()];
  assert(leader);
  await leader.txn({
    compare: [],
    success: [{ type: "put", key: Buffer.from("key"), value: Buffer.alloc(10_000), lease: noLease }],
    failure: [],
  });
  const totalOf = (name: string) =>
    cluster.metrics.map((metrics) =>
      [...metrics.expose().matchAll(new RegExp(`^${name}\\{.*\\} (\\d+)$`, "gm"))].map(([, bytes]) =>
        Number(bytes),
      ),
    );
  const sent = totalOf("etcd_network_peer_sent_bytes_total");
  const received = totalOf("etcd_network_peer_received_bytes_total");
  const leads = cluster.replicas.indexOf(leader);
  // Whether followers had anything to tell each other is chance.
  assert.equal(sent[leads]?.length, 2);
  assert(
    (sent[leads] ?? []).some((bytes) => bytes > 10_000),
    "the entry went to a quorum",
  );
  assert(
    (received[leads] ?? []).some((bytes) => bytes > 0),
    "which answered",
  );
});

/** It will, or the test's own time-out tells. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 20));
}
