import { hostAndPort } from "../addresses.ts";
import type { ConnectionOptions } from "../connection.ts";
import { runTraffic } from "../run-traffic.ts";

export interface ProxyCommandOptions extends ConnectionOptions {
  readonly nodeName?: string;
  readonly nodeportAddresses: string;
}

/** The proxy alone: Services at their cluster IPs and node ports. */
export function proxy(options: ProxyCommandOptions): Promise<void> {
  const nodeNames = options.nodeName?.split(",").filter((name) => name !== "");
  const nodePortHosts = options.nodeportAddresses.split(",").filter((host) => host !== "");
  for (const host of nodePortHosts)
    hostAndPort("--nodeport-addresses", host.includes(":") ? `[${host}]` : host, 0);
  return runTraffic(
    options,
    ({ server }) => {
      const { hostname, port } = new URL(server);
      const apiServer = { host: hostname.replace(/^\[|\]$/g, ""), port: Number(port || 443) };
      return { proxy: { nodePortHosts, apiServer, ...(nodeNames === undefined ? {} : { nodeNames }) } };
    },
    () => "Services can be reached at their cluster IPs",
  );
}
