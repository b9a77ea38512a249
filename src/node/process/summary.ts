/** stats/summary of the kubelet: what the machine, the pods and their containers use. */
import { formatTime } from "../../apimachinery/index.ts";
import type { Machine, ProcessUsage } from "../../platform/index.ts";
import type { Summary, Usage } from "../agent/summary.ts";
import type { RunningPods } from "./node.ts";

/** Two looks for a rate are at least so far apart. Milliseconds. */
const rateMsMin = 500;
const sampleMs = 10_000;

interface Sample {
  readonly atMs: number;
  readonly cpuNanoseconds: number;
}

/** Processor time as a rate: between the last sample that is old enough and now. */
export class UsageRates {
  readonly #machine: Machine;
  readonly #samples = new Map<string, Sample[]>();
  readonly directory: string;

  constructor(machine: Machine, running: RunningPods, directory: string) {
    this.#machine = machine;
    this.directory = directory;
    void this.#sampleAll(running);
    machine.clock.every(sampleMs, () => void this.#sampleAll(running), { background: true });
  }

  /** Nanoseconds of processor a second; undefined before there are two looks. */
  rate(key: string, cpuNanoseconds: number, startedAt?: number): number | undefined {
    const atMs = this.#machine.clock.monotonic();
    const samples = this.#samples.get(key) ?? [];
    const old = samples.findLast((sample) => atMs - sample.atMs >= rateMsMin);
    samples.push({ atMs, cpuNanoseconds });
    this.#samples.set(key, samples.filter((sample) => atMs - sample.atMs <= 2 * sampleMs).slice(-50));
    if (old === undefined) {
      // The first look at a program: all that it used, over all the time that it ran.
      const ranMs = startedAt === undefined ? 0 : this.#machine.clock.now() - startedAt;
      return ranMs < rateMsMin ? undefined : Math.round((cpuNanoseconds / ranMs) * 1000);
    }
    return Math.max(0, Math.round(((cpuNanoseconds - old.cpuNanoseconds) / (atMs - old.atMs)) * 1000));
  }

  /** Forgets what is no more. */
  keep(keys: ReadonlySet<string>): void {
    for (const key of this.#samples.keys()) if (!keys.has(key)) this.#samples.delete(key);
  }

  async #sampleAll(running: RunningPods): Promise<void> {
    const host = await this.#machine.host();
    this.rate("node", host.cpuNanoseconds);
    for (const { key, usage } of await usages(this.#machine, running)) this.rate(key, usage.cpuNanoseconds);
  }
}

async function usages(
  machine: Machine,
  running: RunningPods,
): Promise<{ key: string; podUid: string; container: string; usage: ProcessUsage; startedAt: number }[]> {
  const leaders = [...running.all()].flatMap((worker) =>
    [...worker.runners.values()].flatMap(({ record: { name, state } }) =>
      state.kind === "running" ? [{ podUid: worker.pod.metadata.uid as string, name, state }] : [],
    ),
  );
  const found = await machine.processes.usage(leaders.map(({ state }) => state.pid));
  return leaders.flatMap(({ podUid, name, state }) => {
    const usage = found.get(state.pid);
    if (usage === undefined) return [];
    return [{ key: state.id, podUid, container: name, usage, startedAt: state.startedAt }];
  });
}

export async function summaryOf(
  machine: Machine,
  running: RunningPods,
  rates: UsageRates,
  nodeName: string,
): Promise<Summary> {
  const host = await machine.host();
  const time = formatTime(machine.clock.now());
  const all = await usages(machine, running);
  const node = cpuAndMemory(time, host.cpuNanoseconds, rates.rate("node", host.cpuNanoseconds), {
    bytes: host.memoryBytes - host.memoryAvailableBytes,
    available: host.memoryAvailableBytes,
  });
  const space = await machine.files.space(rates.directory).catch(() => ({ total: 0, available: 0 }));
  const byPod = Map.groupBy(all, ({ podUid }) => podUid);
  const pods = [...running.all()].map(({ pod }) => {
    const { name = "", namespace = "", uid = "" } = pod.metadata;
    const containers = (byPod.get(uid) ?? []).map(({ key, container, usage, startedAt }) => ({
      name: container,
      startTime: formatTime(startedAt),
      ...cpuAndMemory(time, usage.cpuNanoseconds, rates.rate(key, usage.cpuNanoseconds, startedAt), {
        bytes: usage.memoryBytes,
      }),
    }));
    return { podRef: { name, namespace, uid }, startTime: pod.status?.startTime ?? time, containers };
  });
  rates.keep(new Set(["node", ...all.map(({ key }) => key)]));
  return {
    node: {
      nodeName,
      startTime: formatTime(host.bootedAtMs),
      ...node,
      fs: {
        time,
        availableBytes: space.available,
        capacityBytes: space.total,
        usedBytes: space.total - space.available,
      },
    },
    pods,
  };
}

function cpuAndMemory(
  time: string,
  cpuNanoseconds: number,
  rate: number | undefined,
  memory: { bytes: number; available?: number },
): Usage {
  return {
    cpu: {
      time,
      ...(rate === undefined ? {} : { usageNanoCores: rate }),
      usageCoreNanoSeconds: Math.round(cpuNanoseconds),
    },
    memory: {
      time,
      ...(memory.available === undefined ? {} : { availableBytes: memory.available }),
      usageBytes: memory.bytes,
      workingSetBytes: memory.bytes,
      rssBytes: memory.bytes,
    },
  };
}
