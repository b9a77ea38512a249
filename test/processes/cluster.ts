/** Members in processes of their own, which can be killed, stopped, and started again on their directories. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReplicaConfig } from "../../src/replica/index.ts";
import { freePorts, replicaConfigs } from "../replica/cluster.ts";
import type { Question, Status } from "./member.ts";

/** Milliseconds. */
const answerMs = 10_000;

/** The process is gone, or says nothing: whether it did what it was asked nobody knows. */
export class NoAnswerError extends Error {}

/** Refused, with etcd's words. */
export class RefusedError extends Error {
  readonly code: string | undefined;
  constructor(message: string, code: string | undefined) {
    super(message);
    this.code = code;
  }
}

export class MemberProcess {
  readonly config: ReplicaConfig;
  /** Runs before the member's command: `nsenter …`. */
  readonly #prefix: readonly string[];
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #child: ChildProcess | undefined;
  #number = 0;

  constructor(config: ReplicaConfig, prefix: readonly string[] = []) {
    this.config = config;
    this.#prefix = prefix;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** Resolves when the member is open. */
  start(): Promise<void> {
    const member = join(import.meta.dirname, "member.ts");
    const [command = "", ...args] = [...this.#prefix, process.execPath, member, JSON.stringify(this.config)];
    const child = spawn(command, args, {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      serialization: "advanced",
    });
    this.#child = child;
    return new Promise((resolve, reject) => {
      child.on("exit", () => {
        if (this.#child === child) this.#child = undefined;
        reject(new NoAnswerError(`member ${this.config.name} did not start`));
        for (const { reject: lost } of this.#waiting.values()) lost(new NoAnswerError("the process is gone"));
        this.#waiting.clear();
      });
      child.on("error", reject);
      child.on(
        "message",
        (message: { ready?: true; number: number; value?: unknown; error?: string; code?: string }) => {
          if (message.ready) return resolve();
          const waiting = this.#waiting.get(message.number);
          this.#waiting.delete(message.number);
          if (message.error === undefined) waiting?.resolve(message.value);
          else waiting?.reject(new RefusedError(message.error, message.code));
        },
      );
    });
  }

  /** Resolves when the process is gone. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  /** SIGSTOP and SIGCONT. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child?.kill(signal);
  }

  put(key: string, value: string): Promise<number> {
    return this.#ask({ ask: "put", key, value }) as Promise<number>;
  }

  /** Linearizable. */
  get(key: string): Promise<string | undefined> {
    return this.#ask({ ask: "get", key }) as Promise<string | undefined>;
  }

  status(): Promise<Status> {
    return this.#ask({ ask: "status" }) as Promise<Status>;
  }

  alarms(): Promise<string[]> {
    return this.#ask({ ask: "alarms" }) as Promise<string[]>;
  }

  disarm(): Promise<void> {
    return this.#ask({ ask: "disarm" }) as Promise<void>;
  }

  #ask(question: Question): Promise<unknown> {
    const child = this.#child;
    if (child === undefined) return Promise.reject(new NoAnswerError("the process is gone"));
    const number = ++this.#number;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(number);
        reject(new NoAnswerError(`no answer for ${answerMs} ms`));
      }, answerMs);
      const settled =
        <T>(done: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          done(value);
        };
      this.#waiting.set(number, { resolve: settled(resolve), reject: settled(reject) });
      child.send({ number, question });
    });
  }
}

/** A new cluster in a temporary directory, all members running; `close` ends it and removes the directory. */
export async function startProcesses(
  count: number,
  options: Partial<ReplicaConfig> = {},
  prefix: readonly string[] = [],
): Promise<{ members: readonly MemberProcess[]; close(): Promise<void> }> {
  const directory = mkdtempSync(join(tmpdir(), "raftsman-processes-"));
  const configs = replicaConfigs(await freePorts(count), directory, options);
  const members = configs.map((config) => new MemberProcess(config, prefix));
  await Promise.all(members.map((member) => member.start()));
  return {
    members,
    async close() {
      for (const member of members) member.signal("SIGCONT");
      await Promise.all(members.map((member) => member.kill()));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The one that leads the latest term, of those that answer. */
export async function leaderOf(members: readonly MemberProcess[]): Promise<MemberProcess> {
  for (;;) {
    const found = await Promise.all(
      members.map(async (member) => ({ member, status: await member.status().catch(() => undefined) })),
    );
    const [leader] = found
      .filter(({ status }) => status?.leads === true)
      .sort((a, b) => (b.status?.term ?? 0) - (a.status?.term ?? 0));
    if (leader !== undefined) return leader.member;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
