import type { Machine } from "../../platform/index.ts";
import { probeOutputBytesMax } from "./limits.ts";
import type { RunAs } from "./program.ts";

/** Runs a program to its end, or to the end of its time; then its whole group is killed and the status is undefined. */
export async function runCommand(
  machine: Machine,
  request: RunAs & {
    readonly command: readonly string[];
    readonly timeoutMs: number;
    /** Of what it says so much is kept. Bytes; those of a probe by default. */
    readonly outputBytesMax?: number;
    /** What it is run for is over: as when the time is up. */
    readonly ended?: AbortSignal;
  },
): Promise<{ exitCode: number | undefined; output: string }> {
  const { command, timeoutMs, ended, outputBytesMax = probeOutputBytesMax, ...surroundings } = request;
  const [file = "", ...args] = command;
  const child = await machine.processes.spawn({
    file,
    args,
    ...surroundings,
    stdin: false,
    output: "pipe",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      if (output.length < outputBytesMax) output += chunk.toString();
    });
  }
  let late = false;
  const end = (): void => {
    late = true;
    child.signal("SIGKILL");
  };
  const deadline = machine.clock.after(timeoutMs, end);
  ended?.addEventListener("abort", end, { once: true });
  if (ended?.aborted === true) end();
  const { exitCode } = await child.ended;
  deadline.cancel();
  ended?.removeEventListener("abort", end);
  return { exitCode: late ? undefined : exitCode, output: output.slice(0, outputBytesMax) };
}
