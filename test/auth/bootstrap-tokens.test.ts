import assert from "node:assert/strict";
import { test } from "node:test";
import type { KubeObject } from "../../src/apimachinery/index.ts";
import { bootstrapTokens } from "../../src/auth/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const token = "abcdef.0123456789abcdef";
const good = {
  "token-id": "abcdef",
  "token-secret": "0123456789abcdef",
  "usage-bootstrap-authentication": "true",
  "auth-extra-groups": "system:bootstrappers:workers",
};

async function userOf(data: Record<string, string>, options: { token?: string; type?: string } = {}) {
  const encoded = Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")]);
  const secret = {
    metadata: { name: "bootstrap-token-abcdef", namespace: "kube-system" },
    type: options.type ?? "bootstrap.kubernetes.io/token",
    data: Object.fromEntries(encoded),
  } as KubeObject;
  const tokens = bootstrapTokens({
    reader: { get: async (_, { name }) => (name === secret.metadata.name ? secret : undefined) },
    clock: new ManualClock(),
    audiences: ["https://here"],
  });
  return (await tokens.authenticate(options.token ?? token, ["https://here"]))?.user;
}

test("a bootstrap token is its bootstrapper, with the groups that its Secret names", async () => {
  assert.deepEqual(await userOf(good), {
    name: "system:bootstrap:abcdef",
    groups: ["system:bootstrappers", "system:bootstrappers:workers"],
  });
});

test("a bootstrap token that has expired, is for something else, or gives foreign groups is nobody", async () => {
  assert.equal(await userOf({ ...good, expiration: "2020-01-01T00:00:00Z" }), undefined);
  assert.equal(await userOf({ ...good, expiration: "soon" }), undefined);
  assert.notEqual(await userOf({ ...good, expiration: "2099-01-01T00:00:00Z" }), undefined);
  assert.equal(await userOf({ ...good, "usage-bootstrap-authentication": "false" }), undefined);
  assert.equal(await userOf({ ...good, "auth-extra-groups": "system:masters" }), undefined);
  assert.equal(await userOf({ ...good, "token-secret": "0123456789abcdeF" }), undefined);
  assert.equal(await userOf(good, { type: "Opaque" }), undefined);
  assert.equal(await userOf(good, { token: "abcdef.0123456789abcdeg" }), undefined);
  assert.equal(await userOf(good, { token: "ABCDEF.0123456789abcdef" }), undefined);
});
