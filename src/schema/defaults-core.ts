import { canonicalQuantity, formatQuantity, parseQuantity, setOwn } from "../apimachinery/index.ts";
import { type Defaulter, isEmpty } from "./defaulter.ts";

type ResourceList = Record<string, string>;

/** How long a client sticks to a backend with ClientIP affinity, in seconds. */
const clientIpAffinitySeconds = 10_800;
const milli = 1_000_000n;

const service: Defaulter = ({ spec, status }) => {
  spec.sessionAffinity ??= "None";
  if (spec.sessionAffinity === "None") delete spec.sessionAffinityConfig;
  if (
    spec.sessionAffinity === "ClientIP" &&
    spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined
  ) {
    spec.sessionAffinityConfig = { clientIP: { timeoutSeconds: clientIpAffinitySeconds } };
  }
  spec.type ??= "ClusterIP";
  for (const port of spec.ports ?? []) {
    port.protocol ??= "TCP";
    if (port.targetPort === undefined || port.targetPort === 0 || port.targetPort === "")
      port.targetPort = port.port;
  }
  const isExternal =
    spec.type === "LoadBalancer" ||
    spec.type === "NodePort" ||
    (spec.type === "ClusterIP" && (spec.externalIPs ?? []).length > 0);
  if (isExternal) spec.externalTrafficPolicy ??= "Cluster";
  if (spec.type !== "ExternalName") spec.internalTrafficPolicy ??= "Cluster";
  if (spec.type === "LoadBalancer") {
    spec.allocateLoadBalancerNodePorts ??= true;
    for (const ingress of status?.loadBalancer?.ingress ?? []) {
      if (ingress.ip !== undefined) ingress.ipMode ??= "VIP";
    }
  }
};

const endpoints: Defaulter = (value) => {
  for (const subset of value.subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= "TCP";
};

/** A controller without a selector selects what its template makes, and carries its labels. */
const replicationController: Defaulter = ({ metadata, spec }) => {
  const labels = spec.template?.metadata?.labels;
  if (labels === undefined) return;
  if (isEmpty(spec.selector)) spec.selector = { ...labels };
  if (isEmpty(metadata.labels)) metadata.labels = { ...labels };
};

const limitRangeItem: Defaulter = (value) => {
  if (value.type !== "Container") return;
  const limits: ResourceList = { ...value.max, ...value.default };
  const requests: ResourceList = { ...value.min, ...limits, ...value.defaultRequest };
  if (Object.keys(limits).length > 0) value.default = limits;
  if (Object.keys(requests).length > 0) value.defaultRequest = requests;
};

/** Amounts are kept in thousandths, rounded up. */
const resourceList: Defaulter = (value: ResourceList) => {
  for (const [name, text] of Object.entries(value)) {
    const { nano, format } = parseQuantity(text);
    const rest = nano % milli;
    if (rest === 0n) continue;
    const rounded = nano - rest + (nano > 0n ? milli : -milli);
    value[name] = canonicalQuantity(formatQuantity({ nano: rounded, format }));
  }
};

/** Texts given as stringData are data, and win over it. */
const secret: Defaulter = (value) => {
  value.type ??= "Opaque";
  if (value.stringData === undefined) return;
  value.data ??= {};
  for (const [key, text] of Object.entries(value.stringData as Record<string, string>)) {
    setOwn(value.data, key, Buffer.from(text, "utf8").toString("base64"));
  }
  delete value.stringData;
};

/** A field of old for one value and a newer list of several: the first of the list is the one; where they differ the one wins. */
function oneAndMany(
  value: Record<string, unknown>,
  one: string,
  many: string,
  read: (entry: unknown) => unknown,
  make: (text: unknown) => unknown = (text) => text,
): void {
  const list = (value[many] ?? []) as unknown[];
  if (value[one] === undefined) {
    if (list.length > 0) value[one] = read(list[0]);
  } else if (list.length === 0 || read(list[0]) !== value[one]) value[many] = [make(value[one])];
}

export const coreDefaulters: Readonly<Record<string, Defaulter>> = {
  "core/v1.Service": service,
  "core/v1.Endpoints": endpoints,
  "core/v1.ReplicationController": replicationController,
  "core/v1.LimitRangeItem": limitRangeItem,
  "core/v1.ResourceList": resourceList,
  "core/v1.Secret": secret,
  "core/v1.Namespace": ({ metadata }) => {
    if ((metadata.name ?? "") !== "") {
      metadata.labels = { ...metadata.labels, "kubernetes.io/metadata.name": metadata.name };
    }
  },
  "core/v1.NamespaceStatus": (value) => {
    value.phase ??= "Active";
  },
  "core/v1.NodeSpec": (value) => {
    oneAndMany(value, "podCIDR", "podCIDRs", (cidr) => cidr);
  },
  "core/v1.PodStatus": (value) => {
    oneAndMany(
      value,
      "podIP",
      "podIPs",
      (entry) => (entry as { ip?: string }).ip,
      (ip) => ({ ip }),
    );
  },
  "core/v1.NodeStatus": (value) => {
    if (value.capacity !== undefined) value.allocatable ??= { ...value.capacity };
  },
  "core/v1.PersistentVolume": ({ spec, status }) => {
    status.phase ??= "Pending";
    spec.persistentVolumeReclaimPolicy ??= "Retain";
    spec.volumeMode ??= "Filesystem";
  },
  "core/v1.PersistentVolumeClaim": ({ status }) => {
    status.phase ??= "Pending";
  },
  "core/v1.PersistentVolumeClaimSpec": (value) => {
    value.volumeMode ??= "Filesystem";
  },
};
