import { readFile } from "node:fs/promises";
import * as os from "node:os";
import type { HostFacts } from "./process-ports.ts";

const goArchitectures: Readonly<Record<string, string>> = { x64: "amd64", ia32: "386" };
const unknownId = "00000000-0000-0000-0000-000000000000";

/** This machine, as it is now. */
export async function hostFacts(): Promise<HostFacts> {
  const text = async (path: string): Promise<string> => (await readFile(path, "utf8").catch(() => "")).trim();
  const [release, machineId, bootId, stat, memory] = await Promise.all(
    [
      "/etc/os-release",
      "/etc/machine-id",
      "/proc/sys/kernel/random/boot_id",
      "/proc/stat",
      "/proc/meminfo",
    ].map(text),
  );
  const available = /^MemAvailable:\s+(\d+) kB$/m.exec(memory ?? "")?.[1];
  // user, nice and system; in hundredths of a second.
  const busy = /^cpu +(\d+) (\d+) (\d+)/.exec(stat ?? "");
  const ticks = busy === null ? 0 : Number(busy[1]) + Number(busy[2]) + Number(busy[3]);
  return {
    hostName: os.hostname().toLowerCase(),
    cpus: os.availableParallelism(),
    memoryBytes: os.totalmem(),
    memoryAvailableBytes: available === undefined ? os.freemem() : Number(available) * 1024,
    kernelVersion: os.release(),
    osImage: /^PRETTY_NAME="?([^"\n]+)"?$/m.exec(release ?? "")?.[1] ?? `${os.type()} ${os.release()}`,
    operatingSystem: os.platform(),
    architecture: goArchitectures[os.arch()] ?? os.arch(),
    machineId: machineId || unknownId.replaceAll("-", ""),
    bootId: bootId || unknownId,
    cpuNanoseconds: ticks * 1e7,
    addresses: Object.values(os.networkInterfaces())
      .flatMap((list) => list ?? [])
      .filter(({ internal, family }) => !internal && family === "IPv4")
      .map(({ address }) => address),
    bootedAtMs: Date.now() - os.uptime() * 1000,
  };
}
