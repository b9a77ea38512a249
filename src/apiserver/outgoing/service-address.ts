import type { AdmissionReader } from "../../admission/index.ts";
import type { Random } from "../../platform/index.ts";

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
const endpoints = { group: "", version: "v1", resource: "endpoints" };

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
): Promise<{ readonly host: string; readonly port: number }> {
  const named = `service/${name} in ${JSON.stringify(namespace)}`;
  const service = await reader.get(services, { namespace, name });
  if (service === undefined) throw new ServiceUnavailable("ServiceNotFound", `${named} is not present`);
  const spec = service["spec"] ?? {};
  if (spec.type === "ExternalName") return { host: String(spec.externalName), port };
  const servicePort = (spec.ports ?? []).find((candidate: { port: number }) => candidate.port === port);
  if (servicePort === undefined)
    throw new ServiceUnavailable("ServicePortError", `${named} is not listening on port ${port}`);
  const found = await reader.get(endpoints, { namespace, name });
  if (found === undefined) {
    const text = `cannot find endpoints for ${named}`;
    throw new ServiceUnavailable("EndpointsNotFound", text);
  }
  const candidates = ((found["subsets"] ?? []) as EndpointSubset[]).flatMap(
    ({ addresses = [], ports = [] }) =>
      ports
        .filter((candidate) => (candidate.name ?? "") === (servicePort.name ?? ""))
        .flatMap((candidate) => addresses.map(({ ip }) => ({ host: ip, port: candidate.port }))),
  );
  const chosen = candidates[Math.floor(random.number() * candidates.length)];
  if (chosen === undefined) {
    const portName = servicePort.name ? servicePort.name : String(port);
    const text = `endpoints for ${named} have no addresses with port name ${JSON.stringify(portName)}`;
    throw new ServiceUnavailable("MissingEndpoints", text);
  }
  return chosen;
}
