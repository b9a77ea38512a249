import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "./serve.ts";

/** Each with the message that etcd 3.6.16 answered. */
const refused: readonly (readonly [path: string, body: string, message: string])[] = [
  ["kv/put", "null", "proto: syntax error (line 1:1): unexpected token null"],
  ["kv/put", '{"key":{}}', "proto: (line 1:8): invalid value for bytes field key: {"],
  ["kv/put", '{"key":[97]}', "proto: (line 1:8): invalid value for bytes field key: ["],
  ["kv/range", '{"serializable":{}}', "proto: (line 1:17): invalid value for bool field serializable: {"],
  [
    "kv/range",
    '{"key":"eno=","minModRevision":"01"}',
    'proto: (line 1:32): invalid value for int64 field minModRevision: "01"',
  ],
  ["kv/put", '{"key":"YQ==","prev_kv":null,"prevKv":false}', 'proto: (line 1:30): duplicate field "prevKv"'],
  ["kv/put", '{"key":"YQ==","key":null}', 'proto: (line 1:15): duplicate field "key"'],
  ["kv/put", "\ufeff{}", "invalid character 'ï' looking for beginning of value"],
  [
    "kv/txn",
    '{"compare":[{"result":"NOT_EQUAL","target":"0","key":"Yw==","version":32,"value":"eno="}],"success":[]}',
    'proto: (line 1:74): error parsing "value", oneof etcdserverpb.Compare.target_union is already set',
  ],
  [
    "kv/txn",
    '{"success":[{"request_put":{"key":"Yg==","lease":78},"request_range":{"key":"azA="}}]}',
    'proto: (line 1:54): error parsing "request_range", oneof etcdserverpb.RequestOp.request is already set',
  ],
];

test("JSON that no message can be made of is refused in the words of etcd's gateway", async (t) => {
  const { port } = await serve(t);
  for (const [path, body, message] of refused) {
    const answer = await fetch(`http://127.0.0.1:${port}/v3/${path}`, { method: "POST", body });
    assert.deepEqual([answer.status, await answer.json()], [400, { code: 3, message }], body);
  }
});

test("/debug/vars shows where the member stands, to GET alone", async (t) => {
  const { port, store } = await serve(t);
  const url = `http://127.0.0.1:${port}/debug/vars`;
  const answer = await fetch(url);
  assert.equal(answer.headers.get("content-type"), "application/json; charset=utf-8");
  const { "raft.status": status } = (await answer.json()) as {
    "raft.status": { id: string; commit: number };
  };
  const { header, committedIndex } = store.cluster.status();
  assert.deepEqual([status.id, status.commit], [header.memberId.toString(16), committedIndex]);
  assert.equal((await fetch(url, { method: "POST", body: "{}" })).status, 405);
});

test("a comparison by a result that is none holds, and a target that is none equals everything", async (t) => {
  const { port } = await serve(t);
  const post = async (path: string, body: object) =>
    (
      await fetch(`http://127.0.0.1:${port}/v3/${path}`, { method: "POST", body: JSON.stringify(body) })
    ).json();
  await post("kv/put", { key: "YQ==", value: "YQ==" });
  const holds = async (compare: object) =>
    ((await post("kv/txn", { compare: [compare] })) as { succeeded?: boolean }).succeeded === true;
  assert.equal(await holds({ key: "Yg==", result: 7, target: "VERSION" }), true);
  assert.equal(await holds({ key: "YQ==", result: 7, target: "VALUE" }), true);
  assert.equal(await holds({ key: "Yg==", result: 7, target: "VALUE" }), false, "there is no value");
  for (const [result, expected] of [
    ["EQUAL", true],
    ["NOT_EQUAL", false],
    ["LESS", false],
    ["GREATER", false],
  ] as const)
    assert.equal(await holds({ key: "YQ==", result, target: 7, version: 5 }), expected, result);
});

test("a message that cannot be read ends the requests of a stream, and only as the first one is an error", async (t) => {
  const { port } = await serve(t);
  const url = `http://127.0.0.1:${port}/v3/lease/keepalive`;
  const post = async (body: string) => {
    const answer = await fetch(url, { method: "POST", body });
    return [answer.status, (await answer.text()).trim().split("\n").length] as const;
  };
  assert.deepEqual(await post('{"ID":1}{"ID":2}'), [200, 2]);
  assert.deepEqual(await post('{"ID":1}"x"{"ID":2}'), [200, 1]);
  const first = await fetch(url, { method: "POST", body: '"x"{"ID":1}' });
  assert.deepEqual([first.status, ((await first.json()) as { code: number }).code], [400, 3]);
});
