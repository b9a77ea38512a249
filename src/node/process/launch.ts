/**
 * Starts a container's program as the leader of a session of its own, so that it outlives the agent. A shell stands before it, for what
 * nobody could do once the agent is gone: it writes down how the program ended. Signals go to the whole group; the shell lets them pass.
 */
import { dirname, isAbsolute, join } from "node:path";
import type { Files, Machine, RunningProcess } from "../../platform/index.ts";
import type { RunAs } from "./program.ts";

/**
 * $1: whether descriptor 4 takes a process into its control group, or nothing; $2: the pipe of its standard input, or nothing. Descriptors
 * were opened by the agent: the program's user may not.
 */
const wrapper = `trap : TERM INT HUP QUIT USR1 USR2 PIPE ALRM
if [ -n "$1" ]; then echo $$ >&4; exec 4>&-; fi
input=$2
shift 2
if [ -n "$input" ]; then /bin/cat "$input" 3>&- | "$@" 3>&-; else "$@" 3>&- < /dev/null; fi
echo $? >&3`;

export interface LaunchRequest extends RunAs {
  readonly command: readonly string[];
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
    const { env, cwd, uid, gid, groups, cgroupFile } = request;
    return await machine.processes.spawn({
      file: "/bin/sh",
      args: ["-c", wrapper, "sh", cgroupFile, request.stdinFile, ...oddVariables(env), path, ...rest],
      env,
      cwd,
      stdin: false,
      output: { file: request.logFile },
      record: request.exitFile,
      ...(cgroupFile === "" ? {} : { control: cgroupFile }),
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
      ...(groups === undefined ? {} : { groups }),
    });
  } catch (error) {
    const closed = request.uid === undefined ? undefined : await closedDirectory(machine.files, request.cwd);
    if (closed !== undefined)
      throw new StartError(
        `user ${request.uid} cannot enter ${request.cwd}: ${closed} is closed to others (chmod o+x ${closed})`,
      );
    throw new StartError(error instanceof Error ? error.message : String(error));
  }
}

/** The first directory on the way that lets only its owner in. */
async function closedDirectory(files: Files, path: string): Promise<string | undefined> {
  const parents: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) parents.unshift(at);
  for (const at of parents) {
    const found = await files.status(at);
    if (found !== undefined && (found.mode & 0o001) === 0) return at;
  }
  return undefined;
}

/**
 * A shell drops variables that it could not name itself, such as `data-1` of a ConfigMap; what comes behind these words, whatever shells
 * stood before them, has them again.
 */
export function oddVariables(env: Readonly<Record<string, string>>): string[] {
  const odd = Object.entries(env).filter(([name]) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name));
  return odd.length === 0 ? [] : ["/usr/bin/env", "--", ...odd.map(([name, value]) => `${name}=${value}`)];
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
