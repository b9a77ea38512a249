/** A real etcd as a process, on a port that it keeps when it is started again. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Any from 3.4 on; ETCD names another binary than the one on the PATH. */
const program = process.env["ETCD"] ?? "etcd";

const found = spawnSync(program, ["--version"]).status === 0;

/** Why tests with it are skipped. Under CI they fail instead. */
export const missing =
  found || process.env["CI"] === "true"
    ? false
    : `${program} is not installed (Debian: apt-get install etcd-server)`;

export interface RealEtcd {
  readonly url: string;
  readonly peerUrl: string;
  readonly directory: string;
  /** SIGTERM: it writes down everything. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Again on its data. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  close(): Promise<void>;
}

export interface EtcdTls {
  readonly caFile: string;
  readonly certFile: string;
  readonly keyFile: string;
}

/** One member that begins with a snapshot of a store. */
export async function startEtcdFrom(snapshot: string): Promise<RealEtcd> {
  const [etcd] = await startEtcd(1, undefined, snapshot);
  return etcd as RealEtcd;
}

/** `members`: of one cluster. */
export async function startEtcd(
  members = 1,
  tls?: EtcdTls,
  snapshot?: string,
  flags: readonly string[] = [],
): Promise<RealEtcd[]> {
  const ports = await freePorts(2 * members);
  const scheme = tls === undefined ? "http" : "https";
  const peers = Array.from({ length: members }, (_, i) => `http://127.0.0.1:${ports[2 * i + 1]}`);
  const cluster = peers.map((url, i) => `m${i}=${url}`).join(",");
  const all = peers.map((peer, i) => {
    const port = ports[2 * i] as number;
    const url = `${scheme}://127.0.0.1:${port}`;
    const directory = mkdtempSync(join(tmpdir(), "raftsman-etcd-"));
    const identity = [
      ["--name", `m${i}`],
      ["--data-dir", join(directory, "data")],
      ["--initial-advertise-peer-urls", peer],
      ["--initial-cluster", cluster],
    ].flat();
    if (snapshot !== undefined) restore(snapshot, identity);
    const args = [
      ...identity,
      ["--listen-client-urls", url],
      ["--advertise-client-urls", url],
      ["--listen-peer-urls", peer],
      flags,
      ...(tls === undefined
        ? []
        : [
            ["--client-cert-auth"],
            ["--trusted-ca-file", tls.caFile],
            ["--cert-file", tls.certFile],
            ["--key-file", tls.keyFile],
          ]),
    ].flat();
    let child: ChildProcess | undefined;
    const end = async (signal: NodeJS.Signals): Promise<void> => {
      const running = child;
      child = undefined;
      if (running === undefined || running.exitCode !== null) return;
      const gone = new Promise((resolve) => running.once("exit", resolve));
      running.kill(signal);
      await gone;
    };
    const etcd: RealEtcd = {
      url,
      peerUrl: peer,
      directory: join(directory, "data"),
      stop: () => end("SIGTERM"),
      kill: () => end("SIGKILL"),
      async start() {
        const started = spawn(program, args, {
          stdio: "ignore",
          env: { ...process.env, ETCD_UNSUPPORTED_ARCH: "arm64" },
        });
        child = started;
        const failed = new Promise<never>((_, reject) => {
          started.once("error", reject);
          started.once("exit", (code) => reject(new Error(`${program} ended with ${code}`)));
        });
        failed.catch(() => {});
        await Promise.race([listening(port), failed]);
      },
      async close() {
        await etcd.kill();
        rmSync(directory, { recursive: true, force: true });
      },
    };
    return etcd;
  });
  await Promise.all(all.map((etcd) => etcd.start()));
  return all;
}

/** etcd 3.4 has this in etcdctl, later ones in etcdutl. */
function restore(snapshot: string, identity: readonly string[]): void {
  const env = { ...process.env, ETCDCTL_API: "3" };
  const failures = ["etcdutl", "etcdctl"].map((tool) => {
    const { status, error, stderr } = spawnSync(tool, ["snapshot", "restore", snapshot, ...identity], {
      env,
      encoding: "utf8",
    });
    return status === 0 ? "" : `${tool}: ${error?.message ?? stderr}`;
  });
  if (!failures.includes("")) throw new Error(failures.join("\n"));
}

/** Once somebody listens there. */
async function listening(port: number): Promise<void> {
  for (;;) {
    const there = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: "127.0.0.1", port });
      socket.once("connect", () => {
        socket.destroy();
        resolve(true);
      });
      socket.once("error", () => resolve(false));
    });
    if (there) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from(
      { length: count },
      () =>
        new Promise<ReturnType<typeof createServer>>((resolve) => {
          const server = createServer();
          server.listen(0, "127.0.0.1", () => resolve(server));
        }),
    ),
  );
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
