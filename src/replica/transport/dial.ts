import type { Connection, Network } from "../../platform/index.ts";
import type { PeerTls } from "../config.ts";

const dialTimeoutMs = 3000;

/** Connects to where a member listens. */
export function dialPeer(network: Network, peerUrl: string, tls: PeerTls | undefined): Promise<Connection> {
  const url = new URL(peerUrl);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  return network.connect({ host, port, timeoutMs: dialTimeoutMs, ...(tls === undefined ? {} : { tls }) });
}
