/** The members of `up --members 3`: processes of their own, so that each can be killed like a machine can. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** How long a member that died stays away before it is started again. */
const restartDelayMs = 3000;

interface MemberEndpoints {
  readonly name: string;
  readonly apiUrl: string;
  readonly etcdUrl: string;
}

export interface MemberProcess {
  readonly name: string;
  /** Changes when the member is started again. */
  pid: number | undefined;
  endpoints: MemberEndpoints | undefined;
  readonly logFile: string;
}

export interface MemberProcesses {
  readonly members: readonly MemberProcess[];
  /** All have said "ready" once. @throws Error with the end of the log of one that did not come up */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

export function startMembers(options: {
  readonly names: readonly string[];
  readonly dataDir: string;
  readonly argumentsOf: (name: string) => readonly string[];
  readonly notify: (line: string) => void;
}): MemberProcesses {
  let stopping = false;
  const running = new Map<string, ChildProcess>();
  const members: MemberProcess[] = options.names.map((name) => ({
    name,
    pid: undefined,
    endpoints: undefined,
    logFile: join(options.dataDir, `${name}.log`),
  }));

  const start = (member: MemberProcess): Promise<void> =>
    new Promise((resolve, reject) => {
      const entry = process.argv[1] as string;
      const child = spawn(
        process.execPath,
        [...process.execArgv, entry, "serve", ...options.argumentsOf(member.name)],
        {
          stdio: ["ignore", "ignore", "pipe", "ipc"],
          // A Ctrl-C reaches the whole group: only we are to hear it, and stop the members in order.
          detached: true,
        },
      );
      running.set(member.name, child);
      member.pid = child.pid;
      let tail = "";
      const log = createWriteStream(member.logFile, { flags: "a" });
      child.stderr?.pipe(log);
      child.stderr?.on("data", (chunk: Buffer) => {
        tail = (tail + chunk.toString("utf8")).slice(-2000);
      });
      child.on("message", (message: { ready?: MemberEndpoints }) => {
        if (message.ready === undefined) return;
        member.endpoints = message.ready;
        resolve();
      });
      child.on("exit", (code, signal) => {
        running.delete(member.name);
        const first = member.endpoints === undefined;
        member.pid = undefined;
        member.endpoints = undefined;
        if (stopping) return;
        const how = signal ?? `status ${code}`;
        if (first)
          return reject(
            new Error(`member ${member.name} ended with ${how} before it was ready:\n${tail.trim()}`),
          );
        options.notify(
          `member ${member.name} ended (${how}); starting it again in ${restartDelayMs / 1000} s`,
        );
        void restart(member);
      });
    });

  const restart = async (member: MemberProcess): Promise<void> => {
    while (!stopping) {
      await delay(restartDelayMs, undefined, { ref: false });
      if (stopping) return;
      try {
        await start(member);
        options.notify(`member ${member.name} is back (pid ${member.pid})`);
        return;
      } catch (error) {
        options.notify(error instanceof Error ? error.message : String(error));
      }
    }
  };

  return {
    members,
    ready: Promise.all(members.map(start)).then(() => {}),
    async stop() {
      stopping = true;
      const ends = [...running.values()].map(
        (child) =>
          new Promise<void>((resolve) => {
            const hard = setTimeout(() => child.kill("SIGKILL"), 5000);
            child.on("exit", () => {
              clearTimeout(hard);
              resolve();
            });
            child.kill("SIGTERM");
          }),
      );
      await Promise.all(ends);
    },
  };
}
