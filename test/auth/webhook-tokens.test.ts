import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../src/apimachinery/index.ts";
import { webhookTokens } from "../../src/auth/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const here = "https://here";
const user = { username: "alice", uid: "7", groups: ["dev"], extra: { k: ["v"] } };
const alice = { name: "alice", uid: "7", groups: ["dev"], extra: { k: ["v"] } };

function world() {
  const clock = new ManualClock();
  const asked: Json[] = [];
  const statuses: Record<string, JsonObject> = {
    good: { authenticated: true, user },
    "for others": { authenticated: true, user, audiences: ["there"] },
    bad: { authenticated: false, error: "it has run out" },
    stranger: {},
  };
  const tokens = webhookTokens(
    { version: "v1", ttlMs: 1_000 },
    {
      clock,
      audiences: [here],
      async ask(review) {
        asked.push(review);
        const { token } = (review as { spec: { token: string } }).spec;
        if (statuses[token] === undefined) throw new Error("nobody is there");
        return { status: statuses[token] };
      },
    },
  );
  const authenticate = async (token: string, audiences = [here]) => tokens.authenticate(token, audiences);
  return { clock, asked, authenticate };
}

test("a token that a webhook knows is its user's, for the audiences that it is meant for", async () => {
  const { asked, authenticate } = world();
  assert.deepEqual(await authenticate("good"), { user: alice, audiences: [here] });
  assert.deepEqual(asked, [
    {
      kind: "TokenReview",
      apiVersion: "authentication.k8s.io/v1",
      metadata: {},
      spec: { token: "good", audiences: [here] },
      status: { user: {} },
    },
  ]);
  assert.equal(await authenticate("good", ["there"]), undefined);
  assert.equal(await authenticate("for others"), undefined);
  assert.deepEqual(await authenticate("for others", [here, "there"]), { user: alice, audiences: ["there"] });
});

test("a token that a webhook does not know is left to others, one that it refuses says why", async () => {
  const { authenticate } = world();
  assert.equal(await authenticate("stranger"), undefined);
  await assert.rejects(authenticate("bad"), { name: "TokenError", message: "it has run out" });
  await assert.rejects(authenticate("gone"), { name: "TokenError", message: "nobody is there" });
});

test("a webhook's answer is remembered for its time, for the audiences asked about, and a failure never", async () => {
  const { clock, asked, authenticate } = world();
  const countAfter = async (token: string, audiences?: string[]) => {
    await authenticate(token, audiences).catch(() => {});
    return asked.length;
  };
  assert.equal(await countAfter("good"), 1);
  assert.equal(await countAfter("good"), 1);
  assert.equal(await countAfter("good", ["there"]), 2);
  assert.equal(await countAfter("stranger"), 3);
  assert.equal(await countAfter("stranger"), 3);
  assert.equal(await countAfter("gone"), 4);
  assert.equal(await countAfter("gone"), 5);
  clock.advance(1_001);
  assert.equal(await countAfter("good"), 6);
});
