import type { KubeObject } from "../../apimachinery/index.ts";

interface HostPort {
  readonly ip: string;
  readonly port: number;
  readonly protocol: string;
}

/** Why a kubelet would not take this pod beside those: they have a port of the node that it wants. Undefined where nothing stands against it. */
export function portRefusal(
  pod: KubeObject,
  others: readonly KubeObject[],
): { readonly reason: string; readonly message: string } | undefined {
  const wanted = hostPortsOf(pod);
  if (wanted.length === 0) return undefined;
  const taken = others
    .filter(({ metadata, status }) => metadata.uid !== pod.metadata.uid && status?.phase === "Running")
    .flatMap(hostPortsOf);
  if (!wanted.some((one) => taken.some((other) => clash(one, other)))) return undefined;
  return {
    reason: "NodePorts",
    message:
      "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
  };
}

const anyAddress = "0.0.0.0";

function clash(a: HostPort, b: HostPort): boolean {
  const overlap = a.ip === b.ip || a.ip === anyAddress || b.ip === anyAddress;
  return a.port === b.port && a.protocol === b.protocol && overlap;
}

function hostPortsOf({ spec }: KubeObject): readonly HostPort[] {
  const ports: HostPort[] = [];
  for (const { ports: own = [] } of spec?.containers ?? []) {
    for (const { hostPort: port = 0, hostIP = "", protocol = "TCP" } of own) {
      if (port !== 0) ports.push({ ip: hostIP === "" ? anyAddress : hostIP, port, protocol });
    }
  }
  return ports;
}
