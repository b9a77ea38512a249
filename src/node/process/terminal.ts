/**
 * A terminal for a command: `script` of util-linux opens one and stands between. The first line of its output names it, so that its size
 * can be set from beside as the client's changes.
 */
import type { Machine, RunningProcess } from "../../platform/index.ts";
import type { CommandStreams, TerminalSize } from "../streaming/remote-command.ts";
import { findProgram } from "./launch.ts";
import { runCommand } from "./run-command.ts";

/** How long the first size of a client's terminal is waited for, and how long setting one may take. Milliseconds. */
const sizeWaitMs = 200;
const setSizeMsMax = 2_000;
const namePattern = /^(\/dev\/pts\/\d+)\r?\n/;
/** Bytes of the first line at most. */
const nameBytesMax = 64;

export interface Terminal {
  /** The command on it. */
  readonly command: readonly string[];
  /** Takes the terminal's name from the output; from then on it has the client's sizes. Input must wait for this, or its echo comes first. */
  begun(child: RunningProcess): Promise<void>;
}

/** Undefined where there is none to be had; the client is told. */
export async function terminalFor(
  machine: Machine,
  command: readonly string[],
  streams: CommandStreams,
): Promise<Terminal | undefined> {
  const env = machine.processes.environment();
  const script = await findProgram(machine.files, "script", env["PATH"] ?? "", "/").catch(() => undefined);
  if (script === undefined || (await machine.host()).operatingSystem !== "linux") {
    streams.stdout?.write(
      "no terminal on this node (script of util-linux is not installed): lines are passed on as they are\r\n",
    );
    return undefined;
  }
  const first = await firstSize(machine, streams);
  const resize = first === undefined ? "" : `${sizeCommand(first).join(" ")}; `;
  return {
    command: [script, "-qefc", `tty; ${resize}exec ${command.map(quoted).join(" ")}`, "/dev/null"],
    async begun(child) {
      const name = await nameIn(child);
      if (name !== undefined) followSizes(machine, streams, name);
    },
  };
}

function firstSize(machine: Machine, streams: CommandStreams): Promise<TerminalSize | undefined> {
  return new Promise((resolve) => {
    const timer = machine.clock.after(sizeWaitMs, () => resolve(undefined));
    streams.onResize((size) => {
      timer.cancel();
      resolve(size);
    });
  });
}

/** One after the other, and of those that come meanwhile the last. */
function followSizes(machine: Machine, streams: CommandStreams, name: string): void {
  let next: TerminalSize | undefined;
  let setting = false;
  const set = async (): Promise<void> => {
    setting = true;
    for (let size = next; size !== undefined; size = next) {
      next = undefined;
      const [program = "", ...args] = sizeCommand(size);
      await runCommand(machine, {
        command: [program, "-F", name, ...args],
        env: machine.processes.environment(),
        cwd: "/",
        timeoutMs: setSizeMsMax,
      });
    }
    setting = false;
  };
  streams.onResize((size) => {
    next = size;
    // A terminal that is gone has no size.
    if (!setting) void set().catch(() => {});
  });
}

const sizeCommand = ({ height, width }: TerminalSize): string[] => [
  "stty",
  "rows",
  String(height),
  "cols",
  String(width),
];

/** Undefined where the output begins with anything else, which stays in it. */
function nameIn({ stdout }: RunningProcess): Promise<string | undefined> {
  if (stdout === null) return Promise.resolve(undefined);
  return new Promise((resolve) => {
    let seen = Buffer.alloc(0);
    const done = (): void => {
      stdout.off("data", take).off("end", done);
      stdout.pause();
      const match = namePattern.exec(seen.toString("latin1"));
      const rest = seen.subarray(match?.[0].length ?? 0);
      if (rest.length > 0 && !stdout.readableEnded) stdout.unshift(rest);
      resolve(match?.[1]);
    };
    const take = (chunk: Buffer): void => {
      seen = Buffer.concat([seen, chunk]);
      if (seen.includes(10) || seen.length > nameBytesMax) done();
    };
    stdout.on("data", take).on("end", done);
  });
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
