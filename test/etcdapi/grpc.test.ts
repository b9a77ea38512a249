import assert from "node:assert/strict";
import http2 from "node:http2";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { encode, etcdserverpb } from "../../src/wire/index.ts";
import { rawCall } from "./fuzz/raw-call.ts";
import { grpcClient } from "./grpc-client.ts";
import { serve } from "./serve.ts";

const { KVService, LeaseService, MaintenanceService, ClusterService, WatchService } = etcdserverpb;
const grpcHeaders = { "content-type": "application/grpc", te: "trailers" };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const key = bytes("k");

test("put, range, txn and delete work for a real gRPC client", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  const put = await client.call(KVService.Put, { key, value: bytes("v") });
  assert.equal(put.header?.revision, 2);
  assert.equal(put.header?.memberId, 0x8e9e05c52164694dn);
  const range = await client.call(KVService.Range, { key });
  assert.equal(Buffer.from(range.kvs[0]?.value ?? []).toString(), "v");
  const txn = await client.call(KVService.Txn, {
    compare: [{ key, target: 2, modRevision: 2 }],
    success: [{ requestPut: { key, value: bytes("w"), prevKv: true } }, { requestRange: { key } }],
  });
  assert.equal(txn.succeeded, true);
  assert.equal(Buffer.from(txn.responses[0]?.responsePut?.prevKv?.value ?? []).toString(), "v");
  assert.equal(Buffer.from(txn.responses[1]?.responseRange?.kvs[0]?.value ?? []).toString(), "w");
  const deleted = await client.call(KVService.DeleteRange, { key });
  assert.deepEqual([deleted.deleted, deleted.header?.revision], [1, 4]);
});

test("in a txn, what stands before the first change answers the revision before it", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  const { responses } = await client.call(KVService.Txn, {
    success: [{ requestRange: { key } }, { requestPut: { key } }, { requestRange: { key } }],
  });
  const revisions = responses.map((one) => (one.responseRange ?? one.responsePut)?.header?.revision);
  assert.deepEqual(revisions, [1, 2, 2]);
});

test("errors carry etcd's code and text, also one with a percent sign", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  await assert.rejects(client.call(KVService.Range, {}), {
    code: 3,
    details: "etcdserver: key is not provided",
  });
  await assert.rejects(client.call(KVService.Range, { key, revision: 9 }), {
    code: 11,
    details: "etcdserver: mvcc: required revision is a future revision",
  });
  await assert.rejects(client.call(KVService.Range, { key, sortOrder: 7 }), {
    code: 3,
    details: "etcdserver: invalid sort option",
  });
  await assert.rejects(client.call(LeaseService.LeaseRevoke, { ID: 5n }), {
    code: 5,
    details: "etcdserver: requested lease not found",
  });
  await assert.rejects(client.call({ ...KVService.Range, path: "/etcdserverpb.KV/100%25" }, { key }), {
    code: 12,
    details: "unknown method 100%25 for service etcdserverpb.KV",
  });
});

test("methods and services that are not offered say so", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  await assert.rejects(client.call(MaintenanceService.MoveLeader, { targetID: 1n }), {
    code: 12,
    details: "unknown method MoveLeader for service etcdserverpb.Maintenance",
  });
  await assert.rejects(client.call(etcdserverpb.AuthService.AuthStatus, {}), {
    code: 12,
    details: "unknown service etcdserverpb.Auth",
  });
});

test("a request over etcd's limit is refused by the layer that etcd refuses it in", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  await assert.rejects(client.call(KVService.Put, { key, value: new Uint8Array(1_600_000) }), {
    code: 3,
    details: "etcdserver: request is too large",
  });
  await assert.rejects(client.call(KVService.Put, { key, value: new Uint8Array(3_000_000) }), {
    code: 8,
    details: "grpc: received message larger than max (3000008 vs. 2097152)",
  });
  assert.equal(
    (await client.call(KVService.Put, { key, value: new Uint8Array(1_500_000) })).header?.revision,
    2,
  );
});

test("a call whose deadline passes ends with DEADLINE_EXCEEDED on both sides", async (t) => {
  const { port, store } = await serve(t);
  const stuck = Promise.withResolvers<never>();
  (store.kv as { range: unknown }).range = () => stuck.promise;
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const stream = session.request({
    ":method": "POST",
    ":path": KVService.Range.path,
    "content-type": "application/grpc",
    "grpc-timeout": "20m",
  });
  stream.end(frame(encode(KVService.Range.request, { key })));
  const headers = await new Promise<http2.IncomingHttpHeaders>((resolve) => stream.on("response", resolve));
  assert.equal(headers["grpc-status"], "4");
  stuck.reject(new Error("late, and nobody's affair"));
});

