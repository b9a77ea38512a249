import { readdirSync, readFileSync } from "node:fs";
import type { Metrics } from "../../telemetry/index.ts";

/** This process under the names of Prometheus' own libraries. What Linux alone tells is left out elsewhere. */
export function addProcessMetrics(metrics: Metrics): void {
  const gauge = (name: string, help: string, read: () => number) => metrics.gauge(name, help, read);
  metrics.read("process_cpu_seconds_total", "Time on a CPU.", { type: "counter" }, () => {
    const { user, system } = process.cpuUsage();
    return [[[], (user + system) / 1e6]];
  });
  gauge("process_resident_memory_bytes", "Memory in use.", () => process.memoryUsage.rss());
  gauge("process_start_time_seconds", "When it was started, since 1970.", () => startedAt);
  gauge("nodejs_heap_size_used_bytes", "JavaScript heap in use.", () => process.memoryUsage().heapUsed);
  gauge(
    "nodejs_external_memory_bytes",
    "Memory off the heap: keys and values are here.",
    () => process.memoryUsage().external,
  );
  const limit = read("/proc/self/limits", /^Max open files +(\d+)/m);
  if (limit === undefined) return;
  for (const name of ["process_open_fds", "os_fd_used"])
    gauge(name, "File descriptors open.", () => readdirSync("/proc/self/fd").length);
  for (const name of ["process_max_fds", "os_fd_limit"])
    gauge(name, "File descriptors there may be.", () => limit);
  gauge(
    "process_virtual_memory_bytes",
    "Addresses in use.",
    () => 1024 * (read("/proc/self/status", /^VmSize:\s+(\d+) kB/m) ?? 0),
  );
  gauge(
    "process_virtual_memory_max_bytes",
    "Addresses there may be.",
    // As Prometheus' library for Go says "unlimited".
    () => read("/proc/self/limits", /^Max address space +(\d+)/m) ?? 2 ** 64,
  );
  for (const [way, column] of [
    ["receive", 7],
    ["transmit", 8],
  ] as const)
    metrics.read(
      `process_network_${way}_bytes_total`,
      "Bytes over all network interfaces that this process sees.",
      { type: "counter" },
      () => [[[], octets(column)]],
    );
}

/** A column of the second line that begins with IpExt: InOctets, OutOctets. */
function octets(column: number): number {
  return read("/proc/self/net/netstat", new RegExp(`^IpExt:(?: \\d+){${column - 1}} (\\d+)`, "m")) ?? 0;
}

const startedAt = Date.now() / 1000 - process.uptime();

function read(path: string, pattern: RegExp): number | undefined {
  try {
    const found = pattern.exec(readFileSync(path, "utf8"))?.[1];
    return found === undefined ? undefined : Number(found);
  } catch {
    return undefined;
  }
}
