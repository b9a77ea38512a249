import type { Json } from "../../../apimachinery/index.ts";
import { age, formatLabels, nameOf, none } from "../../tables/cells.ts";
import type { Service, ServicePort } from "./types.ts";

/** One row of `kubectl get services -o wide`. */
export function serviceRow(service: Service, now: number): Json[] {
  const { spec } = service;
  return [
    nameOf(service),
    spec.type ?? "",
    spec.clusterIPs?.[0] || none,
    externalCell(service),
    portsCell(spec.ports ?? []),
    age(service, now),
    formatLabels(spec.selector),
  ];
}

function externalCell({ spec, status }: Service): string {
  const external = spec.externalIPs ?? [];
  switch (spec.type) {
    case "ExternalName":
      return spec.externalName ?? "";
    case "LoadBalancer": {
      const ingress = (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip || (hostname ?? ""));
      const all = [...new Set([...ingress, ...external])].filter((address) => address !== "");
      return all.length === 0 ? "<pending>" : all.join(",");
    }
    default:
      return external.length === 0 ? none : external.join(",");
  }
}

/** `80/TCP,443:30443/TCP`. */
function portsCell(ports: readonly ServicePort[]): string {
  if (ports.length === 0) return none;
  return ports
    .map(({ port, nodePort, protocol }) =>
      nodePort ? `${port}:${nodePort}/${protocol}` : `${port}/${protocol}`,
    )
    .join(",");
}
