/**
 * One address for several API servers: takes TCP connections and joins each to the next server that accepts one. TLS passes through
 * untouched. When a server dies its connections break, and the clients' next ones go to another.
 */
import type { Address } from "../main/index.ts";
import type { Connection, Listener, Network } from "../platform/index.ts";

const connectTimeoutMs = 1000;

export async function startForwarder(
  network: Network,
  listen: Address,
  targets: () => readonly Address[],
): Promise<Listener> {
  let turn = 0;
  const forward = async ({ stream: inbound }: Connection) => {
    inbound.on("error", () => inbound.destroy());
    const candidates = targets();
    for (let tries = 0; tries < candidates.length; tries++) {
      const target = candidates[turn++ % candidates.length] as Address;
      const outbound = await network
        .connect({ ...target, timeoutMs: connectTimeoutMs })
        .catch(() => undefined);
      if (outbound === undefined) continue;
      outbound.stream.on("error", () => inbound.destroy());
      outbound.stream.on("close", () => inbound.destroy());
      inbound.on("close", () => outbound.stream.destroy());
      if (inbound.destroyed) outbound.stream.destroy();
      else inbound.pipe(outbound.stream).pipe(inbound);
      return;
    }
    inbound.destroy();
  };
  return network.listen(listen, (connection) => void forward(connection));
}
