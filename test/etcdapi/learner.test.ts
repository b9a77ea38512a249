import assert from "node:assert/strict";
import { test } from "node:test";
import { serve } from "./serve.ts";

test("a learner answers serializable reads and its status, and nothing else", async (t) => {
  const { port, store } = await serve(t);
  const call = async (path: string, body: unknown) => {
    const response = await fetch(`http://127.0.0.1:${port}/v3/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
    });
    return { status: response.status, body: JSON.parse((await response.text()).split("\n")[0] ?? "") };
  };
  const refusal = { code: 9, message: "etcdserver: rpc not supported for learner" };
  Object.assign(store.cluster, { isLearner: () => true });
  for (const [path, body] of [
    ["kv/range", { key: "eA==" }],
    ["kv/put", { key: "eA==" }],
    ["kv/txn", {}],
    ["lease/grant", { TTL: 10 }],
    ["cluster/member/list", {}],
    ["maintenance/hash", {}],
  ] as const) {
    assert.deepEqual(await call(path, body), { status: 400, body: refusal }, path);
  }
  const watched = await call("watch", { create_request: { key: "eA==" } });
  assert.equal(watched.body.error?.message ?? watched.body.message, refusal.message);
  assert.equal((await call("kv/range", { key: "eA==", serializable: true })).status, 200);
  assert.equal((await call("maintenance/status", {})).status, 200);
  Object.assign(store.cluster, { isLearner: () => false });
  assert.equal((await call("kv/put", { key: "eA==" })).status, 200);
});
