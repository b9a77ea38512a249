import type { KubeObject, ObjectMeta } from "../../apimachinery/index.ts";
import type { NodeSelector } from "../core/pod/types.ts";

/** A kind of device, by what is asked of it. */
export interface DeviceClass extends KubeObject {
  spec: { selectors?: DeviceSelector[]; config?: DeviceConfiguration[]; extendedResourceName?: string };
}

export interface DeviceSelector {
  cel?: { expression?: string };
}

export interface DeviceConfiguration {
  requests?: string[];
  opaque?: { driver?: string; parameters?: unknown };
}

/** Devices that somebody wants to use. */
export interface ResourceClaim extends KubeObject {
  spec: ClaimSpec;
  status?: ClaimStatus;
}

export interface ClaimSpec {
  devices?: {
    requests?: DeviceRequest[];
    constraints?: DeviceConstraint[];
    config?: DeviceConfiguration[];
  };
}

export interface DeviceRequest {
  name?: string;
  exactly?: ExactRequest;
  firstAvailable?: (ExactRequest & { name?: string })[];
}

export interface ExactRequest {
  deviceClassName?: string;
  selectors?: DeviceSelector[];
  allocationMode?: string;
  count?: number;
  adminAccess?: boolean;
  tolerations?: unknown;
  capacity?: unknown;
}

export interface DeviceConstraint {
  requests?: string[];
  matchAttribute?: string;
  distinctAttribute?: string;
}

export interface ClaimStatus {
  allocation?: Allocation;
  reservedFor?: { apiGroup?: string; resource?: string; name?: string; uid?: string }[];
  devices?: AllocatedDevice[];
}

export interface Allocation {
  devices?: {
    results?: (DeviceId & { request?: string; adminAccess?: boolean })[];
    config?: (DeviceConfiguration & { source?: string })[];
  };
  nodeSelector?: NodeSelector;
}

export interface DeviceId {
  driver?: string;
  pool?: string;
  device?: string;
}

export interface AllocatedDevice extends DeviceId {
  conditions?: unknown[];
  data?: unknown;
  networkData?: { interfaceName?: string; hardwareAddress?: string; ips?: string[] };
}

export interface ResourceClaimTemplate extends KubeObject {
  spec: { metadata?: ObjectMeta; spec: ClaimSpec };
}

/** Devices that a node, or some, or all can reach. */
export interface ResourceSlice extends KubeObject {
  spec: SliceSpec;
}

export interface SliceSpec {
  driver?: string;
  pool?: { name?: string; generation?: number; resourceSliceCount?: number };
  nodeName?: string;
  nodeSelector?: NodeSelector;
  allNodes?: boolean;
  perDeviceNodeSelection?: boolean;
  sharedCounters?: unknown[];
  devices?: Device[];
}

export interface Device {
  name?: string;
  attributes?: Record<string, DeviceAttribute>;
  capacity?: Record<string, { value?: string; requestPolicy?: unknown }>;
  [field: string]: unknown;
}

export interface DeviceAttribute {
  bool?: boolean;
  int?: number;
  string?: string;
  version?: string;
}
