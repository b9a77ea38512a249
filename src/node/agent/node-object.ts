import { formatTime, type KubeObject } from "../../apimachinery/index.ts";

/** What a node says of itself. */
export interface NodeDescription {
  readonly name: string;
  /** InternalIP, and hostIP of its pods. */
  readonly address: string;
  /** Hostname; the node's name by default. */
  readonly hostName?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly capacity: Readonly<Record<string, string>>;
  /** `capacity` by default. */
  readonly allocatable?: Readonly<Record<string, string>>;
  /** Where the agent serves the kubelet's API; 0 for nowhere. */
  readonly port: number;
  readonly info: NodeInfo;
  /** Conditions that are True although they should not be, with what they say. */
  readonly pressures?: Readonly<Record<string, { readonly reason: string; readonly message: string }>>;
}

interface NodeInfo {
  readonly machineID: string;
  readonly systemUUID: string;
  /** Stays while the machine runs. */
  readonly bootID: string;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly containerRuntimeVersion: string;
  /** As `v1.35.4`. */
  readonly kubeletVersion: string;
  readonly operatingSystem: string;
  /** As Go names it: amd64, arm64. */
  readonly architecture: string;
}

/** The version of the kubelet whose ways the agents have. */
export const kubeletVersion = "v1.35.4";

/** Where the API server finds the SHA-256 of the certificate that the agent serves with: nobody else's is taken for it. */
export const certificateAnnotation = "raftsman.dev/kubelet-certificate-sha256";

/** The Node as a kubelet registers it. */
export function nodeObject(description: NodeDescription, nowMs: number): KubeObject {
  const { name, info } = description;
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        "beta.kubernetes.io/arch": info.architecture,
        "beta.kubernetes.io/os": info.operatingSystem,
        "kubernetes.io/arch": info.architecture,
        "kubernetes.io/hostname": description.hostName ?? name,
        "kubernetes.io/os": info.operatingSystem,
        ...description.labels,
      },
      annotations: {
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
        ...description.annotations,
      },
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

/** The node's status; transition times stay where `old` says the same. */
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
    allocatable: description.allocatable ?? description.capacity,
    conditions: [
      ...before.filter(({ type }) => !own.has(type as string)),
      ...healthy.map(([type, reason, message]) => {
        const pressure = description.pressures?.[type];
        const status = type === "Ready" || pressure !== undefined ? "True" : "False";
        const previous = before.find((condition) => condition.type === type);
        return {
          type,
          status,
          lastHeartbeatTime: now,
          lastTransitionTime: previous?.status === status ? previous.lastTransitionTime : now,
          reason: pressure?.reason ?? reason,
          message: pressure?.message ?? message,
        };
      }),
    ],
    addresses: [
      { type: "InternalIP", address: description.address },
      { type: "Hostname", address: description.hostName ?? description.name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: description.port } },
    nodeInfo: { ...description.info, kubeProxyVersion: "" },
  };
}
