/** A network or mounts of their own for processes, gone with the test, however it ends. */
import { spawn } from "node:child_process";

/** Milliseconds. */
const upMsMax = 5000;

export interface Namespace {
  /** Runs before a command that is to run in it. */
  readonly enter: readonly string[];
  close(): void;
}

/** Answers why not where it is not allowed here, or lacks something. */
export async function openNamespace(kind: "net" | "mount", setUp: string): Promise<Namespace | string> {
  // The shell lives, and with it the namespace, until the pipe from this process closes.
  const holder = spawn("unshare", [`--${kind}`, "sh", "-c", `${setUp} && echo up && exec cat > /dev/null`], {
    stdio: ["pipe", "pipe", "pipe"],
  });
  let said = "";
  holder.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const failure = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve(`it is not there after ${upMsMax} ms`), upMsMax);
    holder.on("error", (error) => resolve(error.message));
    holder.on("close", (status) => resolve(said.trim() || `status ${status}`));
    holder.stdout.on("data", () => {
      resolve(undefined);
    });
    holder.on("close", () => clearTimeout(timer));
    holder.stdout.on("data", () => clearTimeout(timer));
  });
  const close = (): void => {
    holder.kill("SIGKILL");
    for (const stream of [holder.stdin, holder.stdout, holder.stderr]) stream.destroy();
    holder.unref();
  };
  if (failure === undefined) return { enter: ["nsenter", `--${kind}`, "--target", `${holder.pid}`], close };
  close();
  return failure;
}
