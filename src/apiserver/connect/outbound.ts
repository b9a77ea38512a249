import { errors } from "../../apimachinery/index.ts";
import type { Connection, ConnectOptions, TlsMaterial } from "../../platform/index.ts";

/** How the API server reaches nodes and pods. */
export interface Outbound {
  connect(options: ConnectOptions): Promise<Connection>;
  /** What it shows to the nodes' agents. */
  readonly kubeletClient?: Pick<TlsMaterial, "cert" | "key"> | undefined;
  /** Loopback addresses that are pods: all others are refused as targets of the proxy. */
  readonly localPodCidr?: string;
}

/** Connects, or says what Go's dialer would say. @throws StatusError InternalError */
export async function dial(outbound: Outbound, url: string, options: ConnectOptions): Promise<Connection> {
  try {
    return await outbound.connect(options);
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    const at = `${options.host.includes(":") ? `[${options.host}]` : options.host}:${options.port}`;
    const why =
      code === "ECONNREFUSED"
        ? "connect: connection refused"
        : code === "ETIMEDOUT"
          ? "i/o timeout"
          : message;
    throw errors.internalError(`Get ${JSON.stringify(url)}: dial tcp ${at}: ${why}`);
  }
}
