import { formatTime, type KubeObject } from "../../apimachinery/index.ts";

export interface NodeDescription {
  readonly name: string;
  /** InternalIP, and hostIP of its pods. */
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly capacity: Readonly<Record<string, string>>;
  /** As `v1.35.4`. */
  readonly kubeletVersion: string;
  /** As Go names it: amd64, arm64. */
  readonly architecture: string;
  /** Stays while the process lives. */
  readonly bootId: string;
}

/** The Node as a kubelet registers it. */
export function nodeObject(description: NodeDescription, nowMs: number): KubeObject {
  const { name, architecture } = description;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": architecture,
        "kubernetes.io/hostname": name,
        "kubernetes.io/os": "linux",
        ...description.labels,
      },
      annotations: { "volumes.kubernetes.io/controller-managed-attach-detach": "true" },
    },
    spec: {},
    status: nodeStatus(description, undefined, nowMs),
  };
}

/** Condition, reason and message of a node that is well: all but Ready are False. */
const healthy = [
  ["MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
  ["DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
  ["PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"],
  ["Ready", "KubeletReady", "kubelet is posting ready status"],
] as const;

/** The status of a healthy node; transition times stay where `old` says the same. */
export function nodeStatus(
  description: NodeDescription,
  old: KubeObject | undefined,
  nowMs: number,
): KubeObject["status"] {
  const now = formatTime(nowMs);
  const before = (old?.status?.conditions ?? []) as Record<string, string>[];
  const own = new Set<string>(healthy.map(([type]) => type));
  return {
    ...old?.status,
    capacity: description.capacity,
    allocatable: description.capacity,
    conditions: [
      ...before.filter(({ type }) => !own.has(type as string)),
      ...healthy.map(([type, reason, message]) => {
        const status = type === "Ready" ? "True" : "False";
        const previous = before.find((condition) => condition.type === type);
        return {
          type,
          status,
          lastHeartbeatTime: now,
          lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : now,
          reason,
          message,
        };
      }),
    ],
    addresses: [
      { type: "InternalIP", address: description.address },
      { type: "Hostname", address: description.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: 0 } },
    nodeInfo: {
      machineID: description.bootId.replaceAll("-", ""),
      systemUUID: description.bootId,
      bootID: description.bootId,
      kernelVersion: "0.0.0",
      osImage: "Raftsman hollow node",
      containerRuntimeVersion: "hollow://0.1.0",
      kubeletVersion: description.kubeletVersion,
      kubeProxyVersion: "",
      operatingSystem: "linux",
      architecture: description.architecture,
    },
  };
}
