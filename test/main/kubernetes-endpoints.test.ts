import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { createClient, silentLog } from "../../src/client/index.ts";
import {
  keepKubernetesEndpoints,
  publishedAddress,
} from "../../src/main/start-objects/kubernetes-endpoints.ts";
import type { Connection, Network } from "../../src/platform/index.ts";
import { openServer } from "../apiserver/open-server.ts";
import { ManualClock } from "../storage/manual-clock.ts";

const admin = { name: "admin", groups: ["system:masters", "system:authenticated"] };
const scope = { group: "", version: "v1", namespace: "default" };

/** A network in which some ports answer. */
function networkOf(listening: ReadonlySet<number>): Network {
  const nobody = async (): Promise<never> => assert.fail("only connections are made");
  return {
    listen: nobody,
    bindDatagrams: nobody,
    async connect({ port }): Promise<Connection> {
      if (!listening.has(port)) throw new Error("connect ECONNREFUSED");
      return { stream: new PassThrough() } as unknown as Connection;
    },
  };
}

test("members add themselves to the endpoints of the Service kubernetes, and take out who does not answer", async () => {
  const { server, close } = openServer();
  const client = createClient({ transport: server.transport(admin), userAgent: "test" });
  await client.create(
    { group: "", version: "v1", resource: "namespaces" },
    { metadata: { name: "default" } },
  );
  const listening = new Set([6443, 6444]);
  const stopping = new AbortController();
  const clock = new ManualClock();
  const member = (port: number): Promise<void> => {
    const { signal } = stopping;
    const network = networkOf(listening);
    return keepKubernetesEndpoints({ client, clock, log: silentLog, signal, network, ip: "192.0.2.1", port })
      .there;
  };
  const published = async (): Promise<readonly unknown[]> => {
    const { subsets } = await client.get({ ...scope, resource: "endpoints" }, "kubernetes");
    const { items } = await client.list({
      ...scope,
      group: "discovery.k8s.io",
      resource: "endpointslices",
    });
    const inSlices = items.map(({ metadata, ports }) => [metadata.name, ports[0].port]);
    return [subsets.map(({ ports }: { ports: { port: number }[] }) => ports[0]?.port), inSlices];
  };
  await member(6443);
  assert.deepEqual(await published(), [[6443], [["kubernetes", 6443]]]);
  await member(6444);
  assert.deepEqual(await published(), [
    [6443, 6444],
    [
      ["kubernetes", 6443],
      ["kubernetes-1", 6444],
    ],
  ]);
  listening.delete(6443);
  await member(6444);
  assert.deepEqual(await published(), [[6444], [["kubernetes", 6444]]]);
  stopping.abort();
  await close();
});

test("loopback is published only where the whole cluster is on this machine", () => {
  assert.equal(publishedAddress("192.0.2.7", false), "192.0.2.7");
  assert.equal(publishedAddress("127.0.0.1", false), undefined);
  assert.equal(publishedAddress("127.0.0.1", true), "127.0.0.1");
  for (const host of ["0.0.0.0", "::", "localhost", "::1"])
    assert.equal(publishedAddress(host, true), undefined);
});
