import type { KubeObject } from "../../apimachinery/index.ts";

export interface EndpointPort {
  name?: string;
  port: number;
  protocol: string;
  appProtocol?: string;
}

interface ContainerSpec {
  readonly restartPolicy?: string;
  readonly ports?: readonly { name?: string; containerPort: number; protocol?: string }[];
}

/** The ports of the pod that the Service's ports lead to; one that names a port which the pod has not is left out. */
export function targetPorts(service: KubeObject, pod: KubeObject): EndpointPort[] {
  const found: EndpointPort[] = [];
  for (const port of service.spec?.ports ?? []) {
    const number = targetPort(pod, port.targetPort ?? port.port, port.protocol ?? "TCP");
    if (number === undefined) continue;
    found.push({
      ...(port.name === undefined || port.name === "" ? {} : { name: port.name as string }),
      port: number,
      protocol: port.protocol ?? "TCP",
      ...(port.appProtocol === undefined ? {} : { appProtocol: port.appProtocol as string }),
    });
  }
  return found;
}

/** A name is looked for in the containers, then in the init containers that stay (sidecars). */
function targetPort(pod: KubeObject, target: number | string, protocol: string): number | undefined {
  if (typeof target === "number") return target;
  const sidecars = ((pod.spec?.initContainers ?? []) as ContainerSpec[]).filter(
    (container) => container.restartPolicy === "Always",
  );
  for (const container of [...((pod.spec?.containers ?? []) as ContainerSpec[]), ...sidecars]) {
    for (const port of container.ports ?? []) {
      if (port.name === target && (port.protocol ?? "TCP") === protocol) return port.containerPort;
    }
  }
  return undefined;
}

/** The pod's name under the Service: only where the pod asks for it by `hostname` and `subdomain`. */
export function endpointHostname(service: KubeObject, pod: KubeObject): string | undefined {
  const hostname: string = pod.spec?.hostname ?? "";
  return hostname !== "" && pod.spec?.subdomain === service.metadata.name ? hostname : undefined;
}

/** `service.spec.clusterIP` is "None": clients get the endpoints themselves. */
export function isHeadless(service: KubeObject): boolean {
  return service.spec?.clusterIP === "None";
}

/** The service publishes its pods' addresses before they are ready. */
export function publishesNotReady(service: KubeObject): boolean {
  return service.spec?.publishNotReadyAddresses === true;
}
