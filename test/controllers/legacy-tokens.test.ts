import assert from "node:assert/strict";
import { test } from "node:test";
import { createControllerManager } from "../../src/controllers/index.ts";
import type { Clock } from "../../src/platform/index.ts";
import { createWorld, eventually } from "../client/world.ts";

const core = (resource: string, namespace: string) => ({ group: "", version: "v1", resource, namespace });
const secrets = core("secrets", "default");
const dayMs = 24 * 60 * 60_000;
const invalidSince = "kubernetes.io/legacy-token-invalid-since";
const date = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

test("a token that a ServiceAccount was given is void after a year without use, and gone after another", async () => {
  const world = createWorld();
  const { api, client } = world;
  // Years pass at once: what happens every few minutes need not happen for each of them.
  let leapMs = 0;
  const clock: Clock = {
    now: () => world.clock.now() + leapMs,
    monotonic: () => world.clock.monotonic(),
    after: (ms, fire) => world.clock.after(ms, fire),
    every: (ms, fire) => world.clock.every(ms, fire),
  };
  const start = clock.now();
  await client.create(core("configmaps", "kube-system"), {
    metadata: { name: "kube-apiserver-legacy-service-account-token-tracking" },
    data: { since: date(start) },
  });
  const names = ["unused", "used", "mounted"];
  const account = { metadata: { name: "robot" }, secrets: names.map((name) => ({ name })) };
  await client.create(core("serviceaccounts", "default"), account);
  for (const name of [...names, "asked-for"])
    await client.create(secrets, {
      metadata: { name, annotations: { "kubernetes.io/service-account.name": "robot" } },
      type: "kubernetes.io/service-account-token",
    });
  const volumes = [{ name: "v", secret: { secretName: "mounted" } }];
  await client.create(core("pods", "default"), {
    metadata: { name: "p" },
    spec: { containers: [], volumes },
  });
  const use = (day: number) => {
    const labels = { "kubernetes.io/legacy-token-last-used": date(start + day * dayMs) };
    return client.patch(secrets, "used", { type: "merge", body: { metadata: { labels } } });
  };
  const labelOf = (name: string) => api.get("secrets", "default", name)?.metadata.labels?.[invalidSince];

  await use(300);
  const manager = createControllerManager({
    ...world,
    clock,
    controllers: "legacy-serviceaccount-token-cleaner-controller",
  });
  manager.start();
  await manager.working;
  const passDay = async (): Promise<void> => {
    let passed = false;
    world.clock.after(dayMs, () => {
      passed = true;
    });
    await eventually(world, "a day has passed", () => passed, { stepMs: dayMs / 2 });
  };
  leapMs = 364 * dayMs;
  await passDay();
  assert.equal(labelOf("unused"), undefined, "it was not watched for a year yet");
  leapMs = 366 * dayMs;
  await eventually(world, "one is void", () => labelOf("unused") !== undefined, { stepMs: dayMs / 2 });
  await use(700);
  leapMs = 735 * dayMs;
  const isGone = () => api.get("secrets", "default", "unused") === undefined;
  await eventually(world, "it is gone", isGone, { stepMs: dayMs / 2 });
  for (const name of ["used", "mounted", "asked-for"]) {
    assert.ok(api.get("secrets", "default", name), name);
    assert.equal(labelOf(name), undefined, name);
  }
  await manager.stop();
});
