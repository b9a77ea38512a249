/** Connections whose TLS ends at the endpoint: nobody here reads them. */
import type { Connection, Platform } from "../../platform/index.ts";
import { type Claim, endpointKey, joinConnections, reset } from "../../proxy/index.ts";
import { connectTimeoutMs, triesMax } from "../limits.ts";
import type { RouteEntry, RouteTable } from "../types.ts";

/** Finds the passthrough entry for the name of a connection, as the map `os_tcp_be.map` does: those of hosts before wildcards. */
export function passThroughEntries(
  entries: RouteTable["entries"],
): (serverName: string) => RouteEntry | undefined {
  const byHost = new Map<string, RouteEntry>();
  for (const entry of entries)
    if (entry.termination === "passthrough" && !byHost.has(entry.host)) byHost.set(entry.host, entry);
  return (name) =>
    name === "" ? undefined : (byHost.get(name) ?? byHost.get(`*.${name.split(".").slice(1).join(".")}`));
}

/** Leads the connection to an endpoint, the next one where one does not accept, and breaks it off where none does. */
export async function passThrough(
  { stream }: Connection,
  claimNext: (tried: ReadonlySet<string>) => Claim | undefined,
  { network, clock }: Platform,
): Promise<void> {
  stream.on("error", () => {});
  const tried = new Set<string>();
  while (tried.size < triesMax && !stream.destroyed) {
    const claim = claimNext(tried);
    if (claim === undefined) break;
    const { address: host, port } = claim.endpoint;
    try {
      const outbound = await network.connect({ host, port, timeoutMs: connectTimeoutMs, halfOpen: true });
      joinConnections(stream, outbound.stream, clock, () => claim.release());
      if (stream.destroyed) {
        // It has broken already, and will not say so again.
        reset(outbound.stream);
        claim.release();
      }
      return;
    } catch {
      claim.failed();
      claim.release();
      tried.add(endpointKey(claim.endpoint));
    }
  }
  reset(stream);
}
