import type { Connection, Network, TlsMaterial } from "../../platform/index.ts";

const dialTimeoutMs = 3000;

/** Connects to where a member listens. */
export function dialPeer(
  network: Network,
  peerUrl: string,
  tls: TlsMaterial | undefined,
): Promise<Connection> {
  const url = new URL(peerUrl);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  return network.connect({ host, port, timeoutMs: dialTimeoutMs, ...(tls === undefined ? {} : { tls }) });
}
