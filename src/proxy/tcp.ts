import type { Endpoint } from "../catalog/index.ts";
import type { Connection, Platform } from "../platform/index.ts";
import type { Balancer } from "./balancer.ts";
import { dialEndpoint } from "./dial.ts";
import { joinConnections, reset } from "./join.ts";

/** What becomes of a connection, for the metrics. */
export type Outcome = "connected" | "no endpoint" | "refused" | "too many";

export interface TcpBackend {
  readonly balancer: Balancer;
  /** Asked anew at every try: what has been removed meanwhile gets nothing. */
  endpoints(): readonly Endpoint[];
}

/** Leads an accepted connection to an endpoint, the next one where one does not accept. Resolves when bytes flow or it is given up. */
export async function serveTcp(
  inbound: Connection,
  backend: TcpBackend,
  platform: Platform,
  ended: () => void,
): Promise<Outcome> {
  const client = hostOf(inbound.remoteAddress);
  const { stream } = inbound;
  // It may break before there is anybody to tell.
  const ignore = (): void => {};
  stream.on("error", ignore);
  const giveUp = (outcome: Outcome): Outcome => {
    reset(stream);
    ended();
    return outcome;
  };
  const dialled = await dialEndpoint(platform, {
    claimNext: (tried) => backend.balancer.pick(backend.endpoints(), client, tried),
    wanted: () => !stream.destroyed,
  });
  if (typeof dialled === "string") return giveUp(dialled);
  const { claim, connection } = dialled;
  joinConnections(stream, connection.stream, platform.clock, () => {
    claim.release();
    ended();
  });
  // It has broken already, and will not say so again.
  if (stream.destroyed) {
    reset(connection.stream);
    claim.release();
    ended();
  }
  return "connected";
}

/** `127.0.0.1:5000` and `[::1]:5000` without their ports. */
function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(":"));
}
