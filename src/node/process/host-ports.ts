/** Ports of this machine that lead to a pod: what a container's `hostPort` asks for, TCP and UDP. */
import type { Endpoint } from "../../catalog/index.ts";
import type { Machine } from "../../platform/index.ts";
import { Balancer, joinConnections, reset, UdpFrontend } from "../../proxy/index.ts";
import { containersOf, type Pod } from "./pod.ts";

/** A pod's port must accept within this. Milliseconds. */
const dialMs = 10_000;

interface HostPort {
  readonly host: string;
  readonly port: number;
  readonly protocol: string;
  readonly target: { readonly address: string; readonly port: number };
}

export class HostPorts {
  readonly #machine: Machine;
  readonly #address: string;
  readonly #opened = new Map<string, { close(): Promise<void> }[]>();

  /** `address`: where ports are opened whose container names no hostIP. */
  constructor(machine: Machine, address: string) {
    this.#machine = machine;
    this.#address = address;
  }

  /** Once for each pod. The answer says of ports why they cannot be had: another node of this machine may have them. */
  async open(pod: Pod, podIp: string): Promise<string[]> {
    const uid = pod.metadata.uid as string;
    if (pod.spec.hostNetwork === true || this.#opened.has(uid)) return [];
    const opened: { close(): Promise<void> }[] = [];
    this.#opened.set(uid, opened);
    const complaints: string[] = [];
    for (const one of this.#portsOf(pod, podIp)) {
      try {
        opened.push(await (one.protocol === "UDP" ? this.#openUdp(one) : this.#openTcp(one)));
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        complaints.push(`hostPort ${one.port} (${one.protocol}) leads nowhere: ${why}`);
      }
    }
    return complaints;
  }

  async close(podUid: string): Promise<void> {
    const opened = this.#opened.get(podUid) ?? [];
    this.#opened.delete(podUid);
    await Promise.all(opened.map((one) => one.close()));
  }

  #portsOf(pod: Pod, podIp: string): HostPort[] {
    return containersOf(pod).flatMap(({ ports = [] }) =>
      ports.flatMap(({ hostPort, hostIP, protocol = "TCP", containerPort }) => {
        // SCTP is neither of Node's sockets.
        if (hostPort === undefined || hostPort === 0 || protocol === "SCTP") return [];
        return [
          {
            host: hostIP || this.#address,
            port: hostPort,
            protocol,
            target: { address: podIp, port: containerPort },
          },
        ];
      }),
    );
  }

  async #openTcp({ host, port, target }: HostPort): Promise<{ close(): Promise<void> }> {
    const { network, clock } = this.#machine;
    return network.listen({ host, port }, ({ stream }) => {
      const ignore = (): void => {};
      stream.on("error", ignore);
      network.connect({ host: target.address, port: target.port, timeoutMs: dialMs, halfOpen: true }).then(
        (connection) => {
          if (stream.destroyed) reset(connection.stream);
          else joinConnections(stream, connection.stream, clock, ignore);
        },
        () => reset(stream),
      );
    });
  }

  #openUdp({ host, port, target }: HostPort): Promise<{ close(): Promise<void> }> {
    const endpoint: Endpoint = {
      ...target,
      ...{ ready: true, serving: true, terminating: false },
      ...{ nodeName: undefined, forZones: [], forNodes: [], podName: undefined },
    };
    const backend = { balancer: new Balancer(this.#machine), endpoints: () => [endpoint] };
    return UdpFrontend.open({ host, port }, backend, this.#machine);
  }
}
