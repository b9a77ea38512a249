import { join } from "node:path";
import type { Machine } from "../../../platform/index.ts";
import { ImageStore } from "../oci/image-store.ts";
import { runCommand } from "../run-command.ts";
import { findSandboxTools, type SandboxTools } from "./tools.ts";

/** What a node makes containers of images with. */
export interface Sandboxes {
  readonly tools: SandboxTools;
  readonly images: ImageStore;
  /** The node's, of which everything that is mounted is a part. */
  readonly directory: string;
  /** A file system in memory; `bytes` of it at most, where given. */
  mountMemory(path: string, bytes: bigint | undefined): Promise<void>;
  /** Whatever was mounted in a pod's directory. */
  unmountBelow(directory: string): Promise<void>;
}

/** Of mount(8) and umount(8). Milliseconds. */
const mountMsMax = 30_000;

/** @throws Error that says what this machine lacks */
export async function openSandboxes(
  machine: Machine,
  at: { layout: string; directory: string },
): Promise<Sandboxes> {
  const tools = await findSandboxTools(machine);
  const images = new ImageStore(machine, at.layout, join(at.directory, "images"));
  const run = async (command: readonly string[]): Promise<void> => {
    const env = machine.processes.environment();
    const { exitCode, output } = await runCommand(machine, { command, env, cwd: "/", timeoutMs: mountMsMax });
    if (exitCode !== 0) throw new Error(`${command[0]}: ${output.trim()}`);
  };
  return {
    tools,
    images,
    directory: at.directory,
    mountMemory: (path, bytes) =>
      run([
        "mount",
        "-t",
        "tmpfs",
        "-o",
        `mode=777${bytes === undefined ? "" : `,size=${bytes}`}`,
        "tmpfs",
        path,
      ]),
    async unmountBelow(directory) {
      const table = Buffer.from(await machine.files.read("/proc/self/mounts")).toString();
      for (const line of table.split("\n")) {
        const place = line.split(" ")[1] ?? "";
        if (place.startsWith(`${directory}/`)) await run(["umount", "-l", place]);
      }
    },
  };
}
