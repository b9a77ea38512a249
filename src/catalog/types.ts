import type { KubeObject, ObjectMeta } from "../apimachinery/index.ts";

export type Protocol = "TCP" | "UDP" | "SCTP";
type TrafficPolicy = "Cluster" | "Local";

/** v1 ServicePort, as far as those need it who send traffic. */
export interface ServicePort {
  readonly name?: string;
  readonly protocol?: Protocol;
  readonly port: number;
  readonly nodePort?: number;
  readonly targetPort?: number | string;
}

/** v1 Service */
export interface Service extends KubeObject {
  metadata: ObjectMeta;
  readonly spec?: {
    readonly type?: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
    readonly clusterIP?: string;
    readonly clusterIPs?: readonly string[];
    readonly externalIPs?: readonly string[];
    readonly externalName?: string;
    readonly ports?: readonly ServicePort[];
    readonly publishNotReadyAddresses?: boolean;
    readonly sessionAffinity?: "None" | "ClientIP";
    readonly sessionAffinityConfig?: { readonly clientIP?: { readonly timeoutSeconds?: number } };
    readonly internalTrafficPolicy?: TrafficPolicy;
    readonly externalTrafficPolicy?: TrafficPolicy;
    readonly healthCheckNodePort?: number;
  };
}

/** discovery.k8s.io/v1 EndpointSlice */
export interface EndpointSlice extends KubeObject {
  metadata: ObjectMeta;
  readonly addressType?: "IPv4" | "IPv6" | "FQDN";
  readonly ports?: readonly SlicePort[] | null;
  readonly endpoints?: readonly SliceEndpoint[] | null;
}

export interface SlicePort {
  readonly name?: string;
  readonly protocol?: Protocol;
  readonly port?: number;
  readonly appProtocol?: string;
}

export interface SliceEndpoint {
  readonly addresses?: readonly string[];
  readonly conditions?: {
    readonly ready?: boolean | null;
    readonly serving?: boolean | null;
    readonly terminating?: boolean | null;
  };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly zone?: string;
  readonly targetRef?: { readonly kind?: string; readonly name?: string };
  readonly hints?: {
    readonly forZones?: readonly { readonly name: string }[];
    readonly forNodes?: readonly { readonly name: string }[];
  };
}

/** One address and port that serves one port of a Service. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
  /** New traffic is welcome. */
  readonly ready: boolean;
  /** It answers, though it may be about to end. */
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly nodeName: string | undefined;
  /** Where the endpoint is meant to be used from; empty: anywhere. */
  readonly forZones: readonly string[];
  readonly forNodes: readonly string[];
  /** The pod behind it. */
  readonly podName: string | undefined;
}
