import type { Files, HostFacts } from "../../platform/index.ts";
import { kubeletVersion, type NodeDescription } from "../agent/node-object.ts";

/** Below so much free of it a machine is short of a resource; the kubelet's thresholds. */
const memoryBytesMin = 100 * 1024 * 1024;
const diskShareMin = 0.1;

const podsDefault = "110";

/** What a machine says of itself as a node. */
export async function describeMachine(options: {
  readonly host: HostFacts;
  readonly files: Files;
  readonly directory: string;
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly version: string;
}): Promise<NodeDescription> {
  const { host, directory } = options;
  const disk = await options.files.space(directory).catch(() => ({ total: 0, available: 0 }));
  const capacity = {
    cpu: String(host.cpus),
    "ephemeral-storage": `${Math.floor(disk.total / 1024)}Ki`,
    memory: `${Math.floor(host.memoryBytes / 1024)}Ki`,
    pods: podsDefault,
  };
  const pressures: Record<string, { reason: string; message: string }> = {};
  if (host.memoryAvailableBytes < memoryBytesMin) {
    pressures["MemoryPressure"] = {
      reason: "KubeletHasInsufficientMemory",
      message: "kubelet has insufficient memory available",
    };
  }
  if (disk.total > 0 && disk.available < disk.total * diskShareMin)
    pressures["DiskPressure"] = { reason: "KubeletHasDiskPressure", message: "kubelet has disk pressure" };
  return {
    name: options.name,
    address: options.address,
    hostName: options.name,
    labels: options.labels,
    annotations: options.annotations,
    capacity,
    port: options.port,
    pressures,
    info: {
      machineID: host.machineId,
      systemUUID: host.machineId,
      bootID: host.bootId,
      kernelVersion: host.kernelVersion,
      osImage: host.osImage,
      containerRuntimeVersion: `process://${options.version}`,
      kubeletVersion,
      operatingSystem: host.operatingSystem,
      architecture: host.architecture,
    },
  };
}
