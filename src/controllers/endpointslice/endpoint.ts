import type { KubeObject } from "../../apimachinery/index.ts";
import { isPodReady, isPodTerminal } from "../pods.ts";
import { isTerminating } from "../resources.ts";
import {
  type EndpointPort,
  endpointHostname,
  publishesNotReady,
  targetPorts,
} from "../service-pods/ports.ts";
import { zoneOf } from "../service-pods/watcher.ts";

export type AddressType = "IPv4" | "IPv6";

/** discovery.k8s.io/v1 Endpoint */
export interface Endpoint {
  addresses: string[];
  conditions: { ready: boolean; serving: boolean; terminating: boolean };
  hostname?: string;
  targetRef?: { kind: "Pod"; namespace: string; name: string; uid: string };
  nodeName?: string;
  zone?: string;
  hints?: { forZones?: { name: string }[]; forNodes?: { name: string }[] };
}

/** discovery.k8s.io/v1 EndpointPort: the name is always there. */
export type SlicePort = EndpointPort & { name: string };

/** The ports that the Service's ports are in this pod, in the Service's order; its slices hold one such list. */
export function slicePorts(service: KubeObject, pod: KubeObject): SlicePort[] {
  return targetPorts(service, pod).map(({ name, protocol, port, appProtocol }) => ({
    name: name ?? "",
    protocol,
    port,
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

/** Undefined: the pod has no address of this type, or is finished. A pod that terminates is an endpoint until it is gone. */
export function endpointOf(
  service: KubeObject,
  pod: KubeObject,
  node: KubeObject | undefined,
  addressType: AddressType,
): Endpoint | undefined {
  if (isPodTerminal(pod)) return undefined;
  const addresses = addressesOf(pod, addressType);
  if (addresses.length === 0) return undefined;
  const serving = isPodReady(pod);
  const terminating = isTerminating(pod);
  const hostname = endpointHostname(service, pod);
  const zone = zoneOf(node);
  return {
    addresses,
    conditions: { ready: publishesNotReady(service) || (serving && !terminating), serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace as string,
      name: pod.metadata.name as string,
      uid: pod.metadata.uid as string,
    },
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName as string }),
    ...(zone === undefined ? {} : { zone }),
  };
}

function addressesOf(pod: KubeObject, addressType: AddressType): string[] {
  const addresses = ((pod.status?.podIPs ?? []) as { ip: string }[]).map(({ ip }) => ip);
  if (addresses.length === 0 && typeof pod.status?.podIP === "string") addresses.push(pod.status.podIP);
  return addresses.filter((ip) => ip !== "" && ip.includes(":") === (addressType === "IPv6"));
}

/** Address types that the Service's endpoints are wanted in. */
export function addressTypesOf(service: KubeObject): AddressType[] {
  const families: AddressType[] | undefined = service.spec?.ipFamilies;
  return families === undefined || families.length === 0 ? ["IPv4"] : families;
}

/**
 * Hints that keep traffic near (`spec.trafficDistribution`): every endpoint serves its own zone, and with PreferSameNode its
 * own node. They are given only where all endpoints can have them, so that no zone is left without.
 */
export function withHints(service: KubeObject, endpoints: readonly Endpoint[]): Endpoint[] {
  const distribution: string | undefined = service.spec?.trafficDistribution;
  const known =
    distribution === "PreferClose" || distribution === "PreferSameZone" || distribution === "PreferSameNode";
  const able = endpoints.every(
    (endpoint) =>
      !endpoint.conditions.ready ||
      (distribution === "PreferSameNode" ? endpoint.nodeName : endpoint.zone) !== undefined,
  );
  if (!known || !able) return [...endpoints];
  return endpoints.map((endpoint) => {
    if (!endpoint.conditions.ready) return endpoint;
    const forZones = endpoint.zone === undefined ? undefined : [{ name: endpoint.zone }];
    const forNodes =
      distribution === "PreferSameNode" && endpoint.nodeName !== undefined
        ? [{ name: endpoint.nodeName }]
        : undefined;
    return {
      ...endpoint,
      hints: {
        ...(forZones === undefined ? {} : { forZones }),
        ...(forNodes === undefined ? {} : { forNodes }),
      },
    };
  });
}
