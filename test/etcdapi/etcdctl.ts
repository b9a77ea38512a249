import { type ChildProcessWithoutNullStreams, execFile, spawn, spawnSync } from "node:child_process";

/** Any etcdctl from 3.4 on; ETCDCTL names another binary than the one on the PATH. */
const etcdctl = process.env["ETCDCTL"] ?? "etcdctl";
const env = { ...process.env, ETCDCTL_API: "3" };

/** Why tests with it are skipped. */
export const missing =
  spawnSync(etcdctl, ["version"], { env }).status === 0
    ? false
    : `${etcdctl} is not installed (Debian: apt-get install etcd-client)`;

/** What it prints; rejects with what it says on standard error. */
export function runEtcdctl(args: readonly string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(etcdctl, args, { env }, (error, out, log) =>
      error ? reject(new Error(log)) : resolve(out),
    );
    child.stdin?.end(input);
  });
}

/** One that runs until it is killed. */
export function startEtcdctl(args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(etcdctl, args, { env });
}
