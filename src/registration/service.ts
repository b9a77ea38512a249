import { type KubeObject, StatusError } from "../apimachinery/index.ts";
import type { Client } from "../client/index.ts";

const services = { group: "", version: "v1", resource: "services" };

export interface ServicePort {
  readonly name?: string;
  readonly protocol?: string;
  readonly port: number;
}

export interface ServiceRequest {
  readonly namespace: string;
  readonly service: string;
  /** Of the program; also of the Service, where that is made and `servicePort` says nothing else. */
  readonly port: number;
  readonly servicePort?: number;
  /** Which of several ports of the Service the program serves. */
  readonly portName?: string;
  readonly protocol: "TCP" | "UDP";
}

/** The Service's port that the program serves; the Service is made where it is missing. @throws Error where the Service has no such port */
export async function ensureService(client: Client, request: ServiceRequest): Promise<ServicePort> {
  const { namespace, service, port, servicePort, portName, protocol } = request;
  const scope = { ...services, namespace };
  const wanted = {
    ...(portName === undefined ? {} : { name: portName }),
    protocol,
    port: servicePort ?? port,
    targetPort: port,
  };
  let found: KubeObject;
  try {
    found = await client.get(scope, service);
  } catch (error) {
    if (!hasCode(error, 404)) throw error;
    try {
      const metadata = { name: service, namespace };
      found = await client.create<KubeObject>(scope, {
        apiVersion: "v1",
        kind: "Service",
        metadata,
        spec: { ports: [wanted] },
      });
    } catch (failure) {
      // Another registrar of the same Service was quicker.
      if (!hasCode(failure, 409)) throw failure;
      found = await client.get(scope, service);
    }
  }
  return portOf(found, request);
}

function portOf({ spec }: KubeObject, request: ServiceRequest): ServicePort {
  const { namespace, service, portName, servicePort, protocol } = request;
  const ports = ((spec?.ports ?? []) as ServicePort[]).filter(
    (one) => (one.protocol ?? "TCP") === protocol && (servicePort === undefined || one.port === servicePort),
  );
  const named = portName === undefined ? ports : ports.filter(({ name }) => name === portName);
  const [first, ...others] = named;
  if (first !== undefined && others.length === 0) return first;
  const all = ((spec?.ports ?? []) as ServicePort[])
    .map(({ name, port, protocol: kind }) => `${name ?? "(no name)"} ${port}/${kind ?? "TCP"}`)
    .join(", ");
  throw new Error(
    first === undefined
      ? `Service ${namespace}/${service} has no ${protocol} port that was meant; it has ${all || "none"}`
      : `Service ${namespace}/${service} has several ports: say which with --port-name (${all})`,
  );
}

export function hasCode(error: unknown, ...codes: number[]): boolean {
  return error instanceof StatusError && codes.includes(error.code);
}
