/** Connections whose TLS ends at the endpoint: nobody here reads them. */
import type { Connection, Platform } from "../../platform/index.ts";
import { type Claim, dialEndpoint, joinConnections, reset } from "../../proxy/index.ts";
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
  platform: Platform,
): Promise<void> {
  stream.on("error", () => {});
  const dialled = await dialEndpoint(platform, { claimNext, wanted: () => !stream.destroyed });
  if (typeof dialled === "string") return reset(stream);
  const { claim, connection } = dialled;
  joinConnections(stream, connection.stream, platform.clock, () => claim.release());
  // It has broken already, and will not say so again.
  if (!stream.destroyed) return;
  reset(connection.stream);
  claim.release();
}
