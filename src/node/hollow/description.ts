import { kubeletVersion, type NodeDescription } from "../agent/node-object.ts";
import type { HollowNodeOptions } from "./ports.ts";

const defaultCapacity = { cpu: "32", memory: "256Gi", "ephemeral-storage": "1Ti", pods: "110" };

/** `bootId` stays while the process lives. */
export function descriptionOf(node: HollowNodeOptions, bootId: string): NodeDescription {
  return {
    name: node.name,
    address: node.address ?? "127.0.0.1",
    labels: node.labels ?? {},
    capacity: node.capacity ?? defaultCapacity,
    port: 0,
    info: {
      machineID: bootId.replaceAll("-", ""),
      systemUUID: bootId,
      bootID: bootId,
      kernelVersion: "0.0.0",
      osImage: "Raftsman hollow node",
      containerRuntimeVersion: "hollow://0.1.0",
      kubeletVersion: node.kubeletVersion ?? kubeletVersion,
      operatingSystem: "linux",
      architecture: node.architecture ?? "amd64",
    },
  };
}
