/**
 * One address for several servers: takes TCP connections and joins each to the next server that accepts one. TLS passes through
 * untouched. When a server dies its connections break, and the clients' next ones go to another.
 */
import type { Address } from "../main/index.ts";
import type { Connection, Listener, Platform } from "../platform/index.ts";
import { joinConnections, reset } from "../proxy/index.ts";

const connectTimeoutMs = 1000;

export async function startForwarder(
  { clock, network }: Pick<Platform, "clock" | "network">,
  listen: Address,
  targets: () => readonly Address[],
  onUnreachable: (target: Address, error: Error) => void = () => {},
): Promise<Listener> {
  let turn = 0;
  const forward = async ({ stream: inbound }: Connection) => {
    inbound.on("error", () => inbound.destroy());
    const candidates = targets();
    for (let tries = 0; tries < candidates.length; tries++) {
      const target = candidates[turn++ % candidates.length] as Address;
      const outbound = await network
        .connect({ ...target, timeoutMs: connectTimeoutMs, halfOpen: true })
        .catch((error: Error) => onUnreachable(target, error));
      if (outbound === undefined) continue;
      if (inbound.destroyed) reset(outbound.stream);
      else joinConnections(inbound, outbound.stream, clock, () => {});
      return;
    }
    reset(inbound);
  };
  return network.listen({ ...listen, halfOpen: true }, (connection) => void forward(connection));
}
