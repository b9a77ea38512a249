import type { TestContext } from "node:test";
import { createEtcdApi } from "../../src/etcdapi/index.ts";
import { createHttpServer } from "../../src/h2/index.ts";
import type { Platform } from "../../src/platform/index.ts";
import type { ReplicaConfig } from "../../src/replica/index.ts";
import { quietLog, type ReplicaCluster, startReplicas } from "../replica/cluster.ts";
import { errorLog, platform } from "./serve.ts";

export interface ServedMembers {
  readonly cluster: ReplicaCluster;
  /** Where each member serves etcd's API, without TLS. */
  readonly ports: readonly number[];
}

/** Members with logs on the disk and sockets between them, each with etcd's API, until the test ends. */
export async function serveMembers(
  t: TestContext,
  count: number,
  options: Omit<Partial<ReplicaConfig>, "tls"> = {},
  machine: Platform = platform,
): Promise<ServedMembers> {
  const cluster = await startReplicas(count, options, quietLog, machine);
  const internalErrors: unknown[] = [];
  const ports: number[] = [];
  const closing: (() => Promise<unknown>)[] = [];
  for (const [i, replica] of cluster.replicas.entries()) {
    const metrics = cluster.metrics[i];
    const api = createEtcdApi({
      kv: replica,
      cluster: replica,
      clock: platform.clock,
      log: errorLog((error) => internalErrors.push(error)),
      ...(metrics && { metrics, features: [["InitialCorruptCheck", "ALPHA", false]] as const }),
    });
    const server = createHttpServer({ clock: platform.clock, ...api });
    const listener = await platform.network.listen({ host: "127.0.0.1", port: 0 }, (connection) =>
      server.serve(connection),
    );
    ports.push(listener.port);
    closing.push(async () => {
      api.close();
      await server.close({ graceMs: 100 });
      await listener.close();
    });
  }
  t.after(async () => {
    await Promise.all(closing.map((close) => close()));
    await cluster.close();
    if (internalErrors.length > 0) throw new AggregateError(internalErrors, "internal errors");
  });
  await Promise.all(cluster.replicas.map(({ ready }) => ready));
  return { cluster, ports };
}
