import type { Connection, Network } from "../../platform/index.ts";
import type { PeerTls } from "../config.ts";

const dialTimeoutMs = 3000;

/** Connects to where a member listens. */
export async function dialPeer(
  network: Network,
  peerUrl: string,
  tls: PeerTls | undefined,
): Promise<Connection> {
  const url = new URL(peerUrl);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
  const material = tls && { ...tls, ...tls.caller };
  const connection = await network.connect({
    host,
    port,
    timeoutMs: dialTimeoutMs,
    ...(material && { tls: material }),
  });
  const { peerCertificate: shown } = connection;
  const reason = shown && tls?.turnsAway?.(shown);
  if (reason === undefined) return connection;
  connection.stream.destroy();
  throw new Error(`${peerUrl}: ${reason}`);
}
