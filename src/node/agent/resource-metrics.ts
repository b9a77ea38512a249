/** /metrics/resource of the kubelet, which metrics-server reads: the figures of stats/summary in Prometheus' text format. */
import { parseTime } from "../../apimachinery/index.ts";
import type { Summary, Usage } from "./summary.ts";

export const metricsContentType = "text/plain; version=0.0.4; charset=utf-8";

interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge";
  readonly help: string;
}

const nanosecondsInSecond = 1e9;

const cpu = (of: string): Family => ({
  name: `${of}_cpu_usage_seconds_total`,
  type: "counter",
  help: `[STABLE] Processor time that the ${of} has used, in seconds of one core`,
});
const memory = (of: string): Family => ({
  name: `${of}_memory_working_set_bytes`,
  type: "gauge",
  help: `[STABLE] Memory that the ${of} holds and that cannot be taken from it, in bytes`,
});
const startTime: Family = {
  name: "container_start_time_seconds",
  type: "gauge",
  help: "[STABLE] When the container was started, in seconds since 1970",
};
const scrapeError: Family = {
  name: "resource_scrape_error",
  type: "gauge",
  help: "[STABLE] 1 where the figures of containers could not be read, else 0",
};

export function resourceMetrics({ node, pods }: Summary): string {
  const lines = new Map<Family, string[]>();
  const add = (
    family: Family,
    labels: Readonly<Record<string, string>>,
    value: number,
    time?: string,
  ): void => {
    const shown = Object.entries(labels).map(([name, text]) => `${name}="${text}"`);
    const stamp = time === undefined ? "" : ` ${parseTime(time) ?? ""}`;
    const series = `${family.name}${shown.length === 0 ? "" : `{${shown.join(",")}}`}`;
    const found = lines.get(family) ?? [];
    if (found.length === 0) lines.set(family, found);
    found.push(`${series} ${value}${stamp}`);
  };
  const families = {
    container: [cpu("container"), memory("container")],
    node: [cpu("node"), memory("node")],
    pod: [cpu("pod"), memory("pod")],
  } as const;
  const addUsage = (
    of: keyof typeof families,
    labels: Readonly<Record<string, string>>,
    usage: Usage,
  ): void => {
    const [processor, held] = families[of];
    add(processor, labels, usage.cpu.usageCoreNanoSeconds / nanosecondsInSecond, usage.cpu.time);
    add(held, labels, usage.memory.workingSetBytes, usage.memory.time);
  };
  addUsage("node", {}, node);
  for (const { podRef, containers } of pods) {
    const { namespace, name: pod } = podRef;
    for (const container of containers) {
      const labels = { container: container.name, namespace, pod };
      addUsage("container", labels, container);
      add(startTime, labels, (parseTime(container.startTime) ?? 0) / 1000);
    }
    if (containers.length > 0) addUsage("pod", { namespace, pod }, sumOf(containers));
  }
  add(scrapeError, {}, 0);
  return [...lines]
    .sort(([one], [other]) => (one.name < other.name ? -1 : 1))
    .map(([{ name, type, help }, series]) =>
      [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...series, ""].join("\n"),
    )
    .join("");
}

function sumOf(containers: readonly Usage[]): Usage {
  const [first] = containers as readonly [Usage];
  const sum = (of: (usage: Usage) => number): number =>
    containers.reduce((total, usage) => total + of(usage), 0);
  return {
    cpu: { time: first.cpu.time, usageCoreNanoSeconds: sum((usage) => usage.cpu.usageCoreNanoSeconds) },
    memory: {
      time: first.memory.time,
      usageBytes: sum((usage) => usage.memory.usageBytes),
      workingSetBytes: sum((usage) => usage.memory.workingSetBytes),
      rssBytes: sum((usage) => usage.memory.rssBytes),
    },
  };
}
