import { clusterIpsOf, keyOfService, type Service, type ServicePort } from "../catalog/index.ts";

/** An address that must be listened on for a Service. */
export interface Frontend {
  readonly kind: "service" | "health";
  readonly serviceKey: string;
  readonly protocol: "TCP" | "UDP";
  readonly host: string;
  readonly port: number;
  /** Of the port whose endpoints serve it; none for the health check. */
  readonly portName: string;
  readonly policy: "Cluster" | "Local";
}

/** What tells frontends apart: two cannot have one socket. */
export function frontendKey({ protocol, host, port }: Frontend): string {
  return `${protocol} ${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Where a Service wants to be reached: its cluster and external addresses, and its node ports on every one of `nodePortHosts`. */
export function frontendsOf(service: Service, nodePortHosts: readonly string[]): Frontend[] {
  const { spec } = service;
  if (spec === undefined || spec.type === "ExternalName") return [];
  const serviceKey = keyOfService(service);
  const internal = spec.internalTrafficPolicy ?? "Cluster";
  const external = spec.externalTrafficPolicy ?? "Cluster";
  const found: Frontend[] = [];
  const add = (host: string, number: number, port: ServicePort, policy: "Cluster" | "Local"): void => {
    const protocol = port.protocol ?? "TCP";
    // SCTP is neither of Node's sockets.
    if (protocol === "SCTP") return;
    found.push({
      kind: "service",
      serviceKey,
      protocol,
      host,
      port: number,
      portName: port.name ?? "",
      policy,
    });
  };
  for (const port of spec.ports ?? []) {
    for (const host of clusterIpsOf(service)) add(host, port.port, port, internal);
    for (const host of spec.externalIPs ?? []) add(host, port.port, port, external);
    if (port.nodePort) for (const host of nodePortHosts) add(host, port.nodePort, port, external);
  }
  if (spec.type === "LoadBalancer" && external === "Local" && spec.healthCheckNodePort) {
    for (const host of nodePortHosts)
      found.push({
        kind: "health",
        serviceKey,
        protocol: "TCP",
        host,
        port: spec.healthCheckNodePort,
        portName: "",
        policy: "Local",
      });
  }
  return found;
}
