/**
 * Limits by control groups (cgroups v2), where this process may make them: a group for each container below one for all, with the
 * memory, processor and process limits of its spec. Elsewhere limits are told to the program (resourceFieldRef) and not held.
 */
import { join } from "node:path";
import { parseQuantity, quantityMilliValue, quantityValue } from "../../apimachinery/index.ts";
import { fromUtf8, utf8 } from "../../base/index.ts";
import type { Files } from "../../platform/index.ts";
import type { Container } from "./pod.ts";

export interface Cgroups {
  /** Limits are held here. */
  readonly available: boolean;
  /** Makes the container's group; the answer is the file that takes a process in, "" where there are no groups. */
  enter(podUid: string, container: Container): Promise<string>;
  outOfMemory(podUid: string, container: string): Promise<boolean>;
  remove(podUid: string): Promise<void>;
}

const noCgroups: Cgroups = {
  available: false,
  enter: async () => "",
  outOfMemory: async () => false,
  remove: async () => {},
};

const controllers = ["cpu", "memory", "pids"];
/** Of processor time in one period. Microseconds. */
const periodMicroseconds = 100_000;
/** The kernel's smallest quota. Microseconds. */
const quotaMicrosecondsMin = 1_000;

/** `base`: where a v2 hierarchy is mounted, /sys/fs/cgroup. */
export async function openCgroups(files: Files, nodeName: string, base = "/sys/fs/cgroup"): Promise<Cgroups> {
  const offered = await files.read(join(base, "cgroup.controllers")).catch(() => undefined);
  if (offered === undefined) return noCgroups;
  const has = fromUtf8(offered).trim().split(" ");
  if (!controllers.every((name) => has.includes(name))) return noCgroups;
  const root = join(base, "raftsman", nodeName);
  const enable = async (directory: string): Promise<void> => {
    const all = controllers.map((name) => `+${name}`).join(" ");
    await files.write(join(directory, "cgroup.subtree_control"), utf8(all), 0o644);
  };
  try {
    await files.makeDirectory(root);
    for (const directory of [base, join(base, "raftsman"), root]) await enable(directory);
  } catch {
    // Not ours to divide: another service manager's, or read-only.
    return noCgroups;
  }
  const groupOf = (podUid: string, container: string): string => join(root, podUid, container);
  return {
    available: true,
    async enter(podUid, container) {
      const pod = join(root, podUid);
      await files.makeDirectory(pod);
      await enable(pod);
      const group = groupOf(podUid, container.name);
      await files.makeDirectory(group);
      for (const [name, value] of Object.entries(limitsOf(container)))
        await files.write(join(group, name), utf8(value), 0o644);
      return join(group, "cgroup.procs");
    },
    async outOfMemory(podUid, container) {
      const events = await files
        .read(join(groupOf(podUid, container), "memory.events"))
        .catch(() => undefined);
      return events !== undefined && /^oom_kill [1-9]/m.test(fromUtf8(events));
    },
    async remove(podUid) {
      const pod = join(root, podUid);
      for (const name of await files.list(pod).catch((): string[] => []))
        await files.removeDirectory(join(pod, name)).catch(() => {});
      await files.removeDirectory(pod).catch(() => {});
    },
  };
}

/** Files of a group and what is written into them. */
export function limitsOf(container: Container): Record<string, string> {
  const { limits = {}, requests = {} } = container.resources ?? {};
  const files: Record<string, string> = { "memory.max": "max", "cpu.max": `max ${periodMicroseconds}` };
  if (limits["memory"] !== undefined)
    files["memory.max"] = String(quantityValue(parseQuantity(limits["memory"])));
  if (limits["cpu"] !== undefined) {
    const milli = Number(quantityMilliValue(parseQuantity(limits["cpu"])));
    const quota = Math.max(quotaMicrosecondsMin, Math.round((milli * periodMicroseconds) / 1000));
    files["cpu.max"] = `${quota} ${periodMicroseconds}`;
  }
  if (requests["cpu"] !== undefined) files["cpu.weight"] = String(weightOf(requests["cpu"]));
  return files;
}

/** Shares of cgroups v1 (1,024 a processor, from 2 to 262,144) brought to weights of v2 (from 1 to 10,000). */
function weightOf(cpu: string): number {
  const milli = Number(quantityMilliValue(parseQuantity(cpu)));
  const shares = Math.min(262_144, Math.max(2, Math.round((milli * 1024) / 1000)));
  return Math.floor(1 + ((shares - 2) * 9_999) / 262_142);
}
