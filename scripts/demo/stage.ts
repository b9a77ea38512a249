/** The processes of the demo: members, nodes and a registrar, all of the built command, on free ports and in one temporary directory. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { note } from "./report.ts";

const root = join(import.meta.dirname, "../..");
const entry = join(root, "dist/raftsman.js");
const readyTimeoutMs = 20_000;
const endTimeoutMs = 15_000;

export const directory = mkdtempSync(join(tmpdir(), "raftsman-demo-"));
export const kubeconfig = join(directory, "kubeconfig");
export const certs = join(directory, "certs");

const environment = {
  ...process.env,
  KUBECONFIG: kubeconfig,
  ...(process.stdout.isTTY ? { FORCE_COLOR: "1" } : {}),
};
/** In the order in which they are to end. */
const running: ChildProcess[] = [];

/** The command, as a user types it; its output is ours. */
export function raftsman(...args: string[]): void {
  note(`$ raftsman ${args.join(" ")}`);
  process.stdout.write(execFileSync(process.execPath, [entry, ...args], { cwd: root, env: environment }));
}

/** One that goes on; resolves with what it said until a line that `isReady`. */
export async function start(
  args: readonly string[],
  options: { readonly isReady: RegExp; readonly hidden?: readonly string[] },
): Promise<{ child: ChildProcess; lines: string[] }> {
  note(`$ raftsman ${args.join(" ")} &`);
  const child = spawn(process.execPath, [entry, ...args, ...(options.hidden ?? [])], {
    stdio: ["ignore", "pipe", "pipe"],
    env: environment,
    // A Ctrl-C is for us: we end them in order.
    detached: true,
  });
  running.unshift(child);
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    const failed = (why: string) =>
      reject(new Error(`raftsman ${args[0]} ${why}:\n${lines.slice(-20).join("\n")}`));
    const timer = setTimeout(() => failed("is not ready"), readyTimeoutMs);
    child.once("exit", (code) => failed(`ended with status ${code}`));
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on("line", (line) => {
        lines.push(line);
        if (!options.isReady.test(line)) return;
        clearTimeout(timer);
        resolve();
      });
  });
  return { child, lines };
}

/** The agent and all that it runs, at once: as a machine that lost its power. */
export function killNode(agent: ChildProcess, nodeDirectory: string): number[] {
  const pids = programsOf(nodeDirectory);
  agent.kill("SIGKILL");
  for (const pid of pids) killGroup(pid);
  running.splice(running.indexOf(agent), 1);
  return pids;
}

function programsOf(nodeDirectory: string): number[] {
  const pods = join(nodeDirectory, "pods");
  return readdirSync(pods).flatMap((uid) => {
    try {
      const { containers } = JSON.parse(readFileSync(join(pods, uid, "pod.json"), "utf8"));
      return containers.flatMap(({ state }: { state: { kind: string; pid: number } }) =>
        state.kind === "running" ? [state.pid] : [],
      );
    } catch {
      // A pod that is just coming or going has none.
      return [];
    }
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Ends everything, the last one that was started first. Whether all ended as they should. */
export async function clearStage(): Promise<boolean> {
  let clean = true;
  for (const child of running.splice(0)) {
    const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), endTimeoutMs);
    const status = child.exitCode ?? (child.signalCode === null ? await ended : null);
    clearTimeout(late);
    if (status !== 0) clean = false;
  }
  rmSync(directory, { recursive: true, force: true });
  return clean;
}
