import type { KubeObject } from "../../apimachinery/index.ts";
import { isPodReady, isPodTerminal } from "../pods.ts";
import { isTerminating } from "../resources.ts";
import {
  type EndpointPort,
  endpointHostname,
  isHeadless,
  publishesNotReady,
  targetPorts,
} from "../service-pods/ports.ts";

interface EndpointAddress {
  ip: string;
  hostname?: string;
  nodeName?: string;
  targetRef?: { kind: "Pod"; namespace: string; name: string; uid: string };
}

export interface EndpointSubset {
  addresses?: EndpointAddress[];
  notReadyAddresses?: EndpointAddress[];
  ports?: EndpointPort[];
}

/** Addresses of one Endpoints object; what is above is cut, not-ready ones first (upstream's maxCapacity). */
const endpointAddressesMax = 1_000;

/**
 * The subsets of a Service: addresses that lead to the same ports stand together, each address once, in a canonical order
 * (k8s.io/kubernetes/pkg/api/v1/endpoints RepackSubsets).
 */
export function subsetsOf(service: KubeObject, pods: readonly KubeObject[]): EndpointSubset[] {
  const groups = new Map<
    string,
    { subset: EndpointSubset; ready: EndpointAddress[]; notReady: EndpointAddress[] }
  >();
  for (const pod of [...pods].sort(byUid)) {
    const address = addressOf(service, pod);
    if (address === undefined) continue;
    const ports = targetPorts(service, pod).sort(comparePorts);
    if (ports.length === 0 && !(isHeadless(service) && (service.spec.ports ?? []).length === 0)) continue;
    const key = JSON.stringify(ports);
    let group = groups.get(key);
    if (group === undefined) {
      group = { subset: ports.length === 0 ? {} : { ports }, ready: [], notReady: [] };
      groups.set(key, group);
    }
    (publishesNotReady(service) || isPodReady(pod) ? group.ready : group.notReady).push(address);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, { subset, ready, notReady }]) => ({
      ...(ready.length === 0 ? {} : { addresses: ready.sort(compareAddresses) }),
      ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady.sort(compareAddresses) }),
      ...subset,
    }));
}

/** Undefined: the pod is no endpoint. */
function addressOf(service: KubeObject, pod: KubeObject): EndpointAddress | undefined {
  const ip = podAddress(service, pod);
  if (ip === undefined || isTerminating(pod) || isPodTerminal(pod)) return undefined;
  const hostname = endpointHostname(service, pod);
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(pod.spec?.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName as string }),
    targetRef: {
      kind: "Pod",
      namespace: pod.metadata.namespace as string,
      name: pod.metadata.name as string,
      uid: pod.metadata.uid as string,
    },
  };
}

/** The pod's address in the Service's first family. */
function podAddress(service: KubeObject, pod: KubeObject): string | undefined {
  const wantsV6 = service.spec?.ipFamilies?.[0] === "IPv6";
  const addresses = ((pod.status?.podIPs ?? []) as { ip: string }[]).map(({ ip }) => ip);
  if (addresses.length === 0 && typeof pod.status?.podIP === "string") addresses.push(pod.status.podIP);
  return addresses.find((ip) => ip !== "" && ip.includes(":") === wantsV6);
}

/** At most `endpointAddressesMax` addresses over all subsets; undefined where nothing had to go. */
export function truncated(subsets: readonly EndpointSubset[]): EndpointSubset[] | undefined {
  const ready = subsets.reduce((sum, subset) => sum + (subset.addresses?.length ?? 0), 0);
  const all = ready + subsets.reduce((sum, subset) => sum + (subset.notReadyAddresses?.length ?? 0), 0);
  if (all <= endpointAddressesMax) return undefined;
  let readyLeft = endpointAddressesMax;
  let notReadyLeft = Math.max(0, endpointAddressesMax - ready);
  const kept: EndpointSubset[] = [];
  for (const { addresses, notReadyAddresses, ...subset } of subsets) {
    const someReady = (addresses ?? []).slice(0, readyLeft);
    const someNotReady = (notReadyAddresses ?? []).slice(0, notReadyLeft);
    readyLeft -= someReady.length;
    notReadyLeft -= someNotReady.length;
    if (someReady.length + someNotReady.length === 0) continue;
    kept.push({
      ...(someReady.length === 0 ? {} : { addresses: someReady }),
      ...(someNotReady.length === 0 ? {} : { notReadyAddresses: someNotReady }),
      ...subset,
    });
  }
  return kept;
}

function byUid(a: KubeObject, b: KubeObject): number {
  return (a.metadata.uid ?? "") < (b.metadata.uid ?? "") ? -1 : 1;
}

function compareAddresses(a: EndpointAddress, b: EndpointAddress): number {
  if (a.ip !== b.ip) return a.ip < b.ip ? -1 : 1;
  return (a.targetRef?.uid ?? "") < (b.targetRef?.uid ?? "") ? -1 : 1;
}

function comparePorts(a: EndpointPort, b: EndpointPort): number {
  if ((a.name ?? "") !== (b.name ?? "")) return (a.name ?? "") < (b.name ?? "") ? -1 : 1;
  return a.port - b.port || (a.protocol < b.protocol ? -1 : 1);
}
