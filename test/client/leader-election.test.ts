import assert from "node:assert/strict";
import { test } from "node:test";
import { StatusError } from "../../src/apimachinery/index.ts";
import { runLeaderElection } from "../../src/client/index.ts";
import { createWorld, eventually, settle, type World } from "./world.ts";

interface CandidateRun {
  readonly leading: () => boolean;
  readonly stop: () => Promise<void>;
}

function candidate(world: World, identity: string): CandidateRun {
  const stopping = new AbortController();
  let leads = false;
  const ended = runLeaderElection({
    ...world,
    lease: { namespace: "kube-system", name: "work" },
    identity,
    signal: stopping.signal,
    async lead(signal) {
      leads = true;
      await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
      leads = false;
    },
  });
  return {
    leading: () => leads,
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

const lease = (world: World) => world.api.get("leases", "kube-system", "work")?.spec;

test("of two candidates one leads, for as long as it renews", async () => {
  const world = createWorld();
  const a = candidate(world, "a");
  await eventually(world, "a leads", () => a.leading());
  const b = candidate(world, "b");
  for (let i = 0; i < 60; i++) {
    world.clock.advance(1_000);
    await settle(5);
    assert.deepEqual([a.leading(), b.leading()], [true, false]);
  }
  assert.equal(lease(world).leaseTransitions, 0);
  await Promise.all([a.stop(), b.stop()]);
});

test("a leader that stops gives the lease back, and the next need not wait for it to run out", async () => {
  const world = createWorld();
  const a = candidate(world, "a");
  await eventually(world, "a leads", () => a.leading());
  const b = candidate(world, "b");
  await settle();
  const before = world.clock.monotonic();
  await a.stop();
  assert.equal(lease(world).holderIdentity, "");
  await eventually(world, "b leads", () => b.leading(), { stepMs: 100 });
  assert.ok(world.clock.monotonic() - before < 5_000, "one retry period, stretched");
  assert.deepEqual([lease(world).holderIdentity, lease(world).leaseTransitions], ["b", 1]);
  await b.stop();
});

test("a leader that cannot renew steps down before anybody else may lead", async () => {
  const world = createWorld();
  const a = candidate(world, "a");
  await eventually(world, "a leads", () => a.leading());
  const b = candidate(world, "b");
  await settle();
  // The server is gone for a, whose writes carry its name; b's look works.
  world.api.intercept = (request) =>
    request.method === "PUT" && String(request.body).includes('"holderIdentity":"a"')
      ? new StatusError({ status: "Failure", code: 503, message: "down" })
      : undefined;
  let stepped: number | undefined;
  let taken: number | undefined;
  for (let i = 0; i < 400 && taken === undefined; i++) {
    world.clock.advance(100);
    await settle(4);
    assert.ok(!(a.leading() && b.leading()), "two lead at once");
    if (!a.leading()) stepped ??= world.clock.monotonic();
    if (b.leading()) taken = world.clock.monotonic();
  }
  assert.ok(stepped !== undefined && taken !== undefined && stepped < taken, `${stepped} then ${taken}`);
  world.api.intercept = undefined;
  await Promise.all([a.stop(), b.stop()]);
});

test("a silent leader's lease is taken only after its whole duration, counted from when it was last seen to change", async () => {
  const world = createWorld();
  await world.client.create(
    { group: "coordination.k8s.io", version: "v1", resource: "leases", namespace: "kube-system" },
    {
      metadata: { name: "work", namespace: "kube-system" },
      // A clock that is years ahead must not matter.
      spec: {
        holderIdentity: "dead",
        leaseDurationSeconds: 15,
        renewTime: "2099-01-01T00:00:00.000000Z",
        leaseTransitions: 3,
      },
    },
  );
  const a = candidate(world, "a");
  await settle();
  const before = world.clock.monotonic();
  await eventually(world, "a leads", () => a.leading(), { stepMs: 100 });
  const waited = world.clock.monotonic() - before;
  assert.ok(waited >= 15_000 && waited < 20_000, `waited ${waited} ms`);
  assert.equal(lease(world).leaseTransitions, 4);
  await a.stop();
});
