import assert from "node:assert/strict";
import { connect as connectSocket } from "node:net";
import { test } from "node:test";
import { createAuthority, issueCertificate } from "../../src/auth/index.ts";
import { fromUtf8, noLease, seededPrng, utf8 } from "../../src/base/index.ts";
import { type Kv, KvError } from "../../src/kv/index.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openReplica, type ReplicaConfig } from "../../src/replica/index.ts";
import { createLog } from "../../src/telemetry/index.ts";
import { put, txn } from "../kv/contract.ts";
import { freePorts, quietLog, replicaConfigs, startReplicas } from "./cluster.ts";
import { Machine } from "./machine.ts";

async function text(kv: Kv, key: string): Promise<string | undefined> {
  const { kvs } = await kv.range({ key: utf8(key) });
  return kvs[0] && fromUtf8(kvs[0].value);
}

async function alone(options: Partial<ReplicaConfig> = {}) {
  const [config] = replicaConfigs(await freePorts(1), "/data", options);
  assert(config);
  return config;
}

test("members and clusters have the ids that etcd would give them", async () => {
  const config = await alone({
    name: "default",
    initialMembers: [{ name: "default", peerUrls: ["http://localhost:2380"] }],
    clusterToken: "etcd-cluster",
  });
  const machine = new Machine();
  const replica = await openReplica({ platform: machine.platform, config, log: quietLog });
  assert.equal(replica.memberId.toString(16), "8e9e05c52164694d");
  assert.equal(replica.clusterId.toString(16), "cdf818194e3a8c32");
  await replica.publish({ name: "default", clientUrls: ["http://localhost:2379"] });
  assert.deepEqual(await replica.members({ linearizable: true }), [
    {
      id: replica.memberId,
      name: "default",
      peerUrls: ["http://localhost:2380"],
      clientUrls: ["http://localhost:2379"],
      learner: false,
    },
  ]);
  await replica.close();
});

test("a data directory of another cluster or member is refused with the way out", async () => {
  const config = await alone();
  const machine = new Machine();
  await (await openReplica({ platform: machine.platform, config, log: quietLog })).close();
  const open = (changes: Partial<ReplicaConfig>) =>
    openReplica({ platform: machine.platform, config: { ...config, ...changes }, log: quietLog });
  await assert.rejects(
    open({ clusterToken: "other" }),
    /belongs to cluster [0-9a-f]+.*use another --data-dir/s,
  );
  const replica = await open({});
  await assert.rejects(open({}), /is in use by another process.*--data-dir/s);
  await replica.close();
});

test("a data directory whose log is gone is refused", async () => {
  const config = await alone();
  const machine = new Machine();
  await (await openReplica({ platform: machine.platform, config, log: quietLog })).close();
  await machine.disk.remove(`${config.directory}/wal`);
  await assert.rejects(
    openReplica({ platform: machine.platform, config, log: quietLog }),
    /the log .* is gone/,
  );
});

test("a member whose disk fails acknowledges nothing any more and says so", async () => {
  const machine = new Machine();
  const replica = await openReplica({ platform: machine.platform, config: await alone(), log: silentLog });
  await replica.txn(txn(put("a", "1")));
  machine.disk.fault = (operation) => (operation === "datasync" ? "EIO" : undefined);
  const writing = replica.txn(txn(put("a", "2")));
  await assert.rejects(writing, (error) => error instanceof KvError && error.code === "STOPPED");
  await assert.rejects(replica.failed, /EIO/);
  await assert.rejects(replica.range({ key: utf8("a") }), { code: "STOPPED" });
  await assert.rejects(replica.leases.grant({ id: noLease, ttlSeconds: 5 }), { code: "STOPPED" });
  await replica.close();
  machine.disk.fault = undefined;
});