test("messages may be cut anywhere, several may share a chunk, and gzip is understood", async (t) => {
  const { port } = await serve(t);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const put = frame(encode(KVService.Put.request, { key, value: bytes("v") }));
  for (let cut = 1; cut < put.length; cut += 3) {
    assert.equal(await status(session, KVService.Put.path, [put.subarray(0, cut), put.subarray(cut)]), "0");
  }
  const zipped = gzipSync(encode(KVService.Put.request, { key, value: bytes("z") }));
  const compressed = frame(zipped, 1);
  assert.equal(await status(session, KVService.Put.path, [compressed], { "grpc-encoding": "gzip" }), "0");
  assert.equal(await status(session, KVService.Put.path, [compressed], { "grpc-encoding": "br" }), "12");
  assert.equal(await status(session, KVService.Put.path, [compressed]), "13");
  const bomb = frame(gzipSync(Buffer.alloc(50_000_000)), 1);
  assert.equal(await status(session, KVService.Put.path, [bomb], { "grpc-encoding": "gzip" }), "8");
  const said = (path: string, parts: readonly Uint8Array[], headers?: Record<string, string>) =>
    rawCall(session, {
      path,
      headers: { ...grpcHeaders, ...headers },
      body: Buffer.concat(parts),
      info: undefined,
    }).then(({ http, status, message }) => [http, status, message ?? ""]);
  const { path } = KVService.Put;
  assert.deepEqual(await said(path, [put, Buffer.from("any")]), [200, "0", ""], "one is read, and no more");
  assert.deepEqual(await said(path, []), [200, "2", "EOF"]);
  assert.deepEqual(await said(KVService.RangeStream.path, []), [
    200,
    "13",
    "cardinality violation: received no request message from non-client-streaming RPC",
  ]);
  assert.deepEqual(await said(path, [put.subarray(0, 3)]), [200, "2", "EOF"]);
  assert.deepEqual(await said(path, [put.subarray(0, 7)]), [200, "2", "unexpected EOF"]);
  assert.deepEqual(await said(path, [frame(Buffer.of(1), 255)]), [
    200,
    "13",
    "grpc: received unexpected payload format 255",
  ]);
  assert.deepEqual(await said(path, [put], { "grpc-timeout": "x" }), [
    400,
    "13",
    'malformed grpc-timeout: transport: timeout string is too short: "x"',
  ]);
  assert.deepEqual(await said(path, [put], { "content-type": "application/grpcx" }), [
    415,
    "3",
    'invalid gRPC request content-type "application/grpcx"',
  ]);
  assert.deepEqual(await said(`${path}/`, [put]), [200, "12", "unknown service etcdserverpb.KV/Put"]);
  assert.deepEqual(await said("/Put", [put]), [200, "12", 'malformed method name: "/Put"']);
});

test("bytes that are no message are refused in the words of Go's protobuf, whatever of it is unknown is passed over", async (t) => {
  const { port } = await serve(t);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  const said = async (path: string, ...message: number[]) => {
    const call = { path, headers: grpcHeaders, body: frame(Buffer.from(message)), info: undefined };
    const { status, message: text = "" } = await rawCall(session, call);
    return `${status} ${text}`;
  };
  const { path } = KVService.Range;
  const refused = (what: string) => `13 grpc: error unmarshalling request: ${what}`;
  const ones = new Array<number>(10).fill(0xff);
  assert.equal(await said(path, 0x0a, 5), refused("unexpected EOF"));
  assert.equal(
    await said(path, 0x0a, ...ones.slice(1), 1),
    refused("proto: negative length found during unmarshaling"),
  );
  assert.equal(await said(path, 0x18, ...ones, 1), refused("proto: integer overflow"));
  assert.equal(await said(path, 0x08, 1), refused("proto: wrong wireType = 0 for field Key"));
  assert.equal(
    await said(path, 0x12, 0, 0x02, 0),
    refused("proto: RangeRequest: illegal tag 0 (wire type 2)"),
  );
  assert.equal(await said(path, 0x0c), refused("proto: RangeRequest: wiretype end group for non-group"));
  assert.equal(await said(path, 0xa7, 0x38, 0), refused("proto: illegal wireType 7"));
  assert.equal(
    await said(WatchService.Watch.path, 0x0a, 5),
    "13 grpc: failed to unmarshal the received message: unexpected EOF",
  );
  // A group of another number's end, after the key.
  assert.equal(await said(path, 0x0a, 1, 0x61, 0xa3, 0x38, 0x08, 1, 0xac, 0x38), "0 ");
});

test("clients that require a leader are refused without one and let go when it is lost", async (t) => {
  const { port, store } = await serve(t);
  const client = grpcClient(t, port);
  const metadata = { hasleader: "true" };
  const stream = client.open(etcdserverpb.WatchService.Watch, { metadata });
  stream.send({ createRequest: { key } });
  assert.equal((await stream.next()).created, true);
  store.state.leader = 0n;
  const noLeader = { code: 14, details: "etcdserver: no leader" };
  await assert.rejects(client.call(KVService.Range, { key }, { metadata }), noLeader);
  await assert.rejects(stream.next(), noLeader);
  assert.ok((await client.call(KVService.Range, { key })).header, "others are served");
});

