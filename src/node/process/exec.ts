/** Commands beside a container's program, with its environment and directory; they end with it. */
import type { Readable } from "node:stream";
import type { Machine, RunningProcess } from "../../platform/index.ts";
import type { CommandOptions, CommandStatus, CommandStreams } from "../streaming/remote-command.ts";
import { findProgram, StartError } from "./launch.ts";
import type { Surroundings } from "./program.ts";
import { type Terminal, terminalFor } from "./terminal.ts";

export async function execCommand(
  machine: Machine,
  command: readonly string[],
  surroundings: Surroundings,
  options: CommandOptions,
  streams: CommandStreams,
  ended: AbortSignal,
): Promise<void> {
  let child: RunningProcess;
  let terminal: Terminal | undefined;
  try {
    const { env } = surroundings;
    const found = await commandIn(machine, command, surroundings);
    terminal = options.tty ? await terminalFor(machine, found, streams) : undefined;
    const [file = "", ...rest] = terminal?.command ?? found;
    child = await machine.processes.spawn({
      ...surroundings,
      file,
      args: rest,
      env: options.tty ? { TERM: "xterm", ...env } : env,
      stdin: options.stdin,
      output: "pipe",
    });
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    const code = error instanceof StartError && message.includes("permission denied") ? 126 : 127;
    streams.stderr?.write(`${message}\n`);
    streams.stdin?.resume();
    await streams.finish(exitStatus(code, command));
    return;
  }
  void streams.closed.then(() => child.signal("SIGHUP"));
  const kill = (): void => void child.signal("SIGKILL");
  ended.addEventListener("abort", kill, { once: true });
  if (ended.aborted) kill();
  await terminal?.begun(child);
  const outputs = [
    passOn(child.stdout, streams.stdout),
    passOn(child.stderr, streams.stderr ?? (options.tty ? streams.stdout : null)),
  ];
  if (child.stdin !== null && streams.stdin !== null) {
    streams.stdin.on("error", () => child.stdin?.end());
    streams.stdin.pipe(child.stdin);
  }
  const { exitCode = 137 } = await child.ended;
  ended.removeEventListener("abort", kill);
  // Nobody reads any more: what still comes must not hold the connection back.
  streams.stdin?.unpipe();
  streams.stdin?.resume();
  await Promise.all(outputs);
  await streams.finish(exitCode === 0 ? { metadata: {}, status: "Success" } : exitStatus(exitCode, command));
}

/** @throws StartError */
async function commandIn(
  machine: Machine,
  command: readonly string[],
  { enter, env, cwd }: Surroundings,
): Promise<readonly string[]> {
  if (enter !== undefined) return enter(command);
  const [program = "", ...args] = command;
  return [await findProgram(machine.files, program, env["PATH"] ?? "", cwd), ...args];
}

/** v4 and v5 tell the exit code as a Status. */
function exitStatus(code: number, command: readonly string[]): CommandStatus {
  return {
    metadata: {},
    status: "Failure",
    message: `command terminated with non-zero exit code: error executing command [${command.join(" ")}], exit code ${code}`,
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: String(code) }] },
  };
}

/** Without ending the target, which may have another source. */
function passOn(from: Readable | null, to: NodeJS.WritableStream | null): Promise<void> {
  if (from === null || from.closed) return Promise.resolve();
  return new Promise((resolve) => {
    from.once("close", () => resolve());
    if (to === null) from.resume();
    else {
      // A client that is gone reads no more; the program is told by its end.
      to.on("error", () => from.resume());
      to.on("close", () => {
        from.unpipe();
        from.resume();
      });
      from.pipe(to, { end: false });
    }
  });
}
