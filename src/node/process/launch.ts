/**
 * Starts a container's program as the leader of a session of its own, so that it outlives the agent. A shell stands before it, for what
 * nobody could do once the agent is gone: it writes down how the program ended. Signals go to the whole group; the shell lets them pass.
 */
import { isAbsolute, join } from "node:path";
import type { Files, Machine, RunningProcess } from "../../platform/index.ts";

/** $1: the file that takes a process into its control group, or nothing; $2: the pipe of its standard input, or nothing. */
const wrapper = `trap : TERM INT HUP QUIT USR1 USR2 PIPE ALRM
if [ -n "$1" ]; then echo $$ > "$1"; fi
input=$2
shift 2
if [ -n "$input" ]; then cat "$input" 3>&- | "$@" 3>&-; else "$@" 3>&- < /dev/null; fi
echo $? >&3`;

export interface LaunchRequest {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly uid?: number;
  readonly gid?: number;
  readonly logFile: string;
  /** Where its exit status is written. */
  readonly exitFile: string;
  readonly cgroupFile: string;
  /** A named pipe, or "" for no input. */
  readonly stdinFile: string;
}

/** The program cannot be started at all: the StartError of container runtimes. */
export class StartError extends Error {}

/** @throws StartError */
export async function launch(machine: Machine, request: LaunchRequest): Promise<RunningProcess> {
  const [program = "", ...rest] = request.command;
  const place = await machine.files.status(request.cwd);
  if (place?.kind !== "directory")
    throw new StartError(`workingDir ${request.cwd}: no such directory on this node`);
  const path = await findProgram(machine.files, program, request.env["PATH"] ?? "", request.cwd);
  await machine.files.remove(request.exitFile);
  try {
    return await machine.processes.spawn({
      file: "/bin/sh",
      args: ["-c", wrapper, "sh", request.cgroupFile, request.stdinFile, path, ...rest],
      env: request.env,
      cwd: request.cwd,
      stdin: false,
      output: { file: request.logFile },
      record: request.exitFile,
      ...(request.uid === undefined ? {} : { uid: request.uid }),
      ...(request.gid === undefined ? {} : { gid: request.gid }),
    });
  } catch (error) {
    throw new StartError(error instanceof Error ? error.message : String(error));
  }
}

/** As execvp looks for it. @throws StartError in the words of container runtimes */
export async function findProgram(
  files: Files,
  program: string,
  searchPath: string,
  cwd: string,
): Promise<string> {
  if (program.includes("/")) {
    const path = isAbsolute(program) ? program : join(cwd, program);
    const found = await files.status(path);
    if (found === undefined)
      throw new StartError(`exec: ${JSON.stringify(program)}: stat ${path}: no such file or directory`);
    if (found.kind === "directory") throw new StartError(`exec: ${JSON.stringify(program)}: is a directory`);
    if (!found.executable) throw new StartError(`exec: ${JSON.stringify(program)}: permission denied`);
    return path;
  }
  for (const directory of searchPath.split(":")) {
    if (directory === "") continue;
    const path = join(directory, program);
    const found = await files.status(path);
    if (found?.kind === "file" && found.executable) return path;
  }
  throw new StartError(`exec: ${JSON.stringify(program)}: executable file not found in $PATH`);
}

/** How the program ended, where the shell could still say so. */
export async function exitStatusIn(files: Files, exitFile: string): Promise<number | undefined> {
  const text = Buffer.from(await files.read(exitFile).catch(() => Buffer.alloc(0)))
    .toString()
    .trim();
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}