test("a lease is granted, kept alive in order, looked at, listed and revoked", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  const { ID } = await client.call(LeaseService.LeaseGrant, { TTL: 60 });
  await client.call(KVService.Put, { key, lease: ID });
  const alive = client.open(LeaseService.LeaseKeepAlive);
  for (const id of [ID, 42n, ID]) alive.send({ ID: id });
  const answers = [await alive.next(), await alive.next(), await alive.next()];
  assert.deepEqual(
    answers.map((one) => [one.ID, one.TTL]),
    [
      [ID, 60],
      [42n, 0],
      [ID, 60],
    ],
  );
  alive.halfClose();
  await assert.rejects(alive.next(), /the stream ended/);
  const left = await client.call(LeaseService.LeaseTimeToLive, { ID, keys: true });
  assert.deepEqual([left.grantedTTL, left.keys.length], [60, 1]);
  assert.deepEqual((await client.call(LeaseService.LeaseLeases, {})).leases, [{ ID }]);
  await client.call(LeaseService.LeaseRevoke, { ID });
  assert.equal((await client.call(KVService.Range, { key })).count, 0);
});

test("status tells alarms and a missing leader, and hashes agree with themselves", async (t) => {
  const { port, store } = await serve(t);
  const client = grpcClient(t, port);
  const [member] = (await client.call(ClusterService.MemberList, {})).members;
  store.state.alarms.push({ member: member?.ID as never, alarm: "NOSPACE" });
  store.state.leader = 0n;
  const { errors, version } = await client.call(MaintenanceService.Status, {});
  assert.deepEqual(errors, ["etcdserver: no leader", `memberID:${member?.ID} alarm:NOSPACE `]);
  assert.equal(version, "3.6.16");
  const alarms = await client.call(MaintenanceService.Alarm, {});
  assert.deepEqual(alarms.alarms, [{ memberID: member?.ID, alarm: 1 }]);
  const [one, other] = [
    await client.call(MaintenanceService.HashKV, {}),
    await client.call(MaintenanceService.HashKV, { revision: 1 }),
  ];
  assert.equal(one.hash, other.hash);
});

test("an error of our own is reported to the operator and hidden from the client", async (t) => {
  const { port, store, internalErrors } = await serve(t);
  const client = grpcClient(t, port);
  (store.kv as { range: unknown }).range = () => Promise.reject(new TypeError("secret detail"));
  await assert.rejects(client.call(KVService.Range, { key }), {
    code: 13,
    details: "etcdserver: internal error",
  });
  assert.match(String(internalErrors.splice(0)[0]), /secret detail/);
});

function frame(message: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** The grpc-status of a call made of these chunks. */
async function status(
  session: http2.ClientHttp2Session,
  path: string,
  chunks: readonly Uint8Array[],
  headers: Record<string, string> = {},
): Promise<string> {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    ...headers,
  });
  const found = new Promise<string>((resolve) => {
    const look = (fields: http2.IncomingHttpHeaders): void => {
      if (fields["grpc-status"] !== undefined) resolve(String(fields["grpc-status"]));
    };
    stream.on("response", look);
    stream.on("trailers", look);
  });
  stream.resume();
  for (const chunk of chunks) {
    stream.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  stream.end();
  return found;
}

test("a downgrade can be asked about, and is not begun", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  const { VALIDATE, ENABLE } = etcdserverpb.DowngradeRequestDowngradeAction.values;
  const ask = (action: number, version: string) =>
    client.call(MaintenanceService.Downgrade, { action, version });
  assert.equal((await ask(VALIDATE, "3.5")).version, "3.6");
  await assert.rejects(ask(VALIDATE, "4.5.0"), {
    code: 3,
    details: "etcdserver: invalid downgrade target version",
  });
  await assert.rejects(ask(ENABLE, "3.5.0"), { code: 9, details: /no earlier release/ });
});

test("an alarm of type NONE is neither raised nor lifted, and no mistake", async (t) => {
  const { port } = await serve(t);
  const client = grpcClient(t, port);
  for (const action of [1, 2, 7]) {
    assert.deepEqual((await client.call(MaintenanceService.Alarm, { action, alarm: 0 })).alarms, []);
  }
});

test("a call that takes too long is logged, with who asked and how long it took; a stream may last", async (t) => {
  const warnings: unknown[] = [];
  const onWarn = (text: string, fields?: Record<string, unknown>) => void warnings.push([text, fields]);
  const { port } = await serve(t, { slowCallMs: 0, onWarn });
  const client = grpcClient(t, port);
  const watch = client.open(etcdserverpb.WatchService.Watch);
  watch.cancel();
  await client.call(etcdserverpb.KVService.Range, { key: Buffer.from("k") });
  const [[text, fields]] = warnings as [[string, Record<string, string>]];
  assert.deepEqual([warnings.length, text, fields["method"]], [1, "request stats", "/etcdserverpb.KV/Range"]);
  assert.match(fields["remote"] ?? "", /^127\.0\.0\.1:\d+$/);
  assert.match(fields["time spent"] ?? "", /^\d+\.\d{3}ms$/);
});
