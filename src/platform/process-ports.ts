import type { Readable, Writable } from "node:stream";
import type { Platform } from "./ports.ts";

export interface SpawnRequest {
  /** A program's path, or its name to be found on the PATH of `env`. */
  readonly file: string;
  readonly args: readonly string[];
  /** All of it: nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  /** Beside `gid`; only with both others. Left out where the platform has no setpriv (util-linux). */
  readonly groups?: readonly number[];
  /** A pipe to its standard input; nothing to read without. */
  readonly stdin: boolean;
  /** Pipes, or a file to which both outputs are appended by the program itself. */
  readonly output: "pipe" | { readonly file: string };
  /** A file that the program finds open for appending as descriptor 3. */
  readonly record?: string;
  /** Likewise, as descriptor 4; only with `record`. */
  readonly control?: string;
}

export interface ProcessEnd {
  /** 128 and the signal's number after a signal; undefined where it was not our child, so that nobody told us. */
  readonly exitCode: number | undefined;
}

/** A program that was started: the leader of a session and a process group. */
export interface RunningProcess {
  readonly pid: number;
  /** With the pid it names the process for ever, for pids come again; "" where the platform does not tell. */
  readonly startTime: string;
  readonly ended: Promise<ProcessEnd>;
  /** To every process of the group; false where none is left. */
  signal(signal: NodeJS.Signals): boolean;
  /** Present where asked for. */
  readonly stdin: Writable | null;
  readonly stdout: Readable | null;
  readonly stderr: Readable | null;
}

/** Processor time since the start, and resident memory, of all processes of a session. */
export interface ProcessUsage {
  readonly cpuNanoseconds: number;
  readonly memoryBytes: number;
  readonly processes: number;
}

/** The processes of this machine as an argument. They outlive the process that started them. */
export interface Processes {
  /** @throws with Node's `code` (ENOENT, EACCES) where it cannot be started */
  spawn(request: SpawnRequest): Promise<RunningProcess>;
  /** A process that an earlier life started; undefined where it is gone. Knows of its end after some 25 ms. */
  adopt(identity: { readonly pid: number; readonly startTime: string }): RunningProcess | undefined;
  /** By leader. What has ended is missing; empty where the platform does not tell. */
  usage(leaders: readonly number[]): Promise<ReadonlyMap<number, ProcessUsage>>;
  /** The user this process is; undefined where the platform has none. */
  user(): number | undefined;
  /** Of this process. */
  environment(): Record<string, string>;
}

export interface FileStatus {
  readonly kind: "file" | "directory" | "socket" | "other";
  readonly bytes: number;
  readonly modifiedMs: number;
  readonly executable: boolean;
  /** Permission bits. */
  readonly mode: number;
  /** Of its group. */
  readonly gid: number;
}

/** Files that programs are to find: with modes, links and owners, and without the durability of `Disk`. */
export interface Files {
  makeDirectory(path: string, mode?: number): Promise<void>;
  /** Replaces or makes the file. */
  write(path: string, content: Uint8Array, mode: number): Promise<void>;
  read(path: string): Promise<Uint8Array>;
  /** At most `length` bytes from `position`; fewer at the end. */
  readAt(path: string, position: number, length: number): Promise<Uint8Array>;
  append(path: string, content: Uint8Array): Promise<void>;
  /** Appends as it is written to; of a named pipe this waits for its reader. */
  appendStream(path: string): Writable;
  /** Empties the file and writes `content` into it: whoever appends goes on behind that. */
  truncate(path: string, content: Uint8Array): Promise<void>;
  /** A symbolic link, put in the place of what is there in one step. */
  link(target: string, path: string): Promise<void>;
  linkTarget(path: string): Promise<string | undefined>;
  rename(from: string, to: string): Promise<void>;
  /** Undefined: as it is. Does not follow links. */
  own(path: string, owner: { readonly uid?: number; readonly gid?: number }): Promise<void>;
  setMode(path: string, mode: number): Promise<void>;
  list(path: string): Promise<string[]>;
  /** Undefined where there is nothing. Follows links. */
  status(path: string): Promise<FileStatus | undefined>;
  remove(path: string): Promise<void>;
  /** An empty one, and the kernel's that look full: control groups. */
  removeDirectory(path: string): Promise<void>;
  /** Bytes of a tree; 0 where it is missing. */
  usage(path: string): Promise<number>;
  /** Bytes of the file system that holds the path. */
  space(path: string): Promise<{ readonly total: number; readonly available: number }>;
  /** Calls `changed` when something in the file or directory did; the answer ends that. May call too often. */
  watch(path: string, changed: () => void): () => void;
}

/** What a machine is. */
export interface HostFacts {
  readonly hostName: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly memoryAvailableBytes: number;
  readonly kernelVersion: string;
  readonly osImage: string;
  /** As Go names them: linux, darwin; amd64, arm64. */
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly machineId: string;
  readonly bootId: string;
  /** Processor time of all programs since boot, nanoseconds. */
  readonly cpuNanoseconds: number;
  readonly bootedAtMs: number;
  /** Of IPv4, by which others reach it; loopback is none. */
  readonly addresses: readonly string[];
}

/** What an agent that runs programs needs besides: the machine itself. */
export interface Machine extends Platform {
  readonly processes: Processes;
  readonly files: Files;
  host(): Promise<HostFacts>;
}