test("a damaged image costs time, not data: the one before it and the log lead to the same state", async () => {
  const config = await alone({ snapshotCount: 100, segmentBytes: 4096 });
  let machine = new Machine();
  const replica = await openReplica({ platform: machine.platform, config, log: silentLog });
  for (let i = 0; i < 450; i++) await replica.txn(txn(put(`k${i % 50}`, `${i}`)));
  const { hash } = await replica.hashKv(replica.header().revision);
  await replica.close();
  machine = machine.restarted();
  const directory = `${config.directory}/snapshots`;
  const images = await machine.disk.list(directory);
  assert.equal(images.length, 2);
  machine.disk.damage(`${directory}/${images[1]}`, 500);
  const again = await openReplica({ platform: machine.platform, config, log: silentLog });
  assert.equal(await text(again, "k49"), "449");
  assert.equal((await again.hashKv(again.header().revision)).hash, hash);
  await again.close();
  machine = machine.restarted();
  for (const name of await machine.disk.list(directory)) machine.disk.damage(`${directory}/${name}`, 600);
  await assert.rejects(
    openReplica({ platform: machine.platform, config, log: silentLog }),
    /image at index \d+ is missing or damaged.*add it anew/,
  );
});

test("a flipped bit in the file that says who a member is does not make it another one", async () => {
  const config = await alone({});
  let machine = new Machine();
  const replica = await openReplica({ platform: machine.platform, config, log: silentLog });
  await replica.close();
  const path = `${config.directory}/member.json`;
  const { length } = await machine.disk.readFile(path);
  for (let byte = 0; byte < length; byte++) {
    machine = machine.restarted();
    machine.disk.damage(path, byte, 1 << (byte % 8));
    await assert.rejects(
      openReplica({ platform: machine.platform, config, log: silentLog }),
      /member\.json is damaged/,
    );
    machine.disk.damage(path, byte, 1 << (byte % 8));
  }
});

test("the log behind an image is let go", async () => {
  const config = await alone({ snapshotCount: 200, segmentBytes: 8192 });
  const machine = new Machine();
  const replica = await openReplica({ platform: machine.platform, config, log: silentLog });
  let most = 0;
  for (let i = 0; i < 3000; i++) {
    await replica.txn(txn(put("k", "x".repeat(200))));
    if (i % 100 === 0) most = Math.max(most, (await machine.disk.list(`${config.directory}/wal`)).length);
  }
  assert.ok(most < 35, `${most} segments at a time; all of them would be a hundred`);
  await replica.close();
});

test("three members talk over mutual TLS, and nobody without a certificate is heard", async () => {
  const platform = nodePlatform();
  const authority = createAuthority("peers", platform);
  const leaf = issueCertificate(
    authority,
    { commonName: "peer", ipAddresses: ["127.0.0.1"], usages: ["server", "client"] },
    platform,
  );
  const cluster = await startReplicas(3, { tls: { ...leaf, ca: authority.cert } });
  try {
    for (const [i, replica] of cluster.replicas.entries()) await replica.txn(txn(put(`tls-${i}`, "x")));
    for (const replica of cluster.replicas) assert.equal(await text(replica, "tls-2"), "x");
    const { host, port } = cluster.configs[0]?.listenPeer ?? { host: "", port: 0 };
    const other = createAuthority("others", platform);
    const stranger = issueCertificate(other, { commonName: "peer", usages: ["client"] }, platform);
    const answered = await platform.network
      .connect({ host, port, tls: { ...stranger, ca: authority.cert } })
      .then(({ stream }) => ended(stream, "hello"))
      .catch(() => "");
    assert.equal(answered, "");
    await cluster.replicas[0]?.txn(txn(put("tls-after", "x")));
  } finally {
    await cluster.close();
  }
});

test("garbage on the peer port disturbs nobody", async () => {
  const cluster = await startReplicas(3, {}, silentLog);
  try {
    await cluster.leader();
    const random = seededPrng(7);
    const { port } = cluster.configs[0]?.listenPeer ?? { port: 0 };
    for (let i = 0; i < 20; i++) {
      const bytes = Buffer.from(Array.from({ length: 1 + random() * 3000 }, () => random() * 256));
      const socket = connectSocket(port, "127.0.0.1");
      await ended(socket, bytes);
    }
    await cluster.replicas[0]?.txn(txn(put("garbage", "x")));
    assert.equal(await text(cluster.replicas[1] as Kv, "garbage"), "x");
  } finally {
    await cluster.close();
  }
});

