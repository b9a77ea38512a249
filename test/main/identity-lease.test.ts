import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, silentLog } from "../../src/client/index.ts";
import { keepIdentityLease } from "../../src/main/start-objects/identity-lease.ts";
import { nodePlatform } from "../../src/platform/index.ts";
import { openServer } from "../apiserver/open-server.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const leases = { group: "coordination.k8s.io", version: "v1", resource: "leases", namespace: "kube-system" };
const hourMs = 3_600_000;

test("every server has a Lease by one name, and what is left of those that are gone goes", async () => {
  const { server, close } = openServer();
  const client = createClient({ transport: server.transport(admin), userAgent: "test" });
  await client.create(
    { group: "", version: "v1", resource: "namespaces" },
    { metadata: { name: "kube-system" } },
  );
  const clock = new ManualClock();
  const { random } = nodePlatform();
  const starts = async (name: string): Promise<AbortController> => {
    const stopping = new AbortController();
    await keepIdentityLease({ client, clock, random, log: silentLog, signal: stopping.signal, name }).there;
    return stopping;
  };
  const names = async () => (await client.list(leases, {})).items.map(({ metadata }) => metadata.name);
  (await starts("a")).abort();
  const [first] = await names();
  assert.match(String(first), /^apiserver-[a-z2-7]{26}$/);
  (await starts("a")).abort();
  assert.deepEqual(await names(), [first], "the same after a restart");
  (await starts("b")).abort();
  assert.equal((await names()).length, 2);
  clock.advance(2 * hourMs);
  (await starts("b")).abort();
  const left = await names();
  assert.equal(left.length, 1);
  assert.notEqual(left[0], first);
  await close();
});
