import { deepEqual, parseIp } from "../../../apimachinery/index.ts";
import {
  isExternal,
  mayHaveNodePorts,
  needsClusterIp,
  needsHealthCheckPort,
  needsNodePorts,
  type Service,
  type ServiceSpec,
} from "./types.ts";

/** Clients that know less than the API, or send back what they once read, mean well: this brings their Services into order. */

/** A Service that was stored when there was one address and no word of families, as one of today: its changes are judged by that. */
export function withAddressList(old: Service): Service {
  const { clusterIP, clusterIPs, ipFamilies } = old.spec;
  if (!clusterIP || clusterIPs?.length) return old;
  const family = parseIp(clusterIP)?.family;
  const families: Partial<ServiceSpec> =
    family === undefined || ipFamilies?.length
      ? {}
      : { ipFamilies: [`IPv${family}`], ipFamilyPolicy: "SingleStack" };
  return { ...old, spec: { ...old.spec, clusterIPs: [clusterIP], ...families } };
}

/** `clusterIP` is the first of `clusterIPs`: whoever sets or clears one means both. Changes `next` in place. */
export function alignClusterIps(next: Service, old: Service | undefined): void {
  const { spec } = next;
  if (old === undefined) {
    if (spec.clusterIP && !spec.clusterIPs?.length) spec.clusterIPs = [spec.clusterIP];
    return;
  }
  if (old.spec.clusterIPs?.length && !spec.clusterIPs?.length && spec.clusterIP === old.spec.clusterIP) {
    spec.clusterIPs = old.spec.clusterIPs;
  }
  if (spec.clusterIP === old.spec.clusterIP) return;
  const sameList = deepEqual(spec.clusterIPs ?? [], old.spec.clusterIPs ?? []);
  if (old.spec.clusterIP && !spec.clusterIP) {
    if (sameList) delete spec.clusterIPs;
  } else if (spec.clusterIP && sameList) {
    spec.clusterIPs = [spec.clusterIP];
  }
}

/** What the server chose stays although the client leaves it out. */
export function keepAllocated(next: Service, old: Service): void {
  if (needsClusterIp(old) && needsClusterIp(next)) {
    if (!next.spec.clusterIP) copyField(next.spec, old.spec, "clusterIP");
    if (!next.spec.clusterIPs?.length) copyField(next.spec, old.spec, "clusterIPs");
  }
  if (needsNodePorts(old) && needsNodePorts(next)) keepNodePorts(next, old);
  if (needsHealthCheckPort(old) && needsHealthCheckPort(next) && !next.spec.healthCheckNodePort) {
    copyField(next.spec, old.spec, "healthCheckNodePort");
  }
}

/** By the port's name: its number may be what changes. */
function keepNodePorts(next: Service, old: Service): void {
  const ports = next.spec.ports ?? [];
  const before = new Set((old.spec.ports ?? []).map(({ nodePort }) => nodePort));
  const used = new Set(ports.map(({ nodePort }) => nodePort).filter((port) => before.has(port)));
  const byName = new Map((old.spec.ports ?? []).map(({ name = "", nodePort }) => [name, nodePort]));
  for (const port of ports) {
    if (port.nodePort) continue;
    const kept = byName.get(port.name ?? "");
    if (kept && !used.has(kept)) port.nodePort = kept;
  }
}

/** Fields that only the old type needed go with it, unless the client changed them: then it is told that they do not fit. */
export function dropUnneeded(next: Service, old: Service): void {
  const { spec } = next;
  const drop = (needed: (service: Service) => boolean, ...names: (keyof ServiceSpec)[]): void => {
    if (!needed(old) || needed(next)) return;
    for (const name of names) if (deepEqual(spec[name], old.spec[name])) delete spec[name];
  };
  drop(needsClusterIp, "ipFamilies", "ipFamilyPolicy");
  if (needsClusterIp(old) && !needsClusterIp(next) && deepEqual(spec.clusterIPs, old.spec.clusterIPs)) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
  }
  if (mayHaveNodePorts(old) && !mayHaveNodePorts(next)) dropNodePorts(spec, old.spec);
  drop(needsHealthCheckPort, "healthCheckNodePort");
  drop(isLoadBalancer, "allocateLoadBalancerNodePorts", "loadBalancerClass");
  drop(isExternal, "externalTrafficPolicy");
  if (!isLoadBalancer(next)) next.status = { ...next.status, loadBalancer: {} };
}

const isLoadBalancer = ({ spec }: Service): boolean => spec.type === "LoadBalancer";

function dropNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  const before = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  const isNew = spec.ports?.some(({ nodePort }) => nodePort && !before.has(nodePort));
  if (!isNew) for (const port of spec.ports ?? []) delete port.nodePort;
}

function copyField<K extends keyof ServiceSpec>(to: ServiceSpec, from: ServiceSpec, name: K): void {
  if (from[name] === undefined) delete to[name];
  else to[name] = from[name];
}
