import { formatIp, type KubeObject, parseIp } from "../../apimachinery/index.ts";
import { controllerReference } from "../owners.ts";

export const managedBy = "endpointslice.kubernetes.io/managed-by";
export const managerName = "endpointslicemirroring-controller.k8s.io";
export const serviceName = "kubernetes.io/service-name";
/** Of a subset, at most so many: upstream's --mirroring-max-endpoints-per-subset. */
const addressesMax = 1_000;
const leftOut = new Set([
  "endpoints.kubernetes.io/last-change-trigger-time",
  "kubectl.kubernetes.io/last-applied-configuration",
]);

interface Address {
  ip: string;
  hostname?: string;
  nodeName?: string;
  targetRef?: object;
}

interface Port {
  name?: string;
  port?: number;
  protocol?: string;
  appProtocol?: string;
}

/** What a slice may hold: addresses of one family behind one set of ports. */
export function kindOf(slice: KubeObject): string {
  const listed = ((slice["ports"] ?? []) as Port[]).map(
    ({ name = "", port, protocol = "TCP", appProtocol = "" }) =>
      [name, port, protocol, appProtocol].join("/"),
  );
  return [slice["addressType"], ...listed.sort()].join(" ");
}

interface Subset {
  addresses?: Address[];
  notReadyAddresses?: Address[];
  ports?: Port[];
}

/** The slices that show the Endpoints, one for each family and set of ports, by those. */
export function mirrorOf(source: KubeObject): Map<string, KubeObject> {
  const slices = new Map<string, KubeObject>();
  for (const subset of (source["subsets"] ?? []) as Subset[]) {
    const ports = (subset.ports ?? []).map(({ name = "", port, protocol = "TCP", appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    const all = [
      ...(subset.addresses ?? []).map((address) => ({ address, ready: true })),
      ...(subset.notReadyAddresses ?? []).map((address) => ({ address, ready: false })),
    ];
    for (const { address, ready } of all.slice(0, addressesMax)) {
      const ip = parseIp(address.ip);
      if (ip === undefined) continue;
      const addressType = `IPv${ip.family}`;
      const fresh: KubeObject = { ...emptySlice(source), addressType, ports, endpoints: [] };
      const slice = slices.get(kindOf(fresh)) ?? fresh;
      slices.set(kindOf(fresh), slice);
      const { hostname, nodeName, targetRef } = address;
      slice["endpoints"].push({
        addresses: [formatIp(ip)],
        conditions: { ready },
        ...(hostname && { hostname }),
        ...(targetRef && { targetRef }),
        ...(nodeName && { nodeName }),
      });
    }
  }
  return slices;
}

function emptySlice(source: KubeObject): KubeObject {
  const { name = "", namespace, labels, annotations = {} } = source.metadata;
  const kept = Object.entries(annotations).filter(([key]) => !leftOut.has(key));
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      generateName: `${name}-`,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [serviceName]: name, [managedBy]: managerName },
      ...(kept.length === 0 ? {} : { annotations: Object.fromEntries(kept) }),
      ownerReferences: [controllerReference(source, "v1", "Endpoints")],
    },
  };
}
