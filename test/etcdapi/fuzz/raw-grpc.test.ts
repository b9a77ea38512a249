import assert from "node:assert/strict";
import { connect } from "node:http2";
import { test } from "node:test";
import { seededPrng } from "../../../src/base/index.ts";
import { etcdserverpb } from "../../../src/wire/index.ts";
import { grpcClient } from "../grpc-client.ts";
import { serveMembers } from "../members.ts";
import { diceOf } from "./odd-bytes.ts";
import { oddCall } from "./odd-calls.ts";
import { rawCall } from "./raw-call.ts";

const calls = 320;
/** Calls at a time. */
const together = 16;

for (const seed of [1, 2])
  test(`whatever is sent, every call is answered in gRPC's or HTTP's terms, and the server goes on (seed ${seed})`, async (t) => {
    // Mistakes of our own would be told at the end.
    const { ports } = await serveMembers(t, 1);
    const session = connect(`http://127.0.0.1:${ports[0]}`);
    t.after(() => session.close());
    const dice = diceOf(seededPrng(seed));
    for (let done = 0; done < calls; done += together) {
      const batch = Array.from({ length: together }, () => oddCall(dice, { tame: true }));
      for (const [i, answer] of (await Promise.all(batch.map((call) => rawCall(session, call)))).entries()) {
        const { path, body } = batch[i] as (typeof batch)[number];
        const what = `${path} ${Buffer.from(body).toString("hex")}: ${JSON.stringify({ ...answer, body: answer.body.length })}`;
        const isGrpc = /^(?:[0-9]|1[0-6])$/.test(answer.status ?? "");
        assert(isGrpc || (answer.http ?? 0) >= 400 || answer.reset !== 0, what);
      }
    }
    const client = grpcClient(t, ports[0] as number);
    const key = Buffer.from("after");
    await client.call(etcdserverpb.KVService.Put, { key, value: key });
    const { kvs } = await client.call(etcdserverpb.KVService.Range, { key });
    assert.equal(kvs.length, 1);
  });
