/** The programs of util-linux and the kernel's own files that a sandbox is made with. */
import type { Machine } from "../../../platform/index.ts";
import { findProgram } from "../launch.ts";

export interface SandboxTools {
  /** Paths. */
  readonly unshare: string;
  readonly nsenter: string;
  readonly setpriv: string;
}

/** @throws Error that says what is missing */
export async function findSandboxTools(machine: Machine): Promise<SandboxTools> {
  const { files, processes } = machine;
  const path = processes.environment()["PATH"] ?? "";
  const find = async (name: string): Promise<string> => {
    try {
      return await findProgram(files, name, `${path}:/usr/sbin:/usr/bin:/sbin:/bin`, "/");
    } catch {
      throw new Error(`--images: ${name} is not installed: containers are made with it (package util-linux)`);
    }
  };
  const [unshare, nsenter, setpriv] = [await find("unshare"), await find("nsenter"), await find("setpriv")];
  await find("mount");
  if (!(await files.status("/proc/self/ns/mnt")))
    throw new Error("--images: this system has no namespaces: containers need Linux");
  return { unshare, nsenter, setpriv };
}
