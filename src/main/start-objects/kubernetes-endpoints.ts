/**
 * Where the API is, for those who go by the Service `default/kubernetes`: its Endpoints and EndpointSlices, which no controller makes
 * because the Service selects no pods. Every member adds itself and takes out those that do not answer; who was taken out wrongly adds
 * itself again at the next look. Kept as kube-apiserver keeps them (pkg/controlplane/reconcilers), with several ports where members
 * share a machine.
 */
import { deepEqual, type KubeObject, parseIp } from "../../apimachinery/index.ts";
import type { Client, ResourceScope } from "../../client/index.ts";
import type { Network } from "../../platform/index.ts";
import { type EnsureOptions, keep } from "./ensure.ts";

/** Between two looks: upstream's interval. Milliseconds. */
const repairMs = 10_000;
/** A member that serves accepts connections at once. Milliseconds. */
const answerMs = 1_000;

const endpoints = { group: "", version: "v1", resource: "endpoints", namespace: "default" };
const slices = {
  group: "discovery.k8s.io",
  version: "v1",
  resource: "endpointslices",
  namespace: "default",
};
const serviceLabel = { "kubernetes.io/service-name": "kubernetes" };

interface Place {
  readonly ip: string;
  readonly port: number;
}

export interface KubernetesEndpointsOptions extends EnsureOptions, Place {
  readonly network: Network;
}

/** Makes them, and puts them right again, until the signal fires. `there`: this member is among them for the first time. */
export function keepKubernetesEndpoints(options: KubernetesEndpointsOptions): {
  readonly there: Promise<void>;
} {
  const { client, network, ip, port } = options;
  const isSelf = (place: Place): boolean => place.ip === ip && place.port === port;
  const answers = async (place: Place): Promise<boolean> => {
    try {
      const tls = { unverified: true };
      const { stream } = await network.connect({
        host: place.ip,
        port: place.port,
        tls,
        timeoutMs: answerMs,
      });
      stream.destroy();
      return true;
    } catch {
      return false;
    }
  };
  const attempt = async () => {
    const known = await find(client, endpoints, { fieldSelector: "metadata.name=kubernetes" });
    const others = placesIn(known[0]).filter((place) => !isSelf(place));
    const alive = await Promise.all(others.map(answers));
    const byPort = groupedByPort([{ ip, port }, ...others.filter((_, i) => alive[i])]);
    await settle(client, endpoints, known[0], endpointsOf(byPort));
    const present = await find(client, slices, { labelSelector: "kubernetes.io/service-name=kubernetes" });
    const wanted = slicesOf(byPort);
    for (const slice of wanted) {
      const name = slice.metadata.name;
      await settle(
        client,
        slices,
        present.find((one) => one.metadata.name === name),
        slice,
      );
    }
    for (const { metadata } of present) {
      if (metadata.name === undefined || !/^kubernetes(-\d+)?$/.test(metadata.name)) continue;
      if (!wanted.some((slice) => slice.metadata.name === metadata.name)) {
        await client.delete(slices, metadata.name);
      }
    }
  };
  return keep(options, "the endpoints of the Service kubernetes are", { repairMs, attempt });
}

/**
 * What to publish of the address that a server listens on: undefined for a name, for all addresses at once, and for loopback, unless the
 * whole cluster is on this machine.
 */
export function publishedAddress(host: string, onThisMachine: boolean): string | undefined {
  const ip = parseIp(host);
  if (ip === undefined || ip.value === 0n) return undefined;
  const isLoopback = host.startsWith("127.") || host === "::1";
  return !isLoopback || (onThisMachine && host === "127.0.0.1") ? host : undefined;
}

async function find(client: Client, scope: ResourceScope, query: object): Promise<readonly KubeObject[]> {
  return (await client.list(scope, query)).items;
}

function placesIn(object: KubeObject | undefined): readonly Place[] {
  const places: Place[] = [];
  for (const { addresses = [], ports = [] } of object?.["subsets"] ?? []) {
    for (const { port } of ports) for (const { ip } of addresses) places.push({ ip, port });
  }
  return places;
}

/** Ports and addresses in order, so that all members write the same. */
function groupedByPort(places: readonly Place[]): readonly { port: number; ips: readonly string[] }[] {
  const ports = [...new Set(places.map(({ port }) => port))].sort((a, b) => a - b);
  return ports.map((port) => {
    const ips = places.filter((place) => place.port === port).map(({ ip }) => ip);
    return { port, ips: [...new Set(ips)].sort() };
  });
}

type ByPort = ReturnType<typeof groupedByPort>;

const portOf = (port: number) => ({ name: "https", port, protocol: "TCP" });

function endpointsOf(byPort: ByPort): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Endpoints",
    metadata: { name: "kubernetes", labels: { "endpointslice.kubernetes.io/skip-mirror": "true" } },
    subsets: byPort.map(({ port, ips }) => ({
      addresses: ips.map((ip) => ({ ip })),
      ports: [portOf(port)],
    })),
  };
}

/** One for each port and family, since all endpoints of a slice have the same ports. */
function slicesOf(byPort: ByPort): readonly KubeObject[] {
  const groups = byPort.flatMap(({ port, ips }) =>
    ([4, 6] as const).flatMap((family) => {
      const own = ips.filter((ip) => parseIp(ip)?.family === family);
      return own.length === 0 ? [] : [{ port, family, ips: own }];
    }),
  );
  return groups.map(({ port, family, ips }, i) => ({
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: i === 0 ? "kubernetes" : `kubernetes-${i}`, labels: serviceLabel },
    addressType: `IPv${family}`,
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true } })),
    ports: [portOf(port)],
  }));
}

/** Makes the object, or makes it as it is wanted, and writes nothing where it is. */
async function settle(
  client: Client,
  scope: ResourceScope,
  present: KubeObject | undefined,
  wanted: KubeObject,
): Promise<void> {
  if (present === undefined) {
    await client.create(scope, wanted);
    return;
  }
  const { apiVersion: _, kind: __, metadata, ...content } = wanted;
  const labels = { ...present.metadata.labels, ...metadata.labels };
  const isSettled =
    deepEqual(labels, present.metadata.labels) &&
    Object.entries(content).every(([field, value]) => deepEqual(value, present[field]));
  if (isSettled) return;
  await client.update(scope, { ...present, ...content, metadata: { ...present.metadata, labels } });
}
