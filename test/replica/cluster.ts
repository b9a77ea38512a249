/** Members in this process, on the real platform, in a temporary directory. */
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodePlatform, type Platform, type TlsMaterial } from "../../src/platform/index.ts";
import { openReplica, type Replica, type ReplicaConfig } from "../../src/replica/index.ts";
import { createLog, createMetrics, type Log, type Metrics } from "../../src/telemetry/index.ts";

const level = process.env["LOG"] === undefined ? "error" : "info";
export const quietLog = createLog({
  sink: (line) => process.stderr.write(line),
  now: Date.now,
  level,
  format: "text",
});

export interface ReplicaCluster {
  readonly replicas: Replica[];
  readonly configs: readonly ReplicaConfig[];
  /** What each member counts in its first life. */
  readonly metrics: readonly Metrics[];
  /** Starts a member again on its directory. */
  restart(position: number): Promise<Replica>;
  /** Position of the member that leads, once there is one and all running members agree. */
  leader(): Promise<number>;
  close(): Promise<void>;
}

export async function startReplicas(
  count: number,
  options: Partial<ReplicaConfig> & { tls?: TlsMaterial } = {},
  log: Log = quietLog,
  platform: Platform = nodePlatform(),
): Promise<ReplicaCluster> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-replica-"));
  const ports = await freePorts(count);
  const configs = replicaConfigs(ports, directory, options);
  const open = (config: ReplicaConfig, metrics = createMetrics()) =>
    openReplica({ platform, config, log: log.channel(config.name), metrics });
  const metrics = configs.map(() => createMetrics());
  const replicas = await Promise.all(configs.map((config, i) => open(config, metrics[i])));
  const running = () => replicas.filter((_, position) => !stopped.has(position));
  const stopped = new Set<number>();
  for (const [position, replica] of replicas.entries()) track(position, replica);

  function track(position: number, replica: Replica): void {
    const close = replica.close.bind(replica);
    replica.close = () => {
      stopped.add(position);
      return close();
    };
  }

  return {
    replicas,
    configs,
    metrics,
    async restart(position) {
      const replica = await open(configs[position] as ReplicaConfig);
      replicas[position] = replica;
      stopped.delete(position);
      track(position, replica);
      return replica;
    },
    async leader() {
      for (;;) {
        const leaders = new Set(running().map((replica) => replica.status().leader));
        const [leader] = leaders;
        const position = replicas.findIndex(({ memberId }) => memberId === leader);
        if (leaders.size === 1 && position >= 0 && !stopped.has(position)) return position;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    async close() {
      await Promise.all(running().map((replica) => replica.close()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

export function replicaConfigs(
  ports: readonly number[],
  directory: string,
  options: Partial<ReplicaConfig> = {},
): ReplicaConfig[] {
  const scheme = options.tls === undefined ? "http" : "https";
  const initialMembers = ports.map((port, i) => ({
    name: `m${i + 1}`,
    peerUrls: [`${scheme}://127.0.0.1:${port}`],
  }));
  return ports.map((port, i) => ({
    name: `m${i + 1}`,
    directory: join(directory, `m${i + 1}`),
    initialMembers,
    clusterToken: "test",
    listenPeer: { host: "127.0.0.1", port },
    tls: undefined,
    heartbeatMs: 20,
    electionMs: 200,
    snapshotCount: 10_000,
    ...options,
  }));
}

export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => new Promise((resolve) => server.once("listening", resolve))));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