test("a member of another cluster is refused by name", async () => {
  const lines: string[] = [];
  const log = createLog({ sink: (line) => lines.push(line), now: Date.now, level: "warn", format: "text" });
  const cluster = await startReplicas(1, {}, log);
  const [port] = await freePorts(1);
  const strangers = [
    { name: "x", peerUrls: [`http://127.0.0.1:${port}`] },
    { name: "m1", peerUrls: cluster.configs[0]?.initialMembers[0]?.peerUrls ?? [] },
  ];
  const config = { ...(cluster.configs[0] as ReplicaConfig), name: "x", initialMembers: strangers };
  const machine = new Machine();
  const stranger = await openReplica({
    platform: machine.platform,
    config: { ...config, directory: "/data", listenPeer: { host: "127.0.0.1", port: port as number } },
    log: silentLog,
  });
  try {
    while (!lines.some((line) => /cluster [0-9a-f]+ called a member of cluster [0-9a-f]+/.test(line))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  } finally {
    await stranger.close();
    await cluster.close();
  }
});

test("a lease that is kept alive outlives its leader, and ends once when nobody keeps it", async () => {
  const cluster = await startReplicas(3, {}, silentLog);
  try {
    const leader = await cluster.leader();
    const follower = cluster.replicas[(leader + 1) % 3] as Kv;
    const { id } = await follower.leases.grant({ id: noLease, ttlSeconds: 2 });
    await follower.txn(txn(put("lease", "x", id)));
    const events: string[] = [];
    const gone = Promise.withResolvers<void>();
    follower.watch(
      { key: utf8("lease") },
      {
        onEvents(batch) {
          events.push(...batch.map(({ type }) => type));
          if (events.includes("delete")) gone.resolve();
          return true;
        },
        onClosed: gone.reject,
      },
    );
    const keeping = setInterval(() => follower.leases.keepAlive(id).catch(() => {}), 300);
    await cluster.replicas[leader]?.close();
    await cluster.leader();
    await new Promise((resolve) => setTimeout(resolve, 3000));
    assert.deepEqual(events, [], "it was kept alive");
    clearInterval(keeping);
    assert.equal((await follower.leases.keepAlive(id)).ttlSeconds, 2);
    await gone.promise;
    assert.equal(await text(follower, "lease"), undefined);
    await follower.txn(txn(put("lease", "y")));
    assert.deepEqual(events.slice(0, 2), ["delete", "put"]);
  } finally {
    await cluster.close();
  }
});

test("a minority acknowledges nothing and shows nothing that a quorum has not", async () => {
  const cluster = await startReplicas(3, {}, silentLog);
  try {
    const leader = await cluster.leader();
    const last = cluster.replicas[leader] as Kv;
    await last.txn(txn(put("before", "x")));
    for (const position of [0, 1, 2]) if (position !== leader) await cluster.replicas[position]?.close();
    const outcomes = await Promise.allSettled([
      last.txn(txn(put("after", "x"))),
      last.range({ key: utf8("before") }),
    ]);
    for (const outcome of outcomes) assert.equal(outcome.status, "rejected");
    const stale = await last.range({ key: utf8("after"), serializable: true });
    assert.equal(stale.count, 0);
  } finally {
    await cluster.close();
  }
});

const silentLog = createLog({ sink: () => {}, now: Date.now, level: "error", format: "text" });

/** Sends, and answers what came back until the other side closed. */
function ended(stream: import("node:stream").Duplex, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    stream.on("data", (chunk) => {
      answer += chunk;
    });
    stream.on("error", () => {});
    stream.on("close", () => resolve(answer));
    stream.end(bytes);
  });
}
