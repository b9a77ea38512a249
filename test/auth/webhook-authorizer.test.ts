import assert from "node:assert/strict";
import { test } from "node:test";
import type { Json, JsonObject } from "../../src/apimachinery/index.ts";
import { type AccessRequest, createAuthorizer, RbacPolicy, webhookAuthorizer } from "../../src/auth/index.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const alice = { name: "alice", groups: ["dev"], extra: { k: ["v"] } };
const request = (name: string): AccessRequest => ({
  user: alice,
  verb: "get",
  path: "",
  version: "v1",
  resource: { group: "", resource: "pods", subresource: "", namespace: "default", name },
});

function world(failurePolicy: "NoOpinion" | "Deny" = "NoOpinion", concerns?: (of: AccessRequest) => boolean) {
  const clock = new ManualClock();
  const asked: Json[] = [];
  const answers: Record<string, JsonObject> = {
    yes: { status: { allowed: true, reason: "it may" } },
    no: { status: { allowed: false, reason: "it is not known" } },
    never: { status: { allowed: false, denied: true, reason: "it may not" } },
    both: { status: { allowed: true, denied: true } },
    odd: { status: { allowed: "yes" } },
  };
  const webhook = webhookAuthorizer(
    { version: "v1", authorizedTtlMs: 1_000, unauthorizedTtlMs: 100, failurePolicy },
    {
      clock,
      concerns,
      async ask(review) {
        asked.push(review);
        const { name } = (review as { spec: { resourceAttributes: { name: string } } }).spec
          .resourceAttributes;
        if (answers[name] === undefined) throw new Error("nobody is there");
        return answers[name];
      },
    },
  );
  return {
    clock,
    asked,
    webhook,
    chain: createAuthorizer({ modes: [webhook, "AlwaysAllow"], rbac: new RbacPolicy() }),
  };
}

test("a webhook is asked what a request wants, without what is empty", async () => {
  const { asked, webhook } = world();
  assert.deepEqual(await webhook.authorize(request("yes")), { allowed: true, reason: "it may" });
  assert.deepEqual(asked, [
    {
      kind: "SubjectAccessReview",
      apiVersion: "authorization.k8s.io/v1",
      metadata: {},
      spec: {
        resourceAttributes: {
          namespace: "default",
          verb: "get",
          version: "v1",
          resource: "pods",
          name: "yes",
        },
        user: "alice",
        groups: ["dev"],
        extra: { k: ["v"] },
      },
      status: { allowed: false },
    },
  ]);
});

test("what a webhook denies nobody else allows; what it does not know the others decide", async () => {
  const { chain } = world();
  assert.equal((await chain.authorize(request("no"))).allowed, true);
  assert.deepEqual(await chain.authorize(request("never")), {
    allowed: false,
    denied: true,
    reason: "it may not",
  });
  assert.equal((await chain.authorize(request("both"))).allowed, false);
  const master = { ...request("never"), user: { name: "root", groups: ["system:masters"] } };
  assert.equal((await chain.authorize(master)).allowed, true);
});

test("a webhook that cannot be asked, or answers nonsense, leaves it to the others or refuses, as its policy says", async () => {
  const open = world("NoOpinion");
  const closed = world("Deny");
  for (const name of ["gone", "odd"]) {
    assert.equal((await open.chain.authorize(request(name))).allowed, true, name);
    const refused = await closed.chain.authorize(request(name));
    assert.equal(refused.allowed, false, name);
    assert.match(refused.error ?? "", /nobody is there|none of a SubjectAccessReview/);
  }
});

test("answers are remembered for as long as they may be, failures are not", async () => {
  const { asked, webhook, clock } = world();
  const ask = async (name: string) => {
    await webhook.authorize(request(name));
    return asked.length;
  };
  assert.equal(await ask("yes"), 1);
  assert.equal(await ask("no"), 2);
  assert.equal(await ask("no"), 2);
  clock.advance(200);
  assert.equal(await ask("yes"), 2);
  assert.equal(await ask("no"), 3);
  clock.advance(1_000);
  assert.equal(await ask("yes"), 4);
  assert.equal(await ask("gone"), 5);
  assert.equal(await ask("gone"), 6);
  const long = "x".repeat(20_000);
  assert.equal(await ask(long), 7);
  assert.equal(await ask(long), 8);
});

test("a webhook is not asked about what its conditions do not concern; one that fails is a failure of the webhook", async () => {
  const none = world("Deny", () => false);
  assert.deepEqual(await none.webhook.authorize(request("yes")), { allowed: false, reason: "" });
  assert.equal(none.asked.length, 0);
  const failing = world("Deny", () => {
    throw new Error("no such key: none");
  });
  const refused = await failing.webhook.authorize(request("yes"));
  assert.deepEqual([refused.denied, refused.error], [true, "no such key: none"]);
});
