/** A cluster for the tests with real clients: the built command, started as a user starts it, on free ports. */
import { type ChildProcess, execFile, spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { realClient } from "./kubectl-archive.ts";

const root = join(import.meta.dirname, "../..");
const entry = join(root, "dist/raftsman.js");
const startTimeoutMs = 60_000;

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface TestCluster {
  readonly directory: string;
  /** Of the process that was started; of one member everything is in it. */
  readonly pid: number;
  readonly kubeconfig: string;
  readonly etcdUrls: readonly string[];
  readonly certs: string;
  /** Flags for etcdctl. */
  readonly etcdFlags: readonly string[];
  /** Process ids by member name; of three members. */
  readonly pids: ReadonlyMap<string, number>;
  readonly output: readonly string[];
  /** What it said on standard error, line by line. */
  readonly notices: readonly string[];
  kubectl(args: readonly string[], input?: string): Promise<Outcome>;
  etcdctl(args: readonly string[], input?: string): Promise<Outcome>;
  raftsman(args: readonly string[], input?: string): Promise<Outcome>;
  /** Starts kubectl, etcdctl or raftsman and leaves it running, for watches. */
  start(
    program: "kubectl" | "etcdctl" | "raftsman",
    args: readonly string[],
  ): { lines: AsyncIterable<string>; stop(): void };
  /** SIGTERM; the exit status. */
  stop(): Promise<number | null>;
}

export async function startCluster(args: readonly string[] = []): Promise<TestCluster> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-e2e-"));
  const kubeconfig = join(directory, "kubeconfig");
  const certs = join(directory, "certs");
  const flags = ["--port", "0", "--etcd-port", "0", "--kubeconfig", kubeconfig, "--certs", certs, ...args];
  const child = spawn(join(root, "bin/raftsman"), ["up", ...flags], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, KUBE_CACHE_MUTATION_DETECTOR: "true" },
  });
  const output: string[] = [];
  const notices: string[] = [];
  createInterface({ input: child.stderr }).on("line", (line) => notices.push(line));
  await untilReady(child, output, notices);
  const pids = new Map<string, number>();
  let etcdUrls: string[] = [];
  for (const line of output) {
    const member = /member (\S+): pid (\d+)/.exec(line);
    if (member) pids.set(member[1] as string, Number(member[2]));
    etcdUrls = /^etcd API\s+(\S+)/.exec(line)?.[1]?.split(",") ?? etcdUrls;
  }
  const tls = [
    "--cacert",
    join(certs, "ca.crt"),
    "--cert",
    join(certs, "client.crt"),
    "--key",
    join(certs, "client.key"),
  ];
  const etcdFlags = ["--endpoints", etcdUrls.join(","), ...tls];
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: directory, ETCDCTL_API: "3" };
  return {
    directory,
    pid: child.pid as number,
    kubeconfig,
    etcdUrls,
    certs,
    etcdFlags,
    pids,
    output,
    notices,
    kubectl: (rest, input) => run(realClient("kubectl"), rest, env, input),
    etcdctl: (rest, input) => run("etcdctl", [...etcdFlags, ...rest], env, input),
    raftsman: (rest, input) => run(process.execPath, [entry, ...rest], env, input),
    start(program, rest) {
      const [file, ...first] = {
        kubectl: [realClient("kubectl")],
        etcdctl: ["etcdctl"],
        raftsman: [process.execPath, entry],
      }[program];
      const running = spawn(file as string, [...first, ...rest], {
        env,
        stdio: ["ignore", "pipe", "inherit"],
      });
      return { lines: createInterface({ input: running.stdout }), stop: () => running.kill("SIGKILL") };
    },
    async stop() {
      const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
      if (child.exitCode === null) child.kill("SIGTERM");
      const status = child.exitCode ?? (await ended);
      rmSync(directory, { recursive: true, force: true });
      return status;
    },
  };
}

/** Runs a program to its end; never throws for its status. */
export function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  input?: string,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(
      program,
      args,
      { env, maxBuffer: 64 * 1024 * 1024, timeout: 120_000 },
      (error, stdout, stderr) => {
        const code = (error as { code?: number | string } | null)?.code;
        resolve({ status: error ? (typeof code === "number" ? code : 255) : 0, stdout, stderr });
      },
    );
    // A program that ends without reading breaks the pipe; its status says what became of it.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}

/**
 * For `skip`: why a test with etcdctl cannot run here, or false. With CI=true it never skips: what CI lacks, CI installs.
 */
export function withoutEtcdctl(): string | false {
  if (process.env["CI"] === "true" || spawnSync("which", ["etcdctl"]).status === 0) return false;
  return "etcdctl is not installed (Debian: apt install etcd-client)";
}

/** Calls `probe` until it answers something; the clock only bounds a failure. */
export async function eventually<T>(
  what: string,
  probe: () => Promise<T | undefined | false>,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function untilReady(child: ChildProcess, output: string[], notices: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const errors = () => notices.slice(-20).join("\n");
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`not ready within ${startTimeoutMs} ms:\n${output.join("\n")}\n${errors()}`));
    }, startTimeoutMs);
    child.once("exit", (code) => {
      clearTimeout(timer);
      reject(new Error(`up ended with status ${code}:\n${output.join("\n")}\n${errors()}`));
    });
    if (child.stdout === null) return;
    createInterface({ input: child.stdout }).on("line", (line) => {
      output.push(line);
      if (!line.startsWith("ready")) return;
      clearTimeout(timer);
      resolve();
    });
  });
}
