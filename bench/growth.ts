/**
 * `npm run bench -- growth`: what 100,000 objects of 1 KB cost, and 10,000 watchers of all of them on 100 connections, in one `raftsman serve`.
 */
import { startApis } from "./api-servers.ts";
import { h2load } from "./h2load.ts";
import { watchClient } from "./watchers.ts";

const objects = 100_000;
const steps = 10;
const watches = 10_000;
const connections = 100;
const changes = 10;
const collection = "/api/v1/namespaces/default/configmaps";
const filler = "x".repeat(900);

export async function bench(progress: (line: string) => void): Promise<string[]> {
  const [server, ...others] = await startApis();
  for (const other of others) await other.stop();
  if (server === undefined) throw new Error("no server");
  const began = performance.now();
  const rows: string[] = [];
  const record = (what: string) => {
    const seconds = ((performance.now() - began) / 1000).toFixed(0);
    const megabytes = (server.residentBytes() / 1e6).toFixed(0);
    rows.push(`| ${what} | ${seconds} | ${server.cpuSeconds().toFixed(1)} | ${megabytes} |`);
    progress(rows.at(-1) as string);
  };
  const headers = [`authorization: Bearer ${server.token}`];
  try {
    record("idle");
    for (let step = 1; step <= steps; step++) {
      await h2load({
        origin: server.origin,
        paths: [collection],
        headers: [...headers, "content-type: application/json"],
        body: JSON.stringify({ metadata: { generateName: "made-" }, data: { filler } }),
        requests: objects / steps,
        connections: 2,
        streams: 64,
      });
      record(`${((objects * step) / steps).toLocaleString("en")} objects`);
    }
    await h2load({
      origin: server.origin,
      paths: [collection],
      headers,
      requests: 1,
      connections: 1,
      streams: 1,
    });
    record("all of them listed");
    const client = await watchClient(server, collection, { watches, connections });
    try {
      record(`${watches.toLocaleString("en")} watchers on ${connections} connections`);
      const time = client.untilEvents(changes);
      await client.counting;
      const { items } = (await server.call("GET", `${collection}?limit=1`)) as {
        items: { metadata: { name: string } }[];
      };
      const path = `${collection}/${items[0]?.metadata.name}`;
      for (let i = 0; i < changes; i++) {
        const body = { metadata: { annotations: { change: `${i}` } } };
        await server.call("PATCH", path, body, "application/merge-patch+json");
      }
      const ms = await time;
      record(`${changes} changes told to all of them in ${ms.toFixed(0)} ms`);
    } finally {
      client.stop();
    }
    return ["| | after s | CPU s | resident MB |", "|-|-|-|-|", ...rows];
  } finally {
    await server.stop();
  }
}
