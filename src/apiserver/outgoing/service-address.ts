import type { AdmissionReader } from "../../admission/index.ts";
import type { Random } from "../../platform/index.ts";
import type { Place } from "./connection-error.ts";

/** A Service, and one of its ports by number. */
export interface ServiceReference {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

/** Why a Service cannot be reached, in the words of kube-aggregator's availability controller. */
export class ServiceUnavailable extends Error {
  override readonly name = "ServiceUnavailable";
  /** Of the condition Available. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.reason = reason;
  }
}

const services = { group: "", version: "v1", resource: "services" };
const endpointSlices = { group: "discovery.k8s.io", version: "v1", resource: "endpointslices" };
const endpoints = { group: "", version: "v1", resource: "endpoints" };
const serviceNameLabel = "kubernetes.io/service-name";

interface Slice {
  readonly endpoints?: readonly {
    readonly addresses: readonly string[];
    readonly conditions?: { readonly ready?: boolean };
  }[];
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[];
}

interface EndpointSubset {
  readonly addresses?: readonly { readonly ip: string }[];
  readonly ports?: readonly { readonly name?: string; readonly port: number }[];
}

/**
 * Where a Service is reached now: at one of its endpoints, for nothing on this machine need make ClusterIPs real; an ExternalName under that
 * name. @throws ServiceUnavailable
 */
export async function serviceAddress(
  reader: AdmissionReader,
  random: Random,
  { namespace, name, port }: ServiceReference,
): Promise<Place> {
  const named = `service/${name} in ${JSON.stringify(namespace)}`;
  const service = await reader.get(services, { namespace, name });
  if (service === undefined) throw new ServiceUnavailable("ServiceNotFound", `${named} is not present`);
  const spec = service["spec"] ?? {};
  if (spec.type === "ExternalName") return { host: String(spec.externalName), port };
  const servicePort = (spec.ports ?? []).find((candidate: { port: number }) => candidate.port === port);
  if (servicePort === undefined)
    throw new ServiceUnavailable("ServicePortError", `${named} is not listening on port ${port}`);
  const slices = await slicesOf(reader, namespace, name);
  if (slices === undefined)
    throw new ServiceUnavailable("EndpointsNotFound", `cannot find endpointslices for ${named}`);
  const portName: string = servicePort.name ?? "";
  const candidates = slices.flatMap(({ endpoints: members, ports }) =>
    (ports ?? [])
      .filter((candidate) => (candidate.name ?? "") === portName && candidate.port !== undefined)
      .flatMap((candidate) =>
        (members ?? [])
          .filter(({ conditions }) => conditions?.ready !== false)
          .flatMap(({ addresses }) => addresses)
          .map((host) => ({ host, port: candidate.port as number })),
      ),
  );
  const chosen = candidates[Math.floor(random.number() * candidates.length)];
  if (chosen === undefined) {
    const text = `endpointslices for ${named} have no addresses with port name ${JSON.stringify(portName)}`;
    throw new ServiceUnavailable("MissingEndpoints", text);
  }
  return chosen;
}

/** A Service's EndpointSlices, or what will be made of its Endpoints; undefined where it has neither. */
async function slicesOf(
  reader: AdmissionReader,
  namespace: string,
  name: string,
): Promise<readonly Slice[] | undefined> {
  const slices = (await reader.list(endpointSlices, namespace)).filter(
    ({ metadata }) => metadata.labels?.[serviceNameLabel] === name,
  );
  if (slices.length > 0) return slices as unknown as readonly Slice[];
  const found = await reader.get(endpoints, { namespace, name });
  return (found?.["subsets"] as EndpointSubset[] | undefined)?.map(({ addresses = [], ports = [] }) => ({
    endpoints: addresses.map(({ ip }) => ({ addresses: [ip] })),
    ports,
  }));
}
