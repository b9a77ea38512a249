import assert from "node:assert/strict";
import { test } from "node:test";
import { createClient, silentLog } from "../../src/client/index.ts";
import { keepDnsService } from "../../src/main/index.ts";
import { openServer } from "../apiserver/open-server.ts";
import { ManualClock } from "../storage/manual-clock.ts";
import { until } from "../traffic/world.ts";

const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const services = { group: "", version: "v1", resource: "services" };

test("where another Service has the address of kube-dns an event says so, once, and it is made when that is gone", async () => {
  const { server, close } = openServer();
  const client = createClient({ transport: server.transport(admin), userAgent: "test" });
  for (const name of ["default", "kube-system"])
    await client.create({ group: "", version: "v1", resource: "namespaces" }, { metadata: { name } });
  const clusterIP = "10.0.0.10";
  const spec = { clusterIP, ports: [{ port: 80 }] };
  await client.create({ ...services, namespace: "default" }, { metadata: { name: "squatter" }, spec });
  const events: string[] = [];
  const recorder = {
    event: (_object: unknown, type: string, reason: string, message: string) =>
      void events.push(`${type} ${reason} ${message}`),
    action: () => {},
    flush: async () => {},
  };
  const clock = new ManualClock();
  const stopping = new AbortController();
  const { there } = keepDnsService({
    ...{ client, clock, log: silentLog, signal: stopping.signal, recorder, clusterIp: clusterIP },
    server: { host: "192.0.2.53", port: 10_053 },
  });
  await until("it is told", () => events.length > 0);
  clock.advance(500);
  assert.match(
    events.join("\n"),
    /^Warning DNSServiceFailed .* no Service at 10\.0\.0\.10.*already allocated$/,
  );
  await client.delete({ ...services, namespace: "default" }, "squatter");
  let made = false;
  void there.then(() => {
    made = true;
  });
  await until("it is made", () => {
    clock.advance(500);
    return made;
  });
  const service = await client.get({ ...services, namespace: "kube-system" }, "kube-dns");
  assert.equal(service["spec"].clusterIP, clusterIP);
  assert.equal(events.length, 1);
  stopping.abort();
  await close();
});
