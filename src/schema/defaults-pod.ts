import { type Container as Claiming, podResources, writeResources } from "../quota/index.ts";
import type { Defaulter } from "./defaulter.ts";

interface ResourceRequirements {
  limits?: Record<string, string>;
  requests?: Record<string, string>;
}
interface Container {
  image?: string;
  imagePullPolicy?: string;
  terminationMessagePath?: string;
  terminationMessagePolicy?: string;
  ports?: { containerPort: number; hostPort?: number }[];
  resources?: ResourceRequirements;
}

const defaultFileMode = 0o644;
const tokenLifetimeSeconds = 3_600;

/** registry/path:tag@digest: the tag is what follows the last colon of the last path part; "latest" where there is neither tag nor digest. */
function pullPolicyOf(image: string): "Always" | "IfNotPresent" {
  const [name = "", digest] = image.split("@", 2);
  const last = name.slice(name.lastIndexOf("/") + 1);
  const colon = last.indexOf(":");
  const repository = colon === -1 ? name : name.slice(0, name.length - (last.length - colon));
  // A name that is none has no tag; validation will tell.
  if (
    !/^[a-zA-Z0-9.:_/-]+$/.test(repository) ||
    /[A-Z]/.test(repository.slice(repository.indexOf("/") + 1))
  ) {
    return "IfNotPresent";
  }
  if (colon !== -1) return last.slice(colon + 1) === "latest" ? "Always" : "IfNotPresent";
  return digest === undefined ? "Always" : "IfNotPresent";
}

const container: Defaulter = (value: Container) => {
  value.imagePullPolicy ??= pullPolicyOf(value.image ?? "");
  value.terminationMessagePath ??= "/dev/termination-log";
  value.terminationMessagePolicy ??= "File";
};

/** Only of a Pod, not of a template: what is limited is requested, if nothing else is. */
function requestsFromLimits(resources: ResourceRequirements | undefined): void {
  if (resources?.limits === undefined) return;
  const requests = resources.requests ?? {};
  for (const [name, amount] of Object.entries(resources.limits)) requests[name] ??= amount;
  resources.requests = requests;
}

interface PodWithResources {
  containers?: Claiming[] | null;
  initContainers?: Claiming[];
  resources?: ResourceRequirements;
}

const ofPodLevel = /^(?:cpu|memory|hugepages-.*)$/;
const hugePages = /^hugepages-/;

/** What a pod asks for as a whole, where it says something of it: what its containers ask for together, or else what it may have. */
function podLevelResources(spec: PodWithResources): void {
  const { resources } = spec;
  if (resources === undefined) return;
  const { requests = {}, limits = {} } = resources;
  if (Object.keys(limits).length + Object.keys(requests).length === 0) return;
  const ofContainers = (kind: "requests" | "limits", names: (name: string) => boolean) => {
    const { resources: _, ...containers } = spec;
    const sum = podResources(containers, kind, { overhead: false });
    return writeResources(new Map([...sum].filter(([name]) => names(name))));
  };
  const hugeLimits = ofContainers("limits", (name) => hugePages.test(name) && !Object.hasOwn(requests, name));
  const most = { ...hugeLimits, ...limits };
  if (Object.keys(most).length === 0) return;
  resources.limits = most;
  const asked = ofContainers("requests", (name) => name === "cpu" || name === "memory");
  const allowed = Object.entries(most).filter(([name]) => ofPodLevel.test(name));
  const all = { ...Object.fromEntries(allowed), ...asked, ...requests };
  if (Object.keys(all).length > 0) resources.requests = all;
}

const pod: Defaulter = (value: {
  spec: PodWithResources & {
    containers?: Container[] | null;
    initContainers?: Container[];
    enableServiceLinks?: boolean;
    hostNetwork?: boolean;
    terminationGracePeriodSeconds?: number;
  };
}) => {
  const { spec } = value;
  const containers = [...(spec.containers ?? []), ...(spec.initContainers ?? [])];
  for (const one of containers) requestsFromLimits(one.resources);
  podLevelResources(spec);
  spec.enableServiceLinks ??= true;
  if ((spec.terminationGracePeriodSeconds ?? 0) < 0) spec.terminationGracePeriodSeconds = 1;
  if (spec.hostNetwork === true) hostPorts(containers);
};

/** With host networking a container's port is the host's. */
function hostPorts(containers: readonly Container[]): void {
  for (const one of containers) for (const port of one.ports ?? []) port.hostPort ??= port.containerPort;
}

const podSpec: Defaulter = (value) => {
  if (value.hostNetwork === true) hostPorts([...(value.containers ?? []), ...(value.initContainers ?? [])]);
  // Two names of one field.
  const account = value.serviceAccountName ?? value.serviceAccount;
  if (account !== undefined) value.serviceAccountName = value.serviceAccount = account;
  value.dnsPolicy ??= "ClusterFirst";
  value.restartPolicy ??= "Always";
  value.securityContext ??= {};
  value.terminationGracePeriodSeconds ??= 30;
  value.schedulerName ??= "default-scheduler";
};

const volume: Defaulter = (value) => {
  if (Object.keys(value).every((key) => key === "name")) value.emptyDir = {};
  if (value.image !== undefined) value.image.pullPolicy ??= pullPolicyOf(value.image.reference ?? "");
};

const fileMode: Defaulter = (value) => {
  value.defaultMode ??= defaultFileMode;
};

export const podDefaulters: Readonly<Record<string, Defaulter>> = {
  "core/v1.Pod": pod,
  "core/v1.PodSpec": podSpec,
  "core/v1.Container": container,
  "core/v1.EphemeralContainer": container,
  "core/v1.Volume": volume,
  "core/v1.SecretVolumeSource": fileMode,
  "core/v1.ConfigMapVolumeSource": fileMode,
  "core/v1.DownwardAPIVolumeSource": fileMode,
  "core/v1.ProjectedVolumeSource": fileMode,
  "core/v1.ServiceAccountTokenProjection": (value) => {
    value.expirationSeconds ??= tokenLifetimeSeconds;
  },
  "core/v1.AzureDiskVolumeSource": (value) => {
    value.readOnly ??= false;
  },
  "core/v1.HostPathVolumeSource": (value) => {
    value.type ??= "";
  },
  "core/v1.FileKeySelector": (value) => {
    value.optional ??= false;
  },
  "core/v1.ObjectFieldSelector": (value) => {
    value.apiVersion ??= "v1";
  },
  "core/v1.HTTPGetAction": (value) => {
    value.path ??= "/";
    value.scheme ??= "HTTP";
  },
  "core/v1.GRPCAction": (value) => {
    value.service ??= "";
  },
  "core/v1.Probe": (value) => {
    value.timeoutSeconds ??= 1;
    value.periodSeconds ??= 10;
    value.successThreshold ??= 1;
    value.failureThreshold ??= 3;
  },
};
