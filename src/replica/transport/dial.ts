import type { Connection, ConnectOptions, Network } from "../../platform/index.ts";
import type { PeerTls } from "../config.ts";

const dialTimeoutMs = 3000;

/** Connects to where a member listens. */
export async function dialPeer(
  network: Network,
  peerUrl: string,
  tls: PeerTls | undefined,
): Promise<Connection> {
  const material = tls && { ...tls, ...tls.caller };
  const connection = await network.connect({
    ...targetOf(peerUrl),
    timeoutMs: dialTimeoutMs,
    ...(material && { tls: material }),
  });
  const { peerCertificate: shown } = connection;
  const reason = shown && tls?.turnsAway?.(shown);
  if (reason === undefined) return connection;
  connection.stream.destroy();
  throw new Error(`${peerUrl}: ${reason}`);
}

/** `unix://` and `unixs://` name a socket in the file system: everything behind is its path. */
function targetOf(peerUrl: string): Pick<ConnectOptions, "host" | "port" | "path"> {
  const path = /^unixs?:\/\/(.+)$/.exec(peerUrl)?.[1];
  if (path !== undefined) return { host: path.replace(/:\d*$/, ""), port: 0, path };
  const url = new URL(peerUrl);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  return { host, port: Number(url.port) || (url.protocol === "https:" ? 443 : 80) };
}
