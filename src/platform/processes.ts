import { type ChildProcess, spawn } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import type { Duplex } from "node:stream";
import type { ProcessEnd, Processes, ProcessUsage, RunningProcess, SpawnRequest } from "./process-ports.ts";

/** How soon the end of a process that is not our child is noticed. Milliseconds. */
const adoptedPollMs = 25;
/** A process that ended and that nobody waited for still answers signals; its state is looked up every so many polls. */
const zombiePolls = 20;
/** Clock ticks in a second on every Linux that Node runs on (USER_HZ), and the bytes of a page. */
const ticksPerSecond = 100;
const pageBytes = 4096;

/** The operating system's processes. */
export function nodeProcesses(): Processes {
  return {
    spawn: start,
    adopt,
    usage: usageOf,
    user: () => process.getuid?.(),
    environment: () => ({ ...process.env }) as Record<string, string>,
  };
}

function start(request: SpawnRequest): Promise<RunningProcess> {
  const opened: number[] = [];
  const append = (path: string): number => {
    const descriptor = fs.openSync(path, "a", 0o640);
    opened.push(descriptor);
    return descriptor;
  };
  return new Promise((resolve, reject) => {
    let child: ChildProcess;
    try {
      const { output } = request;
      const outputs = output === "pipe" ? (["pipe", "pipe"] as const) : logTo(append(output.file));
      const { record, control } = request;
      const extra = [record, control].filter((path) => path !== undefined).map(append);
      const { file, args, ids } = asUser(request);
      child = spawn(file, args, {
        env: request.env,
        cwd: request.cwd,
        stdio: [request.stdin ? "pipe" : "ignore", ...outputs, ...extra],
        // A group of its own: signals reach all of it, and it outlives us.
        detached: true,
        ...ids,
      });
    } catch (error) {
      closeAll(opened);
      reject(error);
      return;
    }
    closeAll(opened);
    child.once("error", reject);
    child.once("spawn", () => {
      child.removeListener("error", reject);
      child.on("error", () => {});
      resolve(childProcess(child));
    });
  });
}

/** Node's spawn takes all supplementary groups away and gives none. */
const setpriv = "/usr/bin/setpriv";

function asUser({ file, args, uid, gid, groups = [] }: SpawnRequest): {
  file: string;
  args: string[];
  ids: { uid?: number; gid?: number };
} {
  if (uid !== undefined && gid !== undefined && groups.length > 0 && fs.existsSync(setpriv)) {
    const options = [`--reuid=${uid}`, `--regid=${gid}`, `--groups=${groups.join(",")}`];
    return { file: setpriv, args: [...options, "--", file, ...args], ids: {} };
  }
  const ids = { ...(uid === undefined ? {} : { uid }), ...(gid === undefined ? {} : { gid }) };
  return { file, args: [...args], ids };
}

const logTo = (descriptor: number): [number, number] => [descriptor, descriptor];

function closeAll(descriptors: readonly number[]): void {
  for (const descriptor of descriptors) fs.closeSync(descriptor);
}

function childProcess(child: ChildProcess): RunningProcess {
  const pid = child.pid as number;
  const ended = new Promise<ProcessEnd>((resolve) => {
    child.once("exit", (code, signal) => resolve({ exitCode: code ?? 128 + signalNumber(signal) }));
  });
  // Who has to wait for it says so; by itself a pod's program keeps no agent alive.
  if (child.stdout === null) child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.on("error", () => {});
  return {
    pid,
    startTime: startTimeOf(pid) ?? "",
    ended,
    signal: (signal) => signalGroup(pid, signal),
    stdin: child.stdin as Duplex | null,
    stdout: child.stdout,
    stderr: child.stderr,
  };
}

function adopt({ pid, startTime }: { pid: number; startTime: string }): RunningProcess | undefined {
  if (!runs(pid, startTime)) return undefined;
  const ended = new Promise<ProcessEnd>((resolve) => {
    let polls = 0;
    const timer = setInterval(() => {
      const gone = ++polls % zombiePolls === 0 ? !runs(pid, startTime) : !answers(pid);
      if (!gone) return;
      clearInterval(timer);
      resolve({ exitCode: undefined });
    }, adoptedPollMs);
    timer.unref();
  });
  return {
    pid,
    startTime,
    ended,
    signal: (signal) => signalGroup(pid, signal),
    stdin: null,
    stdout: null,
    stderr: null,
  };
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as { code?: string }).code === "EPERM";
  }
}

const runs = (pid: number, startTime: string): boolean =>
  answers(pid) && startTimeOf(pid) === (startTime === "" ? undefined : startTime);

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

const signalNumber = (signal: NodeJS.Signals | null): number =>
  signal === null ? 0 : (os.constants.signals[signal] ?? 0);

/** Fields of /proc/PID/stat after the command's name (proc(5)), where there is such a file and the process is no zombie. */
function statOf(pid: number): string[] | undefined {
  let text: string;
  try {
    text = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? undefined : fields;
}

/** Ticks since boot, with the boot itself; undefined where the process is gone or the platform does not tell. */
function startTimeOf(pid: number): string | undefined {
  const ticks = statOf(pid)?.[19];
  return ticks === undefined ? undefined : `${bootId()}/${ticks}`;
}

let knownBootId: string | undefined;

function bootId(): string {
  knownBootId ??= fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  return knownBootId;
}

/** Of all processes of the sessions that the given processes lead. */
async function usageOf(leaders: readonly number[]): Promise<ReadonlyMap<number, ProcessUsage>> {
  const found = new Map<number, { cpuNanoseconds: number; memoryBytes: number; processes: number }>();
  if (leaders.length === 0) return found;
  const wanted = new Set(leaders);
  const names = await fs.promises.readdir("/proc").catch((): string[] => []);
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const fields = statOf(Number(name));
    const session = Number(fields?.[3]);
    if (fields === undefined || !wanted.has(session)) continue;
    const usage = found.get(session) ?? { cpuNanoseconds: 0, memoryBytes: 0, processes: 0 };
    // utime, stime and those of children it has waited for.
    const ticks = [11, 12, 13, 14].reduce((sum, position) => sum + Number(fields[position]), 0);
    usage.cpuNanoseconds += (ticks / ticksPerSecond) * 1e9;
    usage.memoryBytes += Number(fields[21]) * pageBytes;
    usage.processes++;
    found.set(session, usage);
  }
  return found;
}
