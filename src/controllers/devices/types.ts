/** resource.k8s.io/v1 as far as claims to devices are made and allocated. */
import type { KubeObject } from "../../apimachinery/index.ts";

export interface Claim extends KubeObject {
  spec: {
    devices?: {
      requests?: DeviceRequest[];
      constraints?: { requests?: string[]; matchAttribute?: string }[];
      config?: { requests?: string[]; opaque?: object }[];
    };
  };
  status?: {
    allocation?: Allocation;
    reservedFor?: { apiGroup?: string; resource: string; name: string; uid: string }[];
    devices?: object[];
  };
}

export interface DeviceRequest {
  name: string;
  exactly?: DeviceChoice;
  firstAvailable?: (DeviceChoice & { name: string })[];
}

/** Which devices, and how many. */
export interface DeviceChoice {
  deviceClassName: string;
  selectors?: { cel?: { expression?: string } }[];
  allocationMode?: "ExactCount" | "All";
  count?: number;
  adminAccess?: boolean;
}

export interface Allocation {
  devices: { results?: AllocatedDevice[]; config?: object[] };
  nodeSelector?: NodeSelector;
}

interface DeviceId {
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
}

export interface AllocatedDevice extends DeviceId {
  request: string;
  adminAccess?: boolean;
}

export interface NodeSelector {
  nodeSelectorTerms?: { matchExpressions?: Requirement[]; matchFields?: Requirement[] }[];
}

interface Requirement {
  key: string;
  operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  values?: string[];
}

export interface DeviceClass extends KubeObject {
  spec: {
    selectors?: { cel?: { expression?: string } }[];
    config?: { opaque?: object }[];
  };
}

export interface Slice extends KubeObject {
  spec: {
    driver: string;
    pool: { name: string; generation: number; resourceSliceCount: number };
    nodeName?: string;
    nodeSelector?: NodeSelector;
    allNodes?: boolean;
    perDeviceNodeSelection?: boolean;
    devices?: Device[];
  };
}

export interface Device {
  name: string;
  attributes?: Record<string, Attribute>;
  capacity?: Record<string, { value?: string }>;
}

export interface Attribute {
  bool?: boolean;
  int?: number;
  string?: string;
  version?: string;
}
