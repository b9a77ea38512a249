import type { Endpoint } from "../catalog/index.ts";
import type { DatagramAddress, DatagramSocket, Platform, Timer } from "../platform/index.ts";
import { type Balancer, type Claim, endpointKey } from "./balancer.ts";
import { udpFlowsMax, udpIdleMs } from "./limits.ts";

interface Flow {
  readonly claim: Claim;
  readonly socket: Promise<DatagramSocket | undefined>;
  lastUsed: number;
}

export interface UdpBackend {
  readonly balancer: Balancer;
  endpoints(): readonly Endpoint[];
}

/**
 * The datagrams of one address of a Service. Those of one client form a flow to one endpoint, with a socket of its own so that answers
 * find back. A flow ends when it idles or its endpoint is gone: the next datagram begins another.
 */
export class UdpFrontend {
  readonly #backend: UdpBackend;
  readonly #platform: Platform;
  /** Insertion order is the order of use. */
  readonly #flows = new Map<string, Flow>();
  readonly #sweep: Timer;
  #socket: DatagramSocket | undefined;

  private constructor(backend: UdpBackend, platform: Platform) {
    this.#backend = backend;
    this.#platform = platform;
    this.#sweep = platform.clock.every(udpIdleMs / 4, () => this.#forgetIdle(), { background: true });
  }

  /** @throws where the address cannot be had */
  static async open(at: DatagramAddress, backend: UdpBackend, platform: Platform): Promise<UdpFrontend> {
    const frontend = new UdpFrontend(backend, platform);
    try {
      frontend.#socket = await platform.network.bindDatagrams(at, (message, from) =>
        frontend.#receive(message, from),
      );
    } catch (error) {
      frontend.#sweep.cancel();
      throw error;
    }
    return frontend;
  }

  /** Ends flows to endpoints that may get nothing any more. */
  endpointsChanged(): void {
    const usable = new Set(this.#backend.endpoints().map(endpointKey));
    for (const [client, { claim }] of this.#flows)
      if (!usable.has(endpointKey(claim.endpoint))) this.#end(client);
  }

  async close(): Promise<void> {
    this.#sweep.cancel();
    for (const client of [...this.#flows.keys()]) this.#end(client);
    await this.#socket?.close();
  }

  #receive(message: Uint8Array, from: DatagramAddress): void {
    const client = `${from.host} ${from.port}`;
    let flow = this.#flows.get(client);
    if (flow === undefined) {
      flow = this.#begin(from);
      // Nobody serves it: the datagram is lost, as one to a closed port is.
      if (flow === undefined) return;
    }
    flow.lastUsed = this.#platform.clock.monotonic();
    this.#flows.delete(client);
    this.#flows.set(client, flow);
    const { address: host, port } = flow.claim.endpoint;
    void flow.socket.then((socket) => socket?.send(message, { host, port }));
  }

  #begin(from: DatagramAddress): Flow | undefined {
    if (this.#flows.size >= udpFlowsMax) this.#end(this.#flows.keys().next().value as string);
    const claim = this.#backend.balancer.pick(this.#backend.endpoints(), from.host);
    if (claim === undefined) return undefined;
    const { address, port } = claim.endpoint;
    const wildcard = address.includes(":") ? "::" : "0.0.0.0";
    const socket = this.#platform.network
      .bindDatagrams({ host: wildcard, port: 0 }, (message, sender) => {
        // Only the endpoint may answer.
        if (sender.host === address && sender.port === port) this.#socket?.send(message, from);
      })
      .catch(() => undefined);
    return { claim, socket, lastUsed: 0 };
  }

  #end(client: string): void {
    const flow = this.#flows.get(client);
    if (flow === undefined) return;
    this.#flows.delete(client);
    flow.claim.release();
    void flow.socket.then((socket) => socket?.close());
  }

  #forgetIdle(): void {
    const before = this.#platform.clock.monotonic() - udpIdleMs;
    for (const [client, { lastUsed }] of this.#flows) {
      if (lastUsed > before) return;
      this.#end(client);
    }
  }
}
