import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { decode, encode, grpcHealth, type MethodInfo } from "../../src/wire/index.ts";
import { serveMembers } from "./members.ts";

const { HealthService, servingStatus } = grpcHealth;

test("gRPC's health protocol is answered for the server as a whole", async (t) => {
  const { ports } = await serveMembers(t, 1);
  const client = new grpc.Client(`127.0.0.1:${ports[0]}`, grpc.credentials.createInsecure());
  t.after(() => client.close());
  const ask = <Q, A>({ path, request, response }: MethodInfo<Q, A>, question: Q) =>
    new Promise<A>((resolve, reject) =>
      client.makeUnaryRequest(
        path,
        (value: Q) => Buffer.from(encode(request, value as never)),
        (bytes) => decode(response, bytes),
        question,
        (error, answer) => (error ? reject(error) : resolve(answer as A)),
      ),
    );
  assert.deepEqual(await ask(HealthService.Check, { service: "" }), { status: servingStatus.SERVING });
  await assert.rejects(ask(HealthService.Check, { service: "etcdserverpb.KV" }), {
    code: grpc.status.NOT_FOUND,
    details: "unknown service",
  });
  assert.deepEqual(await ask(HealthService.List, {}), {
    statuses: [{ key: "", value: { status: servingStatus.SERVING } }],
  });
  const { path, request, response } = HealthService.Watch;
  for (const [service, status] of [
    ["", servingStatus.SERVING],
    ["other", servingStatus.SERVICE_UNKNOWN],
  ] as const) {
    const call = client.makeServerStreamRequest(
      path,
      (value: { service: string }) => Buffer.from(encode(request, value)),
      (bytes) => decode(response, bytes),
      { service },
    );
    call.on("error", () => {});
    assert.deepEqual(await once(call, "data"), [{ status }]);
    call.cancel();
  }
});
