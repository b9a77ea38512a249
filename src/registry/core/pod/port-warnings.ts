import type { Container, ContainerPort } from "./types.ts";

interface Placed {
  readonly port: ContainerPort;
  readonly at: string;
}

/** Ports of all containers of a pod, which share one address. `at`: where a container stands. */
export function portWarnings(
  containers: readonly { readonly container: Container; readonly at: string }[],
): string[] {
  const ports = containers.flatMap(({ container, at }) =>
    (container.ports ?? []).map((port, i) => ({ port, at: `${at}.ports[${i}]` })),
  );
  return [...conflictWarnings(ports), ...nameWarnings(ports)];
}

function conflictWarnings(ports: readonly Placed[]): string[] {
  const byNumber = new Map<string, Placed[]>();
  return ports.flatMap((placed) => {
    const { port, at } = placed;
    const key = `${port.containerPort}/${port.protocol}`;
    const others = byNumber.get(key) ?? [];
    byNumber.set(key, [...others, placed]);
    return [
      ...(port.hostIP && !port.hostPort ? [`${at}: hostIP set without hostPort: ${shown(port)}`] : []),
      ...others.flatMap((other) => {
        const text = conflict(port, other.port);
        return text === undefined ? [] : [`${at}: ${text} port definition with ${other.at}`];
      }),
    ];
  });
}

function conflict(port: ContainerPort, other: ContainerPort): string | undefined {
  const [ip, otherIp] = [port.hostIP ?? "", other.hostIP ?? ""];
  const [number, otherNumber] = [port.hostPort ?? 0, other.hostPort ?? 0];
  if (ip === otherIp && number === otherNumber) return "duplicate";
  if (number === 0 || otherNumber === 0) return "overlapping";
  const oneOnAllAddresses = (ip === "") !== (otherIp === "");
  return number === otherNumber && oneOnAllAddresses ? "dangerously ambiguous" : undefined;
}

function nameWarnings(ports: readonly Placed[]): string[] {
  const places = new Map<string, string>();
  return ports.flatMap(({ port: { name = "" }, at }) => {
    if (name === "") return [];
    const first = places.get(name);
    if (first === undefined) {
      places.set(name, at);
      return [];
    }
    const consequence = `services and probes that select ports by name will use ${first}`;
    return [`${at}: duplicate port name "${name}" with ${first}, ${consequence}`];
  });
}

/** As Go prints the port. */
function shown({
  name = "",
  hostPort = 0,
  containerPort,
  protocol = "",
  hostIP = "",
}: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
}
