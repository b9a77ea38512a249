import type { IntOrString, KubeObject } from "../../../apimachinery/index.ts";

/** The parts of a Service that its rules look at, with defaults filled in. */

export interface Service extends KubeObject {
  spec: ServiceSpec;
  status?: ServiceStatus;
}

export type IpFamily = "IPv4" | "IPv6";

export interface ServiceSpec {
  ports?: ServicePort[];
  selector?: Record<string, string>;
  clusterIP?: string;
  clusterIPs?: string[];
  type?: string;
  externalIPs?: string[];
  sessionAffinity?: string;
  sessionAffinityConfig?: { clientIP?: { timeoutSeconds?: number } };
  loadBalancerIP?: string;
  loadBalancerSourceRanges?: string[];
  externalName?: string;
  externalTrafficPolicy?: string;
  healthCheckNodePort?: number;
  ipFamilies?: IpFamily[];
  ipFamilyPolicy?: string;
  allocateLoadBalancerNodePorts?: boolean;
  loadBalancerClass?: string;
  internalTrafficPolicy?: string;
  trafficDistribution?: string;
}

export interface ServicePort {
  name?: string;
  protocol?: string;
  appProtocol?: string;
  port: number;
  targetPort?: IntOrString;
  nodePort?: number;
}

export interface ServiceStatus {
  loadBalancer?: { ingress?: { ip?: string; hostname?: string; ipMode?: string }[] };
  conditions?: unknown[];
}

/** Asks for no address of its own: clients reach the endpoints directly. */
export const isHeadless = ({ spec }: Service): boolean => spec.clusterIPs?.[0] === "None";

export const needsClusterIp = ({ spec }: Service): boolean => spec.type !== "ExternalName";

/** Its ports may have ports of the nodes, chosen by the client or by the server. */
export const mayHaveNodePorts = ({ spec }: Service): boolean =>
  spec.type === "NodePort" || spec.type === "LoadBalancer";

/** The server chooses a port of the nodes where the client did not. */
export const needsNodePorts = ({ spec }: Service): boolean =>
  spec.type === "NodePort" || (spec.type === "LoadBalancer" && spec.allocateLoadBalancerNodePorts !== false);

/** A port of the node of its own, by which a load balancer learns whether the node has endpoints. */
export const needsHealthCheckPort = ({ spec }: Service): boolean =>
  spec.type === "LoadBalancer" && spec.externalTrafficPolicy === "Local";

/** Reachable from outside of the cluster. */
export const isExternal = ({ spec }: Service): boolean =>
  spec.type === "LoadBalancer" ||
  spec.type === "NodePort" ||
  (spec.type === "ClusterIP" && (spec.externalIPs?.length ?? 0) > 0);
